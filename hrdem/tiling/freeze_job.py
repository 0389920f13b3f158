"""Freeze jobs: plan the whole once, cut it into tiles, and measure what each reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import shapely

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.geo.reproject import project_geometry
from hrdem.http.protocol import Http
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.make_plan import check_size, check_sources, make_plan
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Via
from hrdem.request.request import Request
from hrdem.runtime.redaction import redact_secrets
from hrdem.tiff.encode import BLOCK
from hrdem.tiling.features import Feature
from hrdem.tiling.fingerprints import EMPTY_KEY, digest_request, make_key
from hrdem.tiling.job import Job, JobOptions, Tile
from hrdem.tiling.job_file import seal_job
from hrdem.tiling.schemes import TileArea, parse_scheme

MAX_TILES = 1_000_000
MAX_OVERLAP_PIXELS = 4_096
MAX_CLIPPED_CORNERS = 1_000  # of an area that is clipped for each tile on its own
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
    tiles = [
        _measure_tile(area, cut, plan, options, sha256, http)
        for area, cut in sorted(_cut_plans(plan, areas), key=_get_row)
    ]
    tiles.sort(key=lambda tile: tile.name)
    return seal_job(Job(plan, scheme, options, tuple(tiles), sha256, digest, ""))


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
        items = tuple(replace(item, footprint=None, assets=()) for item in source.items)
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


@dataclass(frozen=True, slots=True)
class _Part:
    """Some tiles, and a plan whose area is clipped to the land around them."""

    areas: Sequence[TileArea]
    plan: Plan


def _cut_plans(plan: Plan, areas: Sequence[TileArea]) -> Iterator[tuple[TileArea, Plan | None]]:
    """Yield tiles with their plans.

    The area is halved with the tiles until it has few corners: to clip all of a province for each
    tile would take minutes.
    """
    parts = [_Part(areas, plan)]
    while parts:
        part = parts.pop()
        request = part.plan.request
        corners = shapely.get_num_coordinates(request.aoi.geometry)
        is_clipped = request.crop and any(area.aoi is None for area in part.areas)
        if len(part.areas) > 1 and corners > MAX_CLIPPED_CORNERS and is_clipped:
            parts += [_clip(half, part.plan) for half in _halve(part.areas)]
            continue
        for area in part.areas:
            cut = cut_plan(part.plan, area.window, area.aoi)
            if cut is not None and area.aoi is None:
                cut = replace(cut, request=plan.request)
            yield area, cut


def _halve(areas: Sequence[TileArea]) -> list[Sequence[TileArea]]:
    """Halve tiles across the longer side of the land that they cover."""
    columns = [area.window.column for area in areas]
    rows = [area.window.row for area in areas]
    if max(columns) - min(columns) > max(rows) - min(rows):
        found = sorted(areas, key=lambda area: area.window.column)
    else:
        found = sorted(areas, key=_get_first_row)
    middle = len(found) // 2
    return [found[:middle], found[middle:]]


def _clip(areas: Sequence[TileArea], plan: Plan) -> _Part:
    """Clip the area of a plan to the land around some tiles."""
    left, top = min(area.window.column for area in areas), min(area.window.row for area in areas)
    right = max(area.window.right for area in areas)
    bottom = max(area.window.bottom for area in areas)
    grid = plan.grid.crop(Window(left, top, right - left, bottom - top))
    box = project_geometry(shapely.box(*grid.bounds), grid.crs, NATIVE_CRS)
    aoi = plan.request.aoi
    clipped = replace(aoi, geometry=shapely.intersection(aoi.geometry, box))
    return _Part(areas, replace(plan, request=replace(plan.request, aoi=clipped)))


def _get_first_row(area: TileArea) -> int:
    return area.window.row


def _get_row(pair: tuple[TileArea, Plan | None]) -> int:
    """Return the order in which rows of tile indexes are read once."""
    return pair[0].window.row


def _measure_tile(
    area: TileArea, cut: Plan | None, plan: Plan, options: JobOptions, shift_grid: str, http: Http
) -> Tile:
    """Measure what a tile reads, from the tile indexes."""
    if cut is None:
        return _make_empty(area)
    check_sources(cut)
    whole = {source.name: (number, source) for number, source in enumerate(plan.sources)}
    stored: list[str] = []
    size = requests = 0
    share = 0.0
    for tier in cut.tiers:
        covered = 1.0
        for mosaic in tier.mosaics:
            pixels = 0
            for source in mosaic.sources:
                within = whole[source.name][1].src_window
                needed = source.file.needed(source.src_window, mosaic.region, http, None, within)
                assert needed.tiles is not None
                size += needed.size
                has_absent = source.file.nodata is not None  # else absent tiles are zeros
                pixels += needed.pixels if has_absent else source.src_window.pixels
                requests += math.ceil(needed.pixels / (_BLOCKS_A_REQUEST * BLOCK * BLOCK))
                if needed.tiles or not has_absent:
                    stored.append(source.name)
            covered = min(covered, pixels / mosaic.grid.window.pixels)
        share = max(share, covered)
    if not share:
        return _make_empty(area)
    return Tile(
        name=area.name,
        window=area.window,
        aoi=area.aoi,
        size=size,
        pixels=round(share * area.window.pixels),
        requests=requests,
        sources=tuple(whole[name][0] for name in stored),
        key=make_key(area, cut, stored, options, shift_grid),
    )


def _make_empty(area: TileArea) -> Tile:
    """Return a tile that has nothing to read."""
    return Tile(area.name, area.window, area.aoi, 0, 0, 0, (), EMPTY_KEY)
