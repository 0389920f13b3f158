"""A mosaic: what the files of one collection hold of one surface, on one lattice of pixels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from hrdem.catalog.items import Item
from hrdem.errors import NetworkError, RequestError, SourceError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds, Grid, Window
from hrdem.geo.resampling import kernel_radius, kernel_scale, pixel_vectors, source_bounds, spacing
from hrdem.http.protocol import Http
from hrdem.planning.overviews import select_levels
from hrdem.planning.resolve import NOTHING_BROKEN, no_item_error, resolve_sources
from hrdem.planning.resolved import ResolvedSource
from hrdem.request.options import Align
from hrdem.request.products import Collection
from hrdem.request.request import Request
from hrdem.sources.protocol import RasterFile
from hrdem.tiff.encode import BLOCK

log = logging.getLogger(__name__)

_FINER = 1.5  # times finer than the output is what still has its detail: means of means blur
_MOST_ACROSS = 500  # pixels of the source in one of the output: more take more than the memory
_USUAL_NODATA = -32767.0


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One file, or one coverage of a WCS, to read from.

    Attributes:
        name: What it is called: the id of its item, as a rule.
        collection: The tier that it belongs to.
        items: The catalogue's items that it holds.
        asset: Key of the asset, or identifier of the coverage.
        file: The file, as its own header describes it, and its version.
        src_window: Pixels to read, on the grid of the file's level.
        dst_window: The same pixels on the merge grid of the mosaic.
        fallback_reason: Why the WCS is read in place of the COG; empty for everything else.
    """

    name: str
    collection: Collection
    items: tuple[Item, ...]
    asset: str
    file: RasterFile
    src_window: Window
    dst_window: Window
    fallback_reason: str = ""

    @property
    def url(self) -> str:
        """Address of the file, or of the WCS, without credentials."""
        return self.file.display_url

    @property
    def level(self) -> int:
        """Which level of the file is read; 0 is full resolution."""
        return self.file.level

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of the blocks that it is stored in, pixels."""
        return self.file.block

    @property
    def grid(self) -> Grid:
        """The pixels that its window is counted in."""
        return self.file.grid

    @property
    def detail(self) -> str:
        """Which of its pixels are read, in words."""
        return self.file.describe()

    @property
    def newest(self) -> str:
        """Date of the newest survey that its items hold, or empty."""
        return max((item.datetime for item in self.items), default="")

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        told: dict[str, Any] = {
            "name": self.name,
            "collection": self.collection.id,
            "items": [{"id": item.id, "updated": item.updated} for item in self.items],
        }
        told |= self.file.as_dict(self.asset)
        told |= {
            "level": self.level,
            "resolution": self.grid.resolution[0],
            "detail": self.detail,
            "src_window": _window_as_list(self.src_window),
            "dst_window": _window_as_list(self.dst_window),
        }
        return told | ({"fallback_reason": self.fallback_reason} if self.fallback_reason else {})


@dataclass(frozen=True, slots=True)
class Mosaic:
    """What is read of one collection and one surface.

    Attributes:
        request: What was asked for, with this collection and this surface alone.
        grid: Grid in EPSG:3979 that sources are merged on.
        dtype: Type of its pixels.
        nodata: Its nodata value; None only where blocks are copied from a file that declares none.
        sources: What is read from, sorted by sub-tile; at least one.
        items_without_product: Ids of items in the area that do not publish the surface.
        skipped_neighbours: Ids of items whose file is missing, and whose outline in the catalogue
            does not reach the area.
        area: Left, bottom, right, top in EPSG:3979 of all that was looked for.
        region: Polygon in EPSG:3979; what lies outside bears on no pixel that is asked for. None
            if all of the grid does.
        reach_m: Distance from an output pixel within which source pixels can affect it, metres.
        widening: How many times wider than its radius a kernel is that warps it, along x and y.
    """

    request: Request
    grid: Grid
    dtype: str
    nodata: float | None
    sources: tuple[PlannedSource, ...]
    items_without_product: tuple[str, ...]
    skipped_neighbours: tuple[str, ...]
    area: Bounds
    region: shapely.Geometry | None
    reach_m: float
    kernel_scale: tuple[float, float]

    @property
    def ranked(self) -> list[PlannedSource]:
        """The sources from the one that wins where they overlap, the newest COG, to the last."""
        newest_first = sorted(self.sources, key=lambda source: source.newest, reverse=True)
        return sorted(newest_first, key=lambda source: source.file.priority)

    @property
    def blocks(self) -> Window | None:
        """The blocks of its grid that may bear on what is asked for; None if there are none."""
        if self.region is None:
            return self.grid.window
        if self.region.is_empty:
            return None
        touched = self.grid.touched_by(self.region.bounds)
        return touched.expand_to_blocks(BLOCK, BLOCK).intersection(self.grid.window)

    def restrict_to(self, places: shapely.Geometry) -> Mosaic:
        """Return it with only what bears on pixels of the output in some places.

        Args:
            places: Polygons in EPSG:3979.
        """
        simple = shapely.simplify(places, self.reach_m / 4)
        around = shapely.buffer(simple, 1.5 * self.reach_m, quad_segs=4)
        if self.region is not None:
            around = around.intersection(self.region)
        shapely.prepare(around)
        return replace(self, region=around)


def make_mosaic(
    request: Request,
    target: Grid | None,
    border: int,
    http: Http,
    broken: Mapping[str, NetworkError] = NOTHING_BROKEN,
) -> Mosaic:
    """Look up the catalogue and the headers of the files, and decide what is read.

    Args:
        request: What was asked for, of one collection and one published product.
        target: The grid that pixels are needed on; None for the source's own under the area.
        border: Pixels around it that are needed too.
        http: Client to ask with.
        broken: What went wrong with files that are not to be read, by the ids of their items; the
            WCS takes their place.

    Raises:
        NoDataError: If nothing lies under the area.
        RequestError: If the pixels of the target are too large for the memory.
        NetworkError: If the catalogue or a header cannot be read.
    """
    needed = None if target is None else target.crop(target.window.grown(border))
    detail = 0.0 if needed is None else spacing(needed, NATIVE_CRS)
    native = float(request.collection.resolution)
    # no level that has the detail needs more around the output than pixels of twice the size
    area = _area(request, needed, 2 * max(detail, native), border * native)
    found = resolve_sources(replace(request, aoi=request.aoi.expand_to(area)), area, http, broken)
    if not request.resampling.takes_overviews:
        detail = 0.0
    levels = select_levels([met.file for met in found.files], detail / _FINER)
    lattice = levels[0].grid
    if needed is not None:
        _check_detail(needed, lattice)
    grid = _grid(found.files, lattice, needed, border, request)
    planned = (_planned(*each, grid, request) for each in zip(found.files, levels, strict=True))
    sources = tuple(source for source in planned if source is not None)
    if not sources:
        raise no_item_error(request)
    if any(source.file.is_resampled_remotely for source in sources):
        log.warning(
            "The WCS makes the pixels of %g m that this is made of, and does not say how; servers "
            "take single pixels, up to half of that away. --via cog takes the files' overviews.",
            grid.resolution[0],
        )
    dtype = _only_dtype(found.files, request)
    wider = 1.0, 1.0
    if target is not None and lattice.locate(target) is None:
        wider = kernel_scale(target, NATIVE_CRS, lattice.resolution, request.resampling)
    mosaic = Mosaic(
        request=request,
        grid=grid,
        dtype=dtype,
        nodata=_nodata(found.files, dtype, request),
        sources=sources,
        items_without_product=found.items_without_product,
        skipped_neighbours=found.skipped_neighbours,
        area=area,
        region=None,
        reach_m=_reach(request, target, border, lattice, wider),
        kernel_scale=wider,
    )
    return mosaic.restrict_to(request.aoi.geometry) if request.crop else mosaic


def _area(request: Request, needed: Grid | None, resolution: float, margin: float) -> Bounds:
    """Bounds in EPSG:3979 of all that the output is made of, from pixels of so many metres."""
    if needed is None:
        left, bottom, right, top = request.aoi.bounds
        return left - margin, bottom - margin, right + margin, top + margin
    return source_bounds(needed, NATIVE_CRS, resolution, request.resampling)


def _grid(
    under: Sequence[ResolvedSource],
    lattice: Grid,
    needed: Grid | None,
    border: int,
    request: Request,
) -> Grid:
    """The pixels that the output is made of, on the lattice of the files."""
    if needed is not None:
        place = lattice.locate(needed)
        if place is None:
            resolution = max(lattice.resolution)
            place = lattice.touched_by(
                source_bounds(needed, NATIVE_CRS, resolution, request.resampling)
            )
        return lattice.crop(place)
    window = lattice.touched_by(request.aoi.bounds)
    if request.align is Align.PIXELS:
        return lattice.crop(window.grown(border))
    if len(under) > 1:
        raise _across_files(under, window, request)
    within = window.intersection(lattice.window)
    assert within is not None
    if within != window:
        log.warning(
            "%s of %s pixels of the area lie beyond the only file under it; blocks are copied up "
            "to its edge.",
            f"{window.pixels - within.pixels:,}",
            f"{window.pixels:,}",
        )
    blocks = within.expand_to_blocks(*under[0].file.block).intersection(lattice.window)
    assert blocks is not None
    return lattice.crop(blocks)


def _reach(
    request: Request, target: Grid | None, border: int, lattice: Grid, wider: tuple[float, float]
) -> float:
    """How far from the centre of an output pixel lies what bears on it, metres, and some more."""
    pixel = resolution = max(lattice.resolution)
    if target is not None:
        pixel = float(np.linalg.norm(pixel_vectors(target, NATIVE_CRS), axis=2).max())
    return 1.5 * (border + 1) * pixel + resolution * kernel_radius(request.resampling, wider)


def _across_files(
    under: Sequence[ResolvedSource], window: Window, request: Request
) -> RequestError:
    """Blocks of several files do not line up; tell the box of each one's share."""
    lattice = under[0].file.grid
    boxes = []
    for met in under:
        whole = lattice.locate(met.file.grid)
        share = whole and window.intersection(whole)
        if share is not None:
            box = ",".join(f"{edge:.10g}" for edge in lattice.crop(share).bounds)
            boxes.append(f"--bbox {box} ({met.name})")
    return RequestError(
        f"The area {request.aoi.label} lies across {len(under)} files, whose blocks do not line "
        "up, so --align blocks cannot copy them into one. Leave it out to have them merged, or "
        f"take them one by one with --bbox-crs {NATIVE_CRS}: {'; '.join(boxes)}."
    )


