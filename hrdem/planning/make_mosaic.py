"""Plan mosaics: resolve sources, choose the level and the merge grid, place each source."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hrdem.errors import SourceError
from hrdem.geo.grid import Grid
from hrdem.geo.nodata import choose_nodata
from hrdem.planning.gap import NothingReadableError
from hrdem.planning.merge_grid import (
    check_pixel_ratio,
    choose_merge_grid,
    find_reach,
    find_search_bounds,
)
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.overviews import select_levels
from hrdem.planning.query import Lookup, MosaicQuery
from hrdem.planning.resolve import no_item_error, resolve_sources
from hrdem.planning.resolved import ResolvedSource
from hrdem.planning.target import Target
from hrdem.request.options import Align
from hrdem.sources.protocol import RasterFile

log = logging.getLogger(__name__)

_DETAIL_RATIO = 1.5  # an overview keeps the detail if finer than the output: means of means blur


def make_mosaic(query: MosaicQuery, target: Target, lookup: Lookup) -> Mosaic:
    """Look up the catalogue and the headers of the files, and decide what is read.

    Args:
        query: Area, collection and published product.
        target: Pixels that are needed.
        lookup: Access to the catalogue and the files.

    Raises:
        NoDataError: If the collection has nothing in the area.
        NothingReadableError: If files are left out, and the collection has nothing else.
        RequestError: If one output pixel needs more source pixels than fit in memory.
        NetworkError: If the catalogue or a header cannot be read.
        SourceError: If the files cannot be merged.
    """
    search_bounds = find_search_bounds(query, target)
    pixel = max(_max_pixel_size(query, target), query.collection.resolution)
    resolved = resolve_sources(query, search_bounds, pixel, lookup)
    files = resolved.files
    levels = select_levels([source.file for source in files], _max_pixel_size(query, target))
    lattice = levels[0].grid
    check_pixel_ratio(query, target, lattice)
    grid = choose_merge_grid(query, target, lattice, files)
    sources = _place_sources(files, levels, grid, query)
    if not sources:
        raise NothingReadableError(resolved.gaps) if resolved.gaps else no_item_error(query)
    dtype = _common_dtype(files, query)
    mosaic = Mosaic(
        query=query,
        grid=grid,
        whole=grid,
        dtype=dtype,
        nodata=_choose_nodata(files, dtype, query),
        sources=sources,
        items_without_product=resolved.items_without_product,
        skipped_neighbours=resolved.skipped_neighbours,
        gaps=resolved.gaps,
        search_bounds=search_bounds,
        region=None,
        reach_m=find_reach(query, target, lattice),
    )
    return mosaic.restrict_to(query.aoi.geometry) if query.crop else mosaic


def _max_pixel_size(query: MosaicQuery, target: Target) -> float:
    """Return the largest source pixel that keeps the output's detail, metres; 0 for the finest."""
    if query.sampling is not None:
        return query.sampling.max_source_pixel
    if target.needed is None or not query.resampling.takes_overviews:
        return 0.0
    return target.needed.nominal_spacing / _DETAIL_RATIO


def _place_sources(
    files: Sequence[ResolvedSource], levels: Sequence[RasterFile], grid: Grid, query: MosaicQuery
) -> tuple[PlannedSource, ...]:
    """Place all files on the merge grid, without those that have no pixel on it."""
    placed = (_place_source(*each, grid, query) for each in zip(files, levels, strict=True))
    sources = tuple(source for source in placed if source is not None)
    if any(source.file.is_resampled_remotely for source in sources):
        log.warning(
            "The WCS resamples to pixels of %g m by a method that it does not state; servers take "
            "the nearest pixel, up to half a pixel away. `via=cog` reads the files' overviews.",
            grid.resolution[0],
        )
    return sources


def _place_source(
    source: ResolvedSource, file: RasterFile, grid: Grid, query: MosaicQuery
) -> PlannedSource | None:
    """Place a file on the merge grid; None if it has no pixel on it."""
    extent = grid.locate(file.grid)
    if extent is None:
        raise SourceError(
            f"{source.name} is not on the pixel lattice of the other files of "
            f"{query.collection.id} (pixels of {file.grid.resolution[0]:g} m from "
            f"{file.grid.bounds[0]:.3f}, {file.grid.bounds[3]:.3f}), so it cannot be merged "
            "without resampling. Extract each side of the border on its own."
        )
    dst_window = extent.intersection(grid.window)
    if dst_window is not None and source.share is not None:
        dst_window = dst_window.intersection(grid.touched_by(source.share))
    if dst_window is None:
        return None
    return PlannedSource(
        name=source.name,
        collection=query.collection,
        items=source.items,
        asset=source.asset,
        file=file,
        src_window=dst_window.shifted(-extent.column, -extent.row),
        dst_window=dst_window,
        fallback_reason=source.fallback_reason,
    )


def _common_dtype(files: Sequence[ResolvedSource], query: MosaicQuery) -> str:
    """Return the pixel type that all files share."""
    dtypes = sorted({source.file.dtype for source in files})
    if len(dtypes) > 1:
        raise SourceError(
            f"The files of {query.collection.id} hold different types of pixels "
            f"({', '.join(dtypes)}), which one output cannot hold. Extract the tiles one by one."
        )
    return dtypes[0]


def _choose_nodata(files: Sequence[ResolvedSource], dtype: str, query: MosaicQuery) -> float | None:
    """Return the nodata value that the files declare; the default only if none does."""
    declared = [source.file.nodata for source in files]
    if query.align is Align.BLOCKS and all(value is None for value in declared):
        return None
    nodata = choose_nodata(declared, dtype)
    if nodata is None:
        raise SourceError(
            f"The files of {query.collection.id} declare no nodata value, and {dtype} leaves none "
            "free for pixels without data. Try `align=blocks`, which copies one file."
        )
    return nodata
