"""One height for each lake: the bottom quartile of the heights inside it.

Heights are taken at the nodes of one endless lattice for a whole product, and from the whole lake.
So a lake has the same height in both projections, in every cell and block that it crosses, and
whichever of them is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import STEPS, PolygonMask, Runs
from hrdem.geo.nodata import VOID
from hrdem.geo.prepared import PreparedGeometry
from hrdem.runtime.memory import trim_allocator
from hrdem.runtime.threads import map_in_order, thread_pool

MAX_LEVEL_RANGE_METRES = 5  # between the quartiles of a lake: more than errors of heights
READ_MARGIN_DEGREES = 0.01  # around a lake: more than two nodes of any product
_BLOCK = 512  # edge of what is read at a time, nodes
_THREADS, _PENDING = 2, 4
_HEIGHT_BITS = 16
_LOWEST = -(1 << (_HEIGHT_BITS - 1))  # of int16

Heights = NDArray[np.int16]
HeightCounts = tuple[
    NDArray[np.int64], NDArray[np.int64]
]  # keys of lake and height, and their numbers


@dataclass(frozen=True, slots=True)
class Lakes:
    """Lakes with one height each.

    Attributes:
        polygons: Polygons in EPSG:4617 that do not overlap, a lake each.
        heights: Height of each lake, whole metres; `VOID` for one without.
        without_node: Number of lakes without a height because no node is inside.
        without_height: Number of lakes without a height because all nodes inside are void.
        uneven: Number of lakes with quartiles that are more than `MAX_LEVEL_RANGE_METRES` apart:
            they may be rivers, or several lakes whose polygons share an edge.
        shore_nodes: Number of nodes beside each lake that are lower than the lake.
    """

    polygons: shapely.MultiPolygon
    heights: Heights
    without_node: int
    without_height: int
    uneven: int
    shore_nodes: NDArray[np.int64]

    def describe(self) -> list[str]:
        """Return what was done and what was not, a sentence each."""
        known = len(self.heights) - self.without_node - self.without_height
        found = [f"Lakes with one height each: {known:,} of {len(self.heights):,}."]
        if self.without_node:
            found.append(f"Lakes too small for a node, left as they are: {self.without_node:,}.")
        if self.without_height:
            found.append(f"Lakes without any height, left as they are: {self.without_height:,}.")
        if self.uneven:
            found.append(
                f"Lakes whose quartiles of height are more than {MAX_LEVEL_RANGE_METRES} m apart, "
                f"perhaps rivers: {self.uneven:,}."
            )
        if low := np.count_nonzero(self.shore_nodes):
            found.append(
                f"Lakes with lower nodes on their shores, which are not raised: {low:,}; nodes: "
                f"{self.shore_nodes.sum():,}."
            )
        found.append("Rivers are left as they are: whether they fall without a gap is not checked.")
        return found

    def as_dict(self) -> dict[str, int]:
        """Return the numbers as JSON-ready values."""
        return {
            "lakes": len(self.heights),
            "without_node": self.without_node,
            "without_height": self.without_height,
            "uneven": self.uneven,
            "with_lower_shore": int(np.count_nonzero(self.shore_nodes)),
            "lower_shore_nodes": int(self.shore_nodes.sum()),
        }


def make_lattice(crs: str, spacing: float) -> Grid:
    """Return the endless lattice of nodes at multiples of a spacing, as a grid of one node.

    Args:
        crs: CRS of the lattice, on NAD83(CSRS): EPSG:4617 for CDED, EPSG:3153 for BC.
        spacing: Distance of the nodes in units of the CRS: that along a profile of CDED at the
            scale; 25 for BC.
    """
    return Grid(crs, Affine(spacing, 0, -spacing / 2, 0, -spacing, spacing / 2), 1, 1)


def select_lakes(lakes: shapely.MultiPolygon, area: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the lakes that touch an area, each of them whole.

    Args:
        lakes: Polygons in EPSG:4617.
        area: In EPSG:4617.
    """
    parts = shapely.get_parts(lakes)
    return shapely.MultiPolygon(parts[PreparedGeometry(area).intersects(parts)].tolist())