def _check_detail(grid: Grid, lattice: Grid) -> None:
    """Make sure that a pixel is not made of more than the memory holds."""
    size = spacing(grid, NATIVE_CRS)
    if size > _MOST_ACROSS * lattice.resolution[0]:
        raise RequestError(
            f"Pixels of {size:,.0f} m would be made of pixels of {lattice.resolution[0]:g} m, more "
            f"than {_MOST_ACROSS} x {_MOST_ACROSS} of them. Ask for a finer --resolution; or read "
            "overviews, which needs --via cog without --engine gdal, and --resampling "
            "bilinear, cubic or average."
        )


def _planned(
    met: ResolvedSource, file: RasterFile, merged: Grid, request: Request
) -> PlannedSource | None:
    """Place a file on the grid that sources are merged on; None if it has nothing there."""
    whole = merged.locate(file.grid)
    if whole is None:
        raise SourceError(
            f"{met.name} is not on the pixel lattice of the other files of "
            f"{request.collection.id} (pixels of {file.grid.resolution[0]:g} m from "
            f"{file.grid.bounds[0]:.3f}, {file.grid.bounds[3]:.3f}), so it cannot be merged "
            "without resampling. Extract the two sides of the border one by one."
        )
    dst_window = whole.intersection(merged.window)
    if dst_window is not None and met.share is not None:
        dst_window = dst_window.intersection(merged.touched_by(met.share))
    if dst_window is None:
        return None
    return PlannedSource(
        name=met.name,
        collection=request.collection,
        items=met.items,
        asset=met.asset,
        file=file,
        src_window=dst_window.shifted(-whole.column, -whole.row),
        dst_window=dst_window,
        fallback_reason=met.fallback_reason,
    )


