"""Cut the plan of the whole into those of its tiles.

An area of many corners is halved with the tiles until it has few: to clip all of a province for
each of its tiles would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import shapely

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.geo.reproject import project_geometry
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.plan import Plan
from hrdem.tiling.schemes import TileArea

MAX_CLIPPED_CORNERS = 1_000  # of an area that is clipped for each tile on its own


@dataclass(frozen=True, slots=True)
class _Part:
    """Some tiles, and a plan whose area is clipped to the land around them."""

    areas: Sequence[TileArea]
    plan: Plan


def cut_tiles(plan: Plan, areas: Sequence[TileArea]) -> Iterator[tuple[TileArea, Plan | None]]:
    """Yield tiles with their plans, in any order.

    Args:
        plan: Plan of the whole.
        areas: The tiles.

    Yields:
        Each tile and its plan; None if no source or no part of the area is in it.
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
