"""A block in one projection: what its files follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import Block, Projection
from hrdem.legacy.bc.derivatives import Heights
from hrdem.legacy.stored_pixels import StoredPixels


@dataclass(frozen=True, slots=True)
class ProjectedBlock:
    """A block in one projection.

    Attributes:
        block: The block.
        projection: The projection.
        grid: Grid of the files.
        mask: The block on the grid; None in UTM, where pixels outside it have their heights (BC
            2.0, 3.3).
        heights: Metres above CGVD28, with one ring of neighbours around the grid; `VOID` where
            there is no height. Pixels outside the block have their heights too.
    """

    block: Block
    projection: Projection
    grid: Grid
    mask: PolygonMask | None
    heights: StoredPixels

    @classmethod
    def of(cls, block: Block, projection: Projection, grid: Grid, heights: StoredPixels) -> Self:
        """Project the block to the grid, where it is masked."""
        mask = block.make_mask(grid) if projection is Projection.ALBERS else None
        return cls(block, projection, grid, mask, heights)

    def read_with_neighbours(self, first: int, count: int) -> Heights:
        """Read rows of the grid, not masked: array of shape (count + 2, grid.width + 2)."""
        return self.heights.read(Window(0, first, self.heights.width, count + 2))

    def read_masked_columns(self, first: int, count: int) -> Heights:
        """Read columns as files have them: array of shape (grid.height, count)."""
        columns = self.heights.read(Window(1 + first, 1, count, self.grid.height))
        outside = self.find_outside(Window(first, 0, count, self.grid.height))
        if outside is not None:
            columns[outside] = VOID
        return columns

    def find_outside(self, window: Window) -> NDArray[np.bool_] | None:
        """Return which pixels of a window are masked; None if none ever is."""
        return None if self.mask is None else ~self.mask.rasterize(window)