def find_read_area(lakes: shapely.MultiPolygon, area: shapely.Geometry) -> shapely.Geometry:
    """Return the area whose heights are needed: an area and the whole of its lakes.

    Args:
        lakes: The lakes that touch the area, in EPSG:4617.
        area: In EPSG:4617.

    Returns:
        Geometry in EPSG:4617, with about a kilometre around the lakes that leave the area.
    """
    parts = shapely.get_parts(lakes)
    inner = area.buffer(-READ_MARGIN_DEGREES)
    leaving = parts[~shapely.covers(inner, shapely.envelope(parts))]
    plain = shapely.simplify(leaving, READ_MARGIN_DEGREES / 2)
    around = shapely.buffer(plain, 1.5 * READ_MARGIN_DEGREES, quad_segs=2)
    return shapely.union_all([area, *around])


def measure_lakes(
    lakes: shapely.MultiPolygon, lattice: Grid, read: Callable[[Window], Heights]
) -> Lakes:
    """Find the height of each lake: the bottom quartile of its nodes.

    Both products have one height a lake (CDED 2.1, 2.8.2), and BC 2.0, 3.4 says which: the height
    that a quarter of the nodes is at or below: `numpy.percentile` at 25 with
    ``method="lower"``. Void nodes do not count.

    Args:
        lakes: Polygons in EPSG:4617 that do not overlap, each of them whole.
        lattice: The lattice of the product, of `make_lattice`.
        read: Returns whole metres in CGVD28 for a window of the lattice, `VOID` where there is no
            height; called in two threads.

    Raises:
        NoDataError: If a lake cannot be projected to the CRS of the lattice.
    """
    number = len(lakes.geoms)
    mask = PolygonMask.of(lakes, LONLAT, lattice)
    trim_allocator()
    nodes = np.zeros(number, np.int64)
    inside: list[HeightCounts] = []
    beside: list[HeightCounts] = []

    def count(block: _Block) -> tuple[NDArray[np.int64], HeightCounts, HeightCounts]:
        return block.count(read, number)

    with thread_pool(_THREADS, "lakes") as pool:
        for found, in_lakes, on_shores in map_in_order(pool, count, _find_blocks(mask), _PENDING):
            nodes += found
            inside.append(in_lakes)
            beside.append(on_shores)
    counted = _merge(inside)
    heights, upper = (_find_quartiles(*counted, number, quarter) for quarter in (1, 3))
    span = upper.astype(np.int64) - heights
    shores, counts = _merge(beside)
    lake, height = _split(shores)
    low = height < heights[lake]
    del mask
    trim_allocator()
    return Lakes(
        lakes,
        heights,
        without_node=int(np.count_nonzero(nodes == 0)),
        without_height=int(np.count_nonzero((nodes > 0) & (heights == VOID))),
        uneven=int(np.count_nonzero(span > MAX_LEVEL_RANGE_METRES)),
        shore_nodes=np.bincount(lake[low], counts[low], number).astype(np.int64),
    )


