"""Merge grids: the native pixels, in EPSG:3979, that the output of a tier is made from."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds, Grid, Window
from hrdem.geo.resampling import kernel_radius
from hrdem.planning.query import MosaicQuery
from hrdem.planning.resolved import ResolvedSource
from hrdem.planning.target import Target
from hrdem.request.options import Align, Engine, Via

log = logging.getLogger(__name__)

MAX_SOURCE_PIXELS_ACROSS = 500  # of the source in one pixel of the output: more exceed the memory


def find_search_bounds(query: MosaicQuery, target: Target) -> Bounds:
    """Return the bounds in EPSG:3979 of all pixels that may be read.

    No level that has the detail needs more around the output than pixels of twice the size.

    Args:
        query: Area and collection.
        target: Pixels that are needed.

    Raises:
        NoDataError: If the target extends to where EPSG:3979 has no coordinates.
    """
    native = float(query.collection.resolution)
    if query.sampling is not None:
        margin = query.sampling.margin(max(query.sampling.max_source_pixel, native))
        return _widen(query.aoi.bounds, margin)
    if target.needed is None:
        return _widen(query.aoi.bounds, target.border * native)
    return target.needed.source_bounds(2 * max(target.needed.min_spacing, native))


def choose_merge_grid(
    query: MosaicQuery, target: Target, lattice: Grid, files: Sequence[ResolvedSource]
) -> Grid:
    """Return the grid that sources are merged on: a window of the lattice of the files.

    Args:
        query: Area and alignment.
        target: Pixels that are needed.
        lattice: Pixels of the first file, at the level that is read.
        files: All files in the area.

    Raises:
        RequestError: If blocks of several files are requested.
    """
    if query.sampling is not None:
        margin = query.sampling.margin(max(lattice.resolution))
        return lattice.crop(lattice.touched_by(_widen(query.aoi.bounds, margin)))
    if target.needed is not None:
        window = lattice.locate(target.needed.grid)
        if window is None:
            window = lattice.touched_by(target.needed.source_bounds(max(lattice.resolution)))
        return lattice.crop(window)
    window = lattice.touched_by(query.aoi.bounds)
    if query.align is Align.PIXELS:
        return lattice.crop(window.grown(target.border))
    return lattice.crop(_expand_to_file_blocks(query, window, lattice, files))


def find_reach(query: MosaicQuery, target: Target, lattice: Grid) -> float:
    """Return the distance from an output pixel within which source pixels can affect it, metres.

    It is measured from the centre and rounded up generously.
    """
    pixel = resolution = max(lattice.resolution)
    if query.sampling is not None:
        return query.sampling.margin(resolution)
    scale = 1.0, 1.0
    if target.needed is not None and lattice.locate(target.needed.grid) is None:
        scale = target.needed.max_kernel_scale(lattice.resolution)
    if target.sampling is not None:
        pixel = target.sampling.max_spacing
    radius = kernel_radius(query.resampling, scale)
    return 1.5 * (target.border + 1) * pixel + resolution * radius


def _widen(bounds: Bounds, margin: float) -> Bounds:
    left, bottom, right, top = bounds
    return left - margin, bottom - margin, right + margin, top + margin


def check_pixel_ratio(query: MosaicQuery, target: Target, lattice: Grid) -> None:
    """Check that one output pixel is computed from no more source pixels than fit in memory.

    Raises:
        RequestError: If it is computed from more.
    """
    if target.needed is None:
        return
    size = target.needed.min_spacing
    if size > MAX_SOURCE_PIXELS_ACROSS * lattice.resolution[0]:
        raise RequestError(
            f"Pixels of {size:,.0f} m would be computed from pixels of {lattice.resolution[0]:g} "
            f"m, more than {MAX_SOURCE_PIXELS_ACROSS} x {MAX_SOURCE_PIXELS_ACROSS} of them. Give "
            f"a finer `resolution`, or a finer raster as `like`{_suggest_overviews(query)}."
        )


def _suggest_overviews(query: MosaicQuery) -> str:
    """Suggest how to read overviews; empty if they are read already."""
    ways = []
    if query.via not in (Via.AUTO, Via.COG) or query.engine is Engine.GDAL:
        ways.append("`via=cog` without `engine=gdal`")
    if not query.resampling.takes_overviews:
        ways.append("`resampling` bilinear, cubic or average")
    return f"; or read overviews, which takes {' and '.join(ways)}" if ways else ""


def _expand_to_file_blocks(
    query: MosaicQuery, window: Window, lattice: Grid, files: Sequence[ResolvedSource]
) -> Window:
    """Expand a window to whole blocks of the only file."""
    if len(files) > 1:
        raise _several_files_error(query, window, files)
    if files[0].file.tiled is None:
        raise RequestError(
            f"{files[0].name} has a scale or an offset, which are lost if `align=blocks` "
            "copies its compressed blocks. Leave it out."
        )
    within = window.intersection(lattice.window)
    assert within is not None
    if within != window:
        log.warning(
            "%s of %s pixels of the area lie beyond the only file in the area; blocks are copied "
            "up to its edge.",
            f"{window.pixels - within.pixels:,}",
            f"{window.pixels:,}",
        )
    blocks = within.expand_to_blocks(*files[0].file.block).intersection(lattice.window)
    assert blocks is not None
    return blocks


def _several_files_error(
    query: MosaicQuery, window: Window, files: Sequence[ResolvedSource]
) -> RequestError:
    """Return the error for blocks of several files, with the box of each file's share."""
    lattice = files[0].file.grid
    boxes = []
    for source in files:
        whole = lattice.locate(source.file.grid)
        share = whole and window.intersection(whole)
        if share is not None:
            box = ",".join(f"{edge:.10g}" for edge in lattice.crop(share).bounds)
            boxes.append(f"`bbox={box}` ({source.name})")
    return RequestError(
        f"The area {query.aoi.label} lies across {len(files)} files, whose blocks are not aligned, "
        "so `align=blocks` cannot copy them into one file. Leave it out to merge them, or copy "
        f"them one by one with `bbox_crs={NATIVE_CRS}` and {'; '.join(boxes)}."
    )
