"""Heights of a grid in a temporary file: a block of 34 million pixels is never in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Heights = NDArray[np.int16]

_ITEM_BYTES = 2


@dataclass(frozen=True, slots=True)
class StoredHeights:
    """Heights in a file, row by row from the north; several threads can read them.

    Attributes:
        path: The file.
        width: Number of columns.
        height: Number of rows.
    """

    path: Path
    width: int
    height: int

    @classmethod
    def write(cls, path: Path, bands: Iterable[Heights]) -> StoredHeights:
        """Write heights.

        Args:
            path: File to write.
            bands: int16 arrays of shape (rows, columns), from the north, at least one.

        Raises:
            OSError: If it cannot be written.
        """
        width = height = 0
        with path.open("wb") as file:
            for band in bands:
                file.write(np.ascontiguousarray(band).data)
                width, height = band.shape[1], height + len(band)
        return cls(path, width, height)

    def read_rows(self, first: int, count: int) -> Heights:
        """Read whole rows: array of shape (count, width).

        Raises:
            OSError: If the file cannot be read.
        """
        start = first * self.width * _ITEM_BYTES
        rows = np.fromfile(self.path, np.int16, count * self.width, offset=start)
        return rows.reshape(count, self.width)

    def read_columns(self, first: int, count: int) -> Heights:
        """Read whole columns: array of shape (height, count).

        Raises:
            OSError: If the file cannot be read.
        """
        columns = np.empty((self.height, count), np.int16)
        with self.path.open("rb", buffering=0) as file:
            for number, row in enumerate(columns):
                file.seek((number * self.width + first) * _ITEM_BYTES)
                file.readinto(row.data)
        return columns
