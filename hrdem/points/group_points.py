"""Order points by the stored tile that holds them, so that each tile is read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Window
from hrdem.planning.plan import Plan
from hrdem.tiff.encode import BLOCK

Indices = NDArray[np.intp]
Array = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PointGroup:
    """Points in one stored tile.

    Attributes:
        members: Positions of the points among all, shape (n,).
        window: Pixels of the plan's output that their values depend on.
    """

    members: Indices
    window: Window


def group_points(plan: Plan, columns: Array, rows: Array, reach: int) -> list[PointGroup]:
    """Group points by the tile of the first source that holds them, in the order of the file.

    Args:
        plan: The plan.
        columns: Column of the pixel that holds each point, on the plan's grid.
        rows: Row of that pixel, likewise.
        reach: Pixels around it that its value depends on.
    """
    keys = _find_tiles(plan, columns, rows)
    order = np.argsort(keys, kind="stable")
    changes = np.diff(keys[order]) != 0
    groups = []
    for members in np.split(order, np.flatnonzero(changes) + 1):
        left, top = int(columns[members].min()), int(rows[members].min())
        right, bottom = int(columns[members].max()), int(rows[members].max())
        window = Window(left, top, right - left + 1, bottom - top + 1).grown(reach)
        shared = window.intersection(plan.grid.window)
        assert shared is not None
        groups.append(PointGroup(members, shared))
    return groups


def _find_tiles(plan: Plan, columns: Array, rows: Array) -> NDArray[np.int64]:
    """Return a number for the tile of each point: by source, then row, then column."""
    keys = _combine(0, columns // BLOCK, rows // BLOCK)
    mosaic = plan.tiers[0].mosaics[0]
    place = mosaic.grid.locate(plan.grid)
    if place is None:  # pixels of another lattice: any order will do
        return keys
    found = np.zeros(len(keys), np.bool_)
    for number, source in enumerate(mosaic.sources, start=1):
        x = columns + np.int32(place.column - source.dst_window.column)
        y = rows + np.int32(place.row - source.dst_window.row)
        inside = (x >= 0) & (y >= 0) & ~found
        inside &= (x < source.dst_window.width) & (y < source.dst_window.height)
        width, height = source.block
        x, y = x[inside] + source.src_window.column, y[inside] + source.src_window.row
        keys[inside] = _combine(number, x // width, y // height)
        found |= inside
    return keys


def _combine(source: int, column: Array, row: Array) -> NDArray[np.int64]:
    """Return one number for a source and a tile, of at most 2^24 columns."""
    keys = row.astype(np.int64)
    keys += source << 24
    keys <<= 24
    keys += column
    return keys


def choose_evenly(groups: list[PointGroup], count: int) -> Iterator[PointGroup]:
    """Yield at most so many groups, evenly spaced."""
    for index in np.unique(np.linspace(0, len(groups) - 1, count).astype(np.intp)):
        yield groups[index]
