"""Masks of polygons on grids: which pixels have their centre inside.

A centre that is exactly on an edge belongs to the polygon on the west of the edge, or on the south
of a horizontal one. So polygons that share an edge share no pixel and leave none between them, as
with GDAL's rasterizer. Positions are whole numbers of millionths (2^-20) of a pixel from the corner
of the grid, and decisions are exact: no pixel depends on the window that it is computed in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.geo.block_set import BlockSet
from hrdem.geo.crs import unprojectable_error
from hrdem.geo.grid import Grid, Window
from hrdem.geo.reproject import project_geometry

MAX_EDGE_ERROR_PIXELS = 0.0001  # between an edge and the chords that replace it
STEPS = 1 << 20  # in a pixel: positions closer than one are equal
MAX_STEPS = 1 << 60  # from the corner of the grid: more than the earth has at 1 mm
MAX_ROW = 1 << 30  # more than any grid has
MAX_ROUNDING_STEPS = 16  # of a crossing in floating point, up to 20,000 km at 1 mm
MAX_CROSSINGS = 1 << 16  # at a time, for the memory that they take
_ROWS_AT_ONCE = 512

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Pixels inside polygons: from one column up to another of a row.

    Attributes:
        polygon: Number of the polygon of each run.
        row: Its row.
        first: Its first column.
        end: The column after its last.
        top: First of the rows that were searched.
    """

    polygon: NDArray[np.int32]
    row: Integers
    first: Integers
    end: Integers
    top: int