def paint(
    pixels: NDArray[np.integer], window: Window, runs: Runs, values: NDArray[np.integer]
) -> None:
    """Set the pixels of runs.

    Args:
        pixels: Pixels of a window, shape (rows, columns), which is changed.
        window: The window.
        runs: Runs within the window.
        values: Value of each run.
    """
    length = runs.end - runs.first
    before = np.cumsum(length) - length
    column = np.repeat(runs.first - window.column - before, length) + np.arange(int(length.sum()))
    pixels[np.repeat(runs.row - window.row, length), column] = np.repeat(values, length)


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the lattice that is read at once.

    Attributes:
        core: Nodes that count.
        around: The core with one node around it, for shores.
        runs: Runs of the lakes within that.
    """

    core: Window
    around: Window
    runs: Runs

    def count(
        self, read: Callable[[Window], Heights], number: int
    ) -> tuple[NDArray[np.int64], HeightCounts, HeightCounts]:
        """Return the nodes of each lake, and the heights inside lakes and beside them, counted."""
        labels = np.zeros((self.around.height, self.around.width), np.int32)
        paint(labels, self.around, self.runs, self.runs.polygon + 1)
        middle = labels[1:-1, 1:-1]
        sides = (labels[:-2, 1:-1], labels[2:, 1:-1], labels[1:-1, :-2], labels[1:-1, 2:])
        shore = np.maximum.reduce(sides)
        shore[middle > 0] = 0
        heights = read(self.core)
        nodes = np.bincount(middle.reshape(-1), minlength=number + 1)[1:]
        return nodes, _count_heights(middle, heights), _count_heights(shore, heights)


def _find_blocks(mask: PolygonMask) -> Iterator[_Block]:
    """Yield the parts of the lattice that have lakes in them, or right beside them."""
    if not len(mask.first):
        return
    left, right = (int(limit) // STEPS for limit in (mask.x.min(), mask.x.max()))
    top, bottom = int(mask.first[0]) - 1, int(mask.reach[-1]) + 1
    whole = Window(left - 1, top, right - left + 3, bottom - top)
    for band in whole.split(whole.width, _BLOCK):
        found = [*mask.find_runs(band.grown(1))]
        if found:
            runs = _join(found)
            for core in band.split(_BLOCK, _BLOCK):
                near = _cut(runs, core.grown(1))
                if len(near.row):
                    needed = _bound(near).grown(1).intersection(core) or core
                    yield _Block(needed, needed.grown(1), near)


def _join(several: list[Runs]) -> Runs:
    return Runs(
        np.concatenate([runs.polygon for runs in several]),
        np.concatenate([runs.row for runs in several]),
        np.concatenate([runs.first for runs in several]),
        np.concatenate([runs.end for runs in several]),
        several[0].top,
    )


def _cut(runs: Runs, window: Window) -> Runs:
    """Return the parts of runs that are in the columns of a window."""
    first = runs.first.clip(window.column)
    end = runs.end.clip(max=window.right)
    some = first < end
    return Runs(runs.polygon[some], runs.row[some], first[some], end[some], runs.top)


def _bound(runs: Runs) -> Window:
    """Return the smallest window of all runs, at least one."""
    left, right = int(runs.first.min()), int(runs.end.max())
    top, bottom = int(runs.row.min()), int(runs.row.max()) + 1
    return Window(left, top, right - left, bottom - top)


def _count_heights(labels: NDArray[np.int32], heights: Heights) -> HeightCounts:
    """Count the nodes of each lake and height; void ones do not count.

    Args:
        labels: Number of the lake of each node, from 1; 0 for none.
        heights: Height of each node.
    """
    some = (labels > 0) & (heights != VOID)
    lake, height = (each[some].astype(np.int64) for each in (labels, heights))
    return np.unique((lake - 1 << _HEIGHT_BITS) + height - _LOWEST, return_counts=True)


def _merge(several: list[HeightCounts]) -> HeightCounts:
    """Return the sum of counts, ordered by lake and height."""
    keys = np.concatenate([np.empty(0, np.int64), *(keys for keys, _ in several)])
    counts = np.concatenate([np.empty(0, np.int64), *(counts for _, counts in several)])
    different, which = np.unique(keys, return_inverse=True)
    return different, np.bincount(which, counts, len(different)).astype(np.int64)


def _split(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lakes and heights."""
    return keys >> _HEIGHT_BITS, (keys & (1 << _HEIGHT_BITS) - 1) + _LOWEST


def _find_quartiles(
    keys: NDArray[np.int64], counts: NDArray[np.int64], number: int, quarter: int
) -> Heights:
    """Return a quartile of the heights of each lake, 1 to 3; `VOID` for one without heights."""
    lake, height = _split(keys)
    total = np.bincount(lake, counts, number).astype(np.int64)
    some = np.flatnonzero(total)
    up_to = np.cumsum(counts)
    rank = np.cumsum(total)[some] - total[some] + quarter * (total[some] - 1) // 4
    quartiles = np.full(number, VOID, np.int16)
    quartiles[some] = height[np.searchsorted(up_to, rank, "right")]
    return quartiles
