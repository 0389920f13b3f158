"""Heights of a BC set in memory: what the other files of the set are compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.bc_place import EDGE_METRES, BcGrid, BlockMask, find_mask
from hrdem.legacy.check.finding import Findings


@dataclass(frozen=True, slots=True)
class BcHeights:
    """Heights of one projection.

    Attributes:
        label: Name of the file that they are from.
        grid: Its grid.
        heights: int16 array of shape (rows, columns) from the north, `VOID` for no data.
    """

    label: str
    grid: BcGrid
    heights: NDArray[np.int16]


class VoidTally:
    """Counts pixels that have a value where there should be none, or the reverse.

    Args:
        name: Name of the file; None if it is none of a set.
        grid: Its grid.
        reference: Heights of its set; None for the file that has them.
    """

    def __init__(self, name: FileName | None, grid: BcGrid, reference: BcHeights | None) -> None:
        self._grid = grid
        self._reference = reference
        self._mask: BlockMask | None = None
        if reference is None and name and name.projection == "albers":
            self._mask = find_mask(name)
        self._pixels = self._voids = self._wrong = 0
        self._inside = self._void_inside = 0
        self._first = ""

    def add(self, first: int, is_void: NDArray[np.bool_]) -> None:
        """Add rows.

        Args:
            first: The first of them, from the north.
            is_void: Where they have no data.
        """
        self._pixels += is_void.size
        self._voids += int(is_void.sum())
        if self._reference is not None:
            rows = self._reference.heights[first : first + len(is_void)]
            self._count(first, is_void != (rows == VOID))
        elif self._mask is not None:
            depth = self._mask.depth(self._grid, first, len(is_void))
            self._count(first, ~is_void & (depth < -EDGE_METRES))
            is_inside = depth > EDGE_METRES
            self._inside += int(is_inside.sum())
            self._void_inside += int((is_void & is_inside).sum())

    def _count(self, first: int, is_wrong: NDArray[np.bool_]) -> None:
        count = int(is_wrong.sum())
        if count and not self._wrong:
            row, column = np.unravel_index(int(np.argmax(is_wrong)), is_wrong.shape)
            self._first = f", the first in row {first + int(row) + 1}, column {int(column) + 1}"
        self._wrong += count

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        found = f"{self._wrong:,} of {self._pixels:,} pixels are not{self._first}"
        if self._reference is not None:
            findings.judge(
                "3.2", f"no data against {self._reference.label}", not self._wrong,
                expected="values where there are heights, and only there", found=found,
            )  # fmt: skip
            return
        if self._mask is not None:
            findings.judge(
                "3.3", "mask", not self._wrong, expected="no data outside the block", found=found
            )
        if self._mask is not None:
            missing, found = self._void_inside, f"{self._inside:,} pixels in the block"
        else:
            missing, found = self._voids, f"{self._pixels:,} pixels"
        if missing:
            findings.note(
                "3.2", "no data", expected="only where there is no source, which is not checked",
                found=f"{missing:,} of {found}",
            )  # fmt: skip
