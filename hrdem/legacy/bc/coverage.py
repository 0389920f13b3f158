"""Pixels without a height, counted before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import NoDataError
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import Block, Projection
from hrdem.legacy.bc.projected import ProjectedBlock

ROWS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class BcCoverage:
    """How much of a block's files in one projection is void.

    Attributes:
        block: The block.
        projection: The projection.
        pixels: In BC Albers the pixels inside the block, in UTM all pixels of the file.
        void: Those of them without a height.
        lowest: Least height, metres; -32767 if all are void.
        highest: Greatest height, likewise.
    """

    block: Block
    projection: Projection
    pixels: int
    void: int
    lowest: int
    highest: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "projection": self.projection.value,
            "pixels": self.pixels,
            "void": self.void,
            "height_range": [self.lowest, self.highest],
        }


def measure_coverage(projected: ProjectedBlock) -> BcCoverage:
    """Count the pixels without a height, and find the range of the others."""
    grid = projected.grid
    pixels = valid = 0
    lows, highs = [], []
    for strip in grid.window.split(grid.width, ROWS_AT_ONCE):
        heights = projected.read_with_neighbours(strip.row, strip.height)[1:-1, 1:-1]
        outside = projected.find_outside(strip)
        pixels += strip.pixels - (0 if outside is None else int(np.count_nonzero(outside)))
        known = heights != VOID
        if outside is not None:
            known &= ~outside
        found = heights[known]
        valid += found.size
        if found.size:
            lows.append(int(found.min()))
            highs.append(int(found.max()))
    return BcCoverage(
        projected.block,
        projected.projection,
        pixels,
        pixels - valid,
        min(lows, default=VOID),
        max(highs, default=VOID),
    )


def check_not_void(coverage: BcCoverage, hint: str) -> None:
    """Check that files have a height.

    Args:
        coverage: Of one projection.
        hint: What to do if there is none, a sentence; may be empty.

    Raises:
        NoDataError: If there is none.
    """
    if coverage.void == coverage.pixels:
        raise NoDataError(
            f"Block {coverage.block.sheet.name} is void: no source has a height in it. Nothing was "
            f"written. {hint}".rstrip()
        )


def check_shifts(block: Block, lost: NDArray[np.bool_], grid_name: str) -> None:
    """Check that no pixel is void only because its shift to CGVD28 is unknown.

    Args:
        block: The block.
        lost: Pixels that have a height in CGVD2013 and none in CGVD28.
        grid_name: File of the shifts.

    Raises:
        NoDataError: If there is one.
    """
    if lost.any():
        raise NoDataError(
            f"{grid_name} has no shift from CGVD2013 to CGVD28 in a part of block "
            f"{block.sheet.name} that has heights. Nothing was written. Give another "
            "`vertical_grid`."
        )
