"""Freeze jobs: plan the whole once, cut it into tiles, and measure what each reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.grid import Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.protocol import Http
from hrdem.planning.make_plan import check_size, check_sources, make_plan
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Via
from hrdem.request.request import Request
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.cog import CogFile
from hrdem.tiff.encode import BLOCK
from hrdem.tiling.cut_tiles import cut_tiles
from hrdem.tiling.features import Feature
from hrdem.tiling.job import Job, JobOptions, Tile
from hrdem.tiling.job_file import seal_job
from hrdem.tiling.schemes import TileArea, parse_scheme
from hrdem.tiling.shared_tiles import SharedTiles
from hrdem.tiling.tile_key import EMPTY_KEY, digest_request, digest_shape, make_key

MAX_TILES = 1_000_000
MAX_OVERLAP_PIXELS = 4_096
_BLOCKS_A_REQUEST = 8  # about


def freeze_job(
    request: Request,
    scheme: str,
    options: JobOptions,
    http: Http,
    features: Sequence[Feature] = (),
    shift_grid: ShiftGrid | None = None,
) -> Job:
    """Plan a request once, and cut the plan into tiles.

    Args:
        request: The request of the whole.
        scheme: Scheme of the tiles, as `hrdem.tiling.schemes.parse_scheme` takes it.
        options: How tiles are written.
        http: HTTP client, for the catalogue, headers and tile indexes.
        features: The areas of ``features``.
        shift_grid: Differences that are added to heights; None for none.

    Raises:
        RequestError: If the request cannot be made in tiles, or a tile is too large for one file.
        NoDataError: If no requested collection has anything in the area, or there is no tile.
        NetworkError: If the catalogue, a header or a tile index cannot be read.
    """
    digest = digest_request(request, scheme, options, features)
    check_request(request, options)
    cutter = parse_scheme(scheme, features)
    plan = _reduce(make_plan(replace(request, via=Via.COG), http, in_tiles=True))
    areas = [*_cut(plan, options, cutter.cut(plan.request, plan.grid))]
    if not areas:
        raise NoDataError(f"No tile of `scheme={scheme}` has a pixel in {request.aoi.label}.")
    sha256 = "" if shift_grid is None else shift_grid.sha256
    shape = digest_shape(request.aoi) if request.crop else ""
    cuts = sorted(cut_tiles(plan, areas), key=_get_row)
    places = {name: place for place, name in enumerate(sorted(area.name for area, _ in cuts))}
    shared = SharedTiles([source.name for source in cut.sources] for _, cut in cuts if cut)
    measurer = _Measurer(plan, options, shape, sha256, http, shared)
    tiles = [measurer.measure(places[area.name], area, cut) for area, cut in cuts]
    tiles.sort(key=lambda tile: tile.name)
    groups = tuple(shared.list_groups())
    return seal_job(Job(plan, scheme, options, tuple(tiles), groups, sha256, digest, ""))


def check_request(request: Request, options: JobOptions) -> None:
    """Check that a request can be made in tiles.

    Raises:
        RequestError: If it cannot.
    """
    if not 0 <= options.overlap <= MAX_OVERLAP_PIXELS:
        raise RequestError(
            f"`overlap` is {options.overlap}. Give 0 to {MAX_OVERLAP_PIXELS} pixels."
        )
    for address in (request.stac_url, request.wcs_url):
        if address is not None:
            _check_address(address)


def _check_address(address: str) -> None:
    if redact_secrets(address) != address:
        raise RequestError(
            f"{redact_secrets(address)} has a secret in it, and job.json, which every worker "
            "reads, must have none. Give an address without user name, token or signature."
        )


def _reduce(plan: Plan) -> Plan:
    """Return a plan without what tiles do not need: regions, outlines and other assets of items."""

    def reduce_source(source: PlannedSource) -> PlannedSource:
        _check_address(source.file.display_url)
        items = tuple(
            replace(item, footprint=None, geometry=None, assets=()) for item in source.items
        )
        return replace(source, items=items)

    def reduce_mosaic(mosaic: Mosaic) -> Mosaic:
        sources = tuple(reduce_source(source) for source in mosaic.sources)
        return replace(mosaic, sources=sources, region=None)

    tiers = (
        replace(tier, mosaics=tuple(reduce_mosaic(mosaic) for mosaic in tier.mosaics))
        for tier in plan.tiers
    )
    return replace(plan, tiers=tuple(tiers))


def _cut(plan: Plan, options: JobOptions, areas: Iterator[TileArea]) -> Iterator[TileArea]:
    """Yield tiles with their overlap; check their number and names."""
    names: set[str] = set()
    for area in areas:
        names.add(area.name)
        if len(names) > MAX_TILES:
            raise RequestError(
                f"The area has more than {MAX_TILES:,} tiles. Give a `scheme` of larger ones."
            )
        window = area.window.grown(options.overlap).intersection(plan.grid.window)
        assert window is not None
        check_size(plan.grid.crop(window), plan.request)
        yield replace(area, window=window)


def _get_row(pair: tuple[TileArea, Plan | None]) -> int:
    """Return the order in which rows of tile indexes are read once."""
    return pair[0].window.row


@dataclass(frozen=True, slots=True)
class _Measurer:
    """Measures what tiles read, from the tile indexes.

    Attributes:
        plan: Plan of the whole.
        options: How tiles are written.
        shape: Fingerprint of the area that all tiles are cropped to, or empty.
        shift_grid: SHA-256 of the grid that shifts heights, or empty.
        http: HTTP client.
        shared: Stored tiles that several tiles read.
    """

    plan: Plan
    options: JobOptions
    shape: str
    shift_grid: str
    http: Http
    shared: SharedTiles

    def measure(self, place: int, area: TileArea, cut: Plan | None) -> Tile:
        """Measure a tile with its place in the job and its plan; None for one without sources."""
        if cut is None:
            return _make_empty(area)
        check_sources(cut)
        whole = {source.name: (number, source) for number, source in enumerate(self.plan.sources)}
        stored: list[str] = []
        size = requests = 0
        share = 0.0  # of the pixels, in stored tiles of the tier that has most of them
        for tier in cut.tiers:
            covered = 1.0
            for mosaic in tier.mosaics:
                pixels = 0
                for source in mosaic.sources:
                    within = whole[source.name][1].src_window
                    found = self._look_up(place, source, within, mosaic.region)
                    has_absent = source.file.nodata is not None  # else absent tiles are zeros
                    if found.tiles or not has_absent:
                        stored.append(source.name)
                    size += found.size
                    pixels += found.pixels if has_absent else source.src_window.pixels
                    requests += math.ceil(found.pixels / (_BLOCKS_A_REQUEST * BLOCK * BLOCK))
                covered = min(covered, pixels / mosaic.grid.window.pixels)
            share = max(share, covered)
        if not share:
            return _make_empty(area)
        shape = self.shape if area.aoi is None else digest_shape(area.aoi)
        return Tile(
            name=area.name,
            window=area.window,
            aoi=area.aoi,
            size=size,
            pixels=round(share * area.window.pixels),
            requests=requests,
            sources=tuple(whole[name][0] for name in stored),
            key=make_key(area, cut, shape, stored, self.options, self.shift_grid),
        )

    def _look_up(
        self, place: int, source: PlannedSource, within: Window, region: PreparedGeometry | None
    ) -> _Stored:
        """Look up the stored tiles of a source that a tile of the job reads."""
        file, window = source.file, source.src_window
        assert isinstance(file, CogFile)
        reader = file.read_tiles(self.http, within)
        parts = [(part, sizes) for part, _, sizes in reader.look_up(window, region)]
        self.shared.add(source.name, reader.shape, parts, place)
        count = sum(int((sizes > 0).sum()) for _, sizes in parts)
        width, height = file.block
        return _Stored(
            tiles=count,
            pixels=min(window.pixels, count * width * height),
            size=sum(int(sizes.sum()) for _, sizes in parts),
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    """Stored tiles of a source that a tile of the job reads.

    Attributes:
        tiles: Their number.
        pixels: Pixels in them, at most those of the window.
        size: Their bytes.
    """

    tiles: int
    pixels: int
    size: int


def _make_empty(area: TileArea) -> Tile:
    """Return a tile that has nothing to read."""
    return Tile(area.name, area.window, area.aoi, 0, 0, 0, (), EMPTY_KEY)
