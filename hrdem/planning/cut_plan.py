"""Cut plans: a window of a planned output as a plan of its own, with the same pixels.

Spacing, kernels and levels stay those of the whole: planned anew, a tile would have others than
its neighbour, and a seam between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import shapely

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Window
from hrdem.geo.reproject import project_geometry
from hrdem.geo.resampling import Sampling
from hrdem.planning.gap import Gap
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan, Tier
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.geometry import extract_polygons


def cut_plan(plan: Plan, window: Window, aoi: Aoi | None = None) -> Plan | None:
    """Cut a plan to a window of its output: every pixel is that of the whole, to the last bit.

    Only sources in the window remain, numbered anew in layers of sources. A tier without any is
    dropped.

    Args:
        plan: The plan.
        window: Pixels of its output.
        aoi: Shape to crop to; None for the area of the request, if that is cropped to.

    Returns:
        The plan of the window; None if no source or no part of the area is in it.
    """
    request = plan.request if aoi is None else replace(plan.request, aoi=aoi, crop=True)
    grid = plan.grid.crop(window)
    outline = project_geometry(shapely.box(*grid.bounds), grid.crs, NATIVE_CRS)
    area = outline
    if request.crop:
        area = extract_polygons(shapely.intersection(request.aoi.geometry, outline))
        if area.is_empty:
            return None
    cut = replace(plan, request=request, grid=grid, lost=_select(plan.lost, area))
    tiers = []
    for tier in plan.tiers:
        mosaics = [_cut_mosaic(mosaic, cut, area, outline) for mosaic in tier.mosaics]
        found = tuple(mosaic for mosaic in mosaics if mosaic is not None)
        if len(found) == len(mosaics):
            tiers.append(Tier(tier.collection, found))
    return replace(cut, tiers=tuple(tiers)) if tiers else None


def _cut_mosaic(
    mosaic: Mosaic, plan: Plan, area: shapely.Geometry, outline: shapely.Geometry
) -> Mosaic | None:
    """Cut a mosaic to what the pixels of a plan need; None if no source is there.

    Args:
        mosaic: A mosaic of the plan before the cut.
        plan: The plan with its new grid.
        area: Polygons in EPSG:3979 of the pixels that are needed.
        outline: The same of all pixels of the grid.
    """
    is_resampled = plan.is_resampled(mosaic)
    needed = _find_needed(mosaic, plan.grid, plan, is_resampled=is_resampled)
    sources = () if needed is None else _cut_sources(mosaic.sources, needed)
    if needed is None or not sources:
        return None
    cut = replace(
        mosaic,
        grid=mosaic.grid.crop(needed),
        sources=sources,
        gaps=_select(mosaic.gaps, area),
        region=None,
    )
    is_rectangle = not is_resampled and area.equals(outline)
    return cut if is_rectangle else cut.restrict_to(area)


def _find_needed(mosaic: Mosaic, grid: Grid, plan: Plan, *, is_resampled: bool) -> Window | None:
    """Return the pixels of a mosaic that those of a grid depend on; None if it has none."""
    if is_resampled:
        sampling = Sampling(grid, NATIVE_CRS, plan.request.resampling).grow(plan.border)
        bounds = sampling.source_bounds(max(mosaic.grid.resolution))
        return mosaic.grid.touched_by(bounds).intersection(mosaic.grid.window)
    window = mosaic.grid.locate(grid)
    assert window is not None
    return window.grown(plan.border)


def _cut_sources(sources: Sequence[PlannedSource], needed: Window) -> tuple[PlannedSource, ...]:
    """Return the sources in a window of their merge grid, placed on the grid of the window."""
    found = []
    for source in sources:
        dst_window = source.dst_window.intersection(needed)
        if dst_window is not None:
            columns = source.src_window.column - source.dst_window.column
            rows = source.src_window.row - source.dst_window.row
            found.append(
                replace(
                    source,
                    src_window=dst_window.shifted(columns, rows),
                    dst_window=dst_window.shifted(-needed.column, -needed.row),
                )
            )
    return tuple(found)


def _select(gaps: Sequence[Gap], area: shapely.Geometry) -> tuple[Gap, ...]:
    """Return the gaps in an area."""
    return tuple(gap for gap in gaps if gap.area.intersects(area))