def _only_dtype(under: Sequence[ResolvedSource], request: Request) -> str:
    dtypes = sorted({each.file.dtype for each in under})
    if len(dtypes) > 1:
        raise SourceError(
            f"The files of {request.collection.id} hold different types of pixels "
            f"({', '.join(dtypes)}), which one output cannot. Extract the tiles one by one."
        )
    if np.dtype(dtypes[0]).kind not in "fiu":
        raise SourceError(f"The files of {request.collection.id} hold {dtypes[0]}, not heights.")
    return dtypes[0]


def _nodata(under: Sequence[ResolvedSource], dtype: str, request: Request) -> float | None:
    """The value that the files declare; one of our own only where they declare none."""
    declared = [each.file.nodata for each in under if each.file.nodata is not None]
    if declared:
        return declared[0]
    if request.align is Align.BLOCKS:
        return None
    if np.dtype(dtype).kind != "f" and np.iinfo(dtype).min > _USUAL_NODATA:
        raise SourceError(
            f"The files of {request.collection.id} declare no nodata value, and {dtype} leaves "
            "none for pixels that no file holds. Try --align blocks, which copies one file."
        )
    return _USUAL_NODATA


def _window_as_list(window: Window) -> list[int]:
    """Column, row, width, height."""
    return [window.column, window.row, window.width, window.height]
