"""Pixels of a raster in a temporary file: a block of 34 million is never in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from hrdem.errors import OutputError
from hrdem.geo.grid import Pixels, Window
from hrdem.runtime.temporary_files import translate_full_disk


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """Pixels in a file, row by row from the north; several threads can read them.

    Attributes:
        path: The file.
        width: Number of columns.
        height: Number of rows.
        dtype: Type of the pixels.
    """

    path: Path
    width: int
    height: int
    dtype: np.dtype[np.generic]

    @classmethod
    def write(cls, path: Path, bands: Iterable[Pixels]) -> Self:
        """Write pixels.

        Args:
            path: File to write.
            bands: Arrays of shape (rows, columns) and of one type, from the north, at least one.

        Raises:
            OutputError: If it cannot be written.
        """
        band, height = np.empty((0, 0)), 0
        with path.open("wb", buffering=0) as file:
            for band in bands:
                left = np.ascontiguousarray(band).data.cast("B")
                with translate_full_disk(band.nbytes):
                    while left:
                        left = left[file.write(left) :]
                height += len(band)
        return cls(path, band.shape[1], height, band.dtype)

    def read(self, window: Window) -> Pixels:
        """Read a window: array of shape (window.height, window.width).

        Raises:
            OutputError: If the file is not as it was written.
        """
        pixels = np.empty((window.height, window.width), self.dtype)
        rows = pixels.reshape(1, -1) if window.width == self.width else pixels
        with self.path.open("rb", buffering=0) as file:
            for number, row in enumerate(rows, window.row):
                file.seek((number * self.width + window.column) * self.dtype.itemsize)
                if file.readinto(row.data) != row.nbytes:
                    raise OutputError(
                        f"The temporary file {self.path} was cut off while it was in use. Set "
                        "TMPDIR to a folder that no other program clears."
                    )
        return pixels
