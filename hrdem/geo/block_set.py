"""Sets of blocks: the parts of a window that there is anything to do for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Window


@dataclass(frozen=True, slots=True)
class BlockSet:
    """Some blocks of a window.

    Attributes:
        window: A window that starts at a block.
        edge: Width and height of a block, pixels; those at the right and below may be smaller.
        chosen: Which blocks are in the set, bool array of shape (rows, columns).
    """

    window: Window
    edge: int
    chosen: NDArray[np.bool_]

    @classmethod
    def all_of(cls, window: Window, edge: int) -> Self:
        """Return all blocks of a window."""
        shape = -(-window.height // edge), -(-window.width // edge)
        return cls(window, edge, np.ones(shape, np.bool_))

    @property
    def pixels(self) -> int:
        """Number of pixels of the blocks."""
        rows, columns = self.chosen.shape
        heights = np.minimum(self.edge, self.window.height - self.edge * np.arange(rows))
        widths = np.minimum(self.edge, self.window.width - self.edge * np.arange(columns))
        return int(heights @ self.chosen @ widths)

    def __iter__(self) -> Iterator[Window]:
        """Yield the blocks, row by row."""
        for row, column in np.argwhere(self.chosen).tolist():
            yield self._block(column, row)

    def __contains__(self, block: Window) -> bool:
        """Whether a block of the window is in the set."""
        return bool(self.chosen[self._place(block.column, block.row)])

    def __and__(self, other: Self) -> Self:
        """Return the blocks that are in both of two sets of one window."""
        return type(self)(self.window, self.edge, self.chosen & other.chosen)

    def remove(self, column: int, row: int) -> None:
        """Remove the block that starts at a pixel from the set."""
        self.chosen[self._place(column, row)] = False

    def within(self, window: Window) -> Self:
        """Return the blocks in a part of the window that starts and ends at blocks."""
        row, column = self._place(window.column, window.row)
        rows, columns = -(-window.height // self.edge), -(-window.width // self.edge)
        chosen = self.chosen[row : row + rows, column : column + columns]
        return type(self)(window, self.edge, chosen)

    def runs(self) -> Iterator[Window]:
        """Yield windows around the blocks, from top to bottom: one a run of rows with any."""
        rows = np.flatnonzero(self.chosen.any(axis=1))
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            if len(run):
                columns = np.flatnonzero(self.chosen[run].any(axis=0))
                first = self._block(int(columns[0]), int(run[0]))
                last = self._block(int(columns[-1]), int(run[-1]))
                yield Window(
                    first.column, first.row, last.right - first.column, last.bottom - first.row
                )

    def _place(self, column: int, row: int) -> tuple[int, int]:
        """Return row and column of the block that starts at a pixel."""
        return (row - self.window.row) // self.edge, (column - self.window.column) // self.edge

    def _block(self, column: int, row: int) -> Window:
        whole = Window(
            self.window.column + column * self.edge,
            self.window.row + row * self.edge,
            self.edge,
            self.edge,
        )
        block = whole.intersection(self.window)
        assert block is not None
        return block
