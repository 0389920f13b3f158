"""Flatten water: the sea at height 0, and each lake at its own height."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely

from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Grid, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import VOID
from hrdem.legacy.lakes import Heights, Lakes, paint
from hrdem.runtime.memory import trim_allocator

SEA_LEVEL = 0  # CDED 2.1, 2.8.2; BC 2.0, 3.4
_ROWS_AT_ONCE = 128  # for the memory that their pixels take as indices


@dataclass(frozen=True, slots=True)
class Water:
    """Lakes and sea on a grid.

    Which nodes are water is decided on the endless lattice of the grid, so that a node that two
    cells share is water in both or in none.

    Attributes:
        column: Column of the lattice at which the grid starts.
        row: Row of the lattice at which the grid starts.
        lakes: Lakes that have a height.
        heights: Height of each of them, whole metres.
        sea: The sea.
    """

    column: int
    row: int
    lakes: PolygonMask
    heights: Heights
    sea: PolygonMask

    @classmethod
    def of(cls, lakes: Lakes | None, sea: shapely.MultiPolygon | None, grid: Grid) -> Self:
        """Project lakes and sea to a grid.

        Args:
            lakes: Lakes with their heights; None for none.
            sea: Polygons in EPSG:4617; None for none.
            grid: Grid in a CRS on NAD83(CSRS), with nodes at the centres of its pixels.

        Raises:
            NoDataError: If a polygon cannot be projected to the grid.
        """
        lattice = Lattice.of(grid)
        endless = Grid(grid.crs, lattice.transform(0, 0), 1, 1)
        polygons, heights = shapely.MultiPolygon(), np.empty(0, np.int16)
        if lakes is not None:
            known = lakes.heights != VOID
            parts = shapely.get_parts(lakes.polygons)[known]
            polygons, heights = shapely.MultiPolygon(parts.tolist()), lakes.heights[known]
        masks = (
            PolygonMask.of(each, LONLAT, endless)
            for each in (polygons, sea or shapely.MultiPolygon())
        )
        water = cls(lattice.column, lattice.row, next(masks), heights, next(masks))
        trim_allocator()
        return water

    def flatten(self, heights: Heights, window: Window) -> None:
        """Set the heights of water: of void nodes too, and of the sea where lakes overlap it.

        A lake without a height is left as it is.

        Args:
            heights: Whole metres of a window, shape (rows, columns); changed.
            window: Window of the grid; it may extend beyond it.
        """
        window = window.shifted(self.column, self.row)
        for runs in self.lakes.find_runs(window, _ROWS_AT_ONCE):
            paint(heights, window, runs, self.heights[runs.polygon])
        for runs in self.sea.find_runs(window, _ROWS_AT_ONCE):
            paint(heights, window, runs, np.full(len(runs.row), SEA_LEVEL, np.int16))