@dataclass(frozen=True, slots=True)
class PolygonMask:
    """Polygons on a grid, as edges that cross the centres of rows.

    Coordinates are counted in `STEPS` of a pixel from the upper left corner of the grid, rightwards
    and downwards. Edges are sorted by their first row.

    Attributes:
        x: Of the upper and the lower end of each edge, shape (2, n).
        y: The same.
        first: First row whose centre an edge crosses: its upper end counts, its lower one does not.
        end: The row after the last.
        reach: Largest end up to each edge.
        polygon: Number of the polygon that each edge is of, from 0, in the order of the parts.
    """

    x: Integers
    y: Integers
    first: NDArray[np.int32]
    end: NDArray[np.int32]
    reach: NDArray[np.int32]
    polygon: NDArray[np.int32]

    @classmethod
    def of(cls, polygons: shapely.Geometry, crs: str, grid: Grid) -> Self:
        """Project polygons to the pixels of a grid, with edges in place to 0.0001 pixels.

        Args:
            polygons: Polygon, multipolygon or collection whose polygons do not overlap; other
                parts of it are ignored.
            crs: CRS in which the edges are straight.
            grid: In any CRS.

        Raises:
            NoDataError: If the polygons cannot be projected to the grid's CRS.
        """
        tolerance = MAX_EDGE_ERROR_PIXELS * min(grid.resolution)
        projected = project_geometry(polygons, crs, grid.crs, tolerance)
        parts = shapely.get_parts(shapely.get_parts(projected))
        rings, part = shapely.get_rings(parts, return_index=True)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        left, _, _, top = grid.bounds
        dx, dy = grid.resolution
        places = np.rint((points - [left, top]) * [STEPS / dx, -STEPS / dy])
        if np.abs(places).max(initial=0) > MAX_STEPS:
            raise unprojectable_error(crs, grid.crs)
        x, y = places.astype(np.int64).T
        rows = -((STEPS // 2 - y) // STEPS)  # the first whose centre is not above the point
        begins = np.flatnonzero((ring[1:] == ring[:-1]) & (rows[1:] != rows[:-1]))
        downward = y[begins] < y[begins + 1]
        upper, lower = begins + ~downward, begins + downward
        order = np.argsort(rows[upper], kind="stable")
        ends = np.stack([upper, lower])[:, order]
        first, end = rows[ends].clip(-MAX_ROW, MAX_ROW).astype(np.int32)
        polygon = part[ring[begins[order]]].astype(np.int32)
        return cls(x[ends], y[ends], first, end, np.maximum.accumulate(end), polygon)

    def crop(self, window: Window) -> Self:
        """Return the mask on the grid of a window; no pixel changes, as places are whole numbers.

        Args:
            window: Window of the grid; it may extend beyond it.
        """
        if (window.column, window.row) == (0, 0):
            return self
        return type(self)(
            self.x - window.column * STEPS,
            self.y - window.row * STEPS,
            self.first - np.int32(window.row),
            self.end - np.int32(window.row),
            self.reach - np.int32(window.row),
            self.polygon,
        )

    def rasterize(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window have their centre inside.

        Args:
            window: Window of the grid; it may extend beyond it.

        Returns:
            Boolean array of shape (window.height, window.width).
        """
        return self.contains(
            np.arange(window.column, window.right), np.arange(window.row, window.bottom)
        )

    def contains(self, columns: Integers, rows: Integers) -> NDArray[np.bool_]:
        """Return which pixels of some columns and rows have their centre inside.

        Args:
            columns: Columns in ascending order, at least one.
            rows: Rows in ascending order, at least one.

        Returns:
            Boolean array of shape (rows, columns).
        """
        flips = np.zeros((len(rows), len(columns)), np.uint8)  # crossings before a pixel
        chosen = slice(
            np.searchsorted(self.reach, rows[0], "right"),
            np.searchsorted(self.first, rows[-1], "right"),
        )
        start = np.searchsorted(rows, self.first[chosen])
        count = np.searchsorted(rows, self.end[chosen]) - start
        x = self.x[:, chosen]
        low, high = (column * STEPS + STEPS // 2 for column in (columns[0], columns[-1]))
        crossed = (count > 0) & (x.min(axis=0) < high)
        west = crossed & (x.max(axis=0) < low)
        changes = np.zeros(len(rows) + 1, np.int64)
        np.add.at(changes, start[west], 1)
        np.subtract.at(changes, (start + count)[west], 1)
        flips[:, 0] = np.cumsum(changes[:-1]) & 1
        near = np.flatnonzero(crossed & ~west)
        if not len(near):
            return np.repeat(flips[:, :1].view(np.bool_), len(columns), axis=1)
        for edge, number in _expand(near, start[near], count[near]):
            first_east = self._find_first_east(edge + chosen.start, rows[number])
            column = np.searchsorted(columns, first_east)
            within = column < len(columns)
            np.add.at(flips, (number[within], column[within]), np.uint8(1))
        inside: NDArray[np.bool_] = (np.cumsum(flips, axis=1, dtype=np.uint8) & 1).view(np.bool_)
        return inside

    def find_blocks(self, window: Window, edge: int) -> BlockSet:
        """Return which blocks of a window hold a pixel whose centre is inside.

        The work depends on the height of the polygons, and neither on their width nor on the size
        of the window.

        Args:
            window: Window of the grid that starts at a block.
            edge: Width and height of a block, pixels.
        """
        rows, columns = -(-window.height // edge), -(-window.width // edge)
        chosen = np.zeros((rows, columns), np.bool_)
        for runs in self.find_runs(window, edge):
            changes = np.zeros(columns + 1, np.int64)
            np.add.at(changes, (runs.first - window.column) // edge, 1)
            np.subtract.at(changes, (runs.end - 1 - window.column) // edge + 1, 1)
            chosen[(runs.top - window.row) // edge] |= np.cumsum(changes[:-1]) > 0
        return BlockSet(window, edge, chosen)

    def count(self, window: Window) -> int:
        """Return the number of pixels of a window that have their centre inside."""
        return sum(int((runs.end - runs.first).sum()) for runs in self.find_runs(window))

    def find_runs(self, window: Window, height: int = _ROWS_AT_ONCE) -> Iterator[Runs]:
        """Yield the runs of pixels that have their centre inside, for some rows at a time.

        Args:
            window: Window of the grid; it may extend beyond it.
            height: Largest number of rows at a time, counted from the first row of the window.
        """
        row = max(window.row, int(self.first[0])) if len(self.first) else window.bottom
        while row < window.bottom:
            top = row
            bottom = min(row + height - (row - window.row) % height, window.bottom)
            while True:
                chosen = slice(
                    np.searchsorted(self.reach, top, "right"),
                    np.searchsorted(self.first, bottom - 1, "right"),
                )
                first = self.first[chosen].clip(top)
                count = (self.end[chosen].clip(max=bottom) - first).clip(0)
                if bottom - top == 1 or count.sum() <= MAX_CROSSINGS:
                    break
                bottom = (top + bottom) // 2
            crossed = np.flatnonzero(count)
            if not len(crossed):
                later = self.first[chosen.stop :]
                row = int(later[0]) if len(later) else window.bottom
                continue
            parts = [
                (
                    number,
                    self._find_first_east(edge + chosen.start, number),
                    self.polygon[edge + chosen.start],
                )
                for edge, number in _expand(crossed, first[crossed], count[crossed])
            ]
            rows, columns, polygons = (np.concatenate(each) for each in zip(*parts, strict=True))
            order = np.lexsort((columns, polygons, rows))
            ends = columns[order].clip(window.column, window.right).reshape(-1, 2).T
            inside = ends[0] < ends[1]
            begins = order[::2][inside]
            yield Runs(polygons[begins], rows[begins], ends[0][inside], ends[1][inside], top)
            row = bottom

    def _find_first_east(self, edge: Integers, row: Integers) -> Integers:
        """Return the first column whose centre is east of where edges cross the centres of rows."""
        (x, lower_x), (y, lower_y) = self.x[:, edge], self.y[:, edge]
        width, height, down = lower_x - x, lower_y - y, row * STEPS + STEPS // 2 - y
        steps = x + down * (width / height) + STEPS // 2
        column = np.floor(steps / STEPS)
        rest = steps - column * STEPS
        is_close = (rest < MAX_ROUNDING_STEPS) | (rest > STEPS - MAX_ROUNDING_STEPS)
        found: Integers = np.where(width == 0, (x + STEPS // 2) // STEPS, column.astype(np.int64))
        for n in np.flatnonzero(is_close & (width != 0)):
            a, b, c, d = (int(each[n]) for each in (x, width, height, down))
            found[n] = ((a + STEPS // 2) * c + d * b) // (c * STEPS)
        return found


@functools.lru_cache(maxsize=4)
def make_mask(polygons: shapely.Geometry, crs: str, grid: Grid) -> PolygonMask:
    """Return `PolygonMask.of`; that of an area is made once for all of its windows."""
    return PolygonMask.of(polygons, crs, grid)


def _expand(
    edges: Integers, start: Integers, count: Integers
) -> Iterator[tuple[Integers, Integers]]:
    """Yield edges and the numbers of the rows that they cross, some at a time."""
    total = np.cumsum(count)
    begin = 0
    while begin < len(edges):
        done = total[begin] - count[begin]
        stop = max(begin + 1, int(np.searchsorted(total, done + MAX_CROSSINGS, "right")))
        part = slice(begin, stop)
        edge = np.repeat(edges[part], count[part])
        before = np.repeat(total[part] - count[part] - done, count[part])
        yield edge, np.repeat(start[part], count[part]) + np.arange(len(edge)) - before
        begin = stop
