"""Pixels of rasters that were read: of small ones in memory, of large ones in temporary files."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import IO

import numpy as np

from hrdem.geo.grid import Pixels, Window
from hrdem.runtime.temporary_files import translate_full_disk

MAX_SMALL_BYTES = 8 << 20  # of a raster that is kept in memory; a cell of CDED has 3 MB
MAX_KEPT_BYTES = 64 << 20  # of all small rasters


@dataclass(frozen=True, slots=True)
class _Spilled:
    """Pixels in a file, row by row."""

    file: IO[bytes]
    width: int
    dtype: np.dtype[np.generic]

    def read(self, window: Window) -> Pixels:
        row_bytes = self.width * self.dtype.itemsize
        self.file.seek(window.row * row_bytes)
        rows = np.frombuffer(self.file.read(window.height * row_bytes), self.dtype)
        columns = slice(window.column, window.right)
        return rows.reshape(window.height, self.width)[:, columns]


class PixelStore:
    """Pixels by the number of their raster.

    The least recently used small rasters are forgotten; large ones stay until the store is gone.
    """

    def __init__(self) -> None:
        self._small: OrderedDict[int, Pixels] = OrderedDict()
        self._large: dict[int, _Spilled] = {}
        self._files = contextlib.ExitStack()
        weakref.finalize(self, self._files.close)

    def __contains__(self, number: int) -> bool:
        return number in self._small or number in self._large

    def get(self, number: int, window: Window) -> Pixels:
        """Return a window of a raster that is in the store."""
        if number in self._large:
            return self._large[number].read(window)
        self._small.move_to_end(number)
        return self._small[number][window.slices]

    def put(self, number: int, pixels: Pixels) -> None:
        """Store a raster; it is there until the next is.

        Raises:
            OutputError: If there is no room for a large one in the folder of temporary files.
        """
        if pixels.nbytes > MAX_SMALL_BYTES:
            self._large[number] = self._spill(pixels)
            return
        self._small[number] = pixels
        while sum(each.nbytes for each in self._small.values()) > MAX_KEPT_BYTES:
            self._small.popitem(last=False)

    def _spill(self, pixels: Pixels) -> _Spilled:
        with translate_full_disk(pixels.nbytes):
            file = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            file.write(np.ascontiguousarray(pixels).data)
            file.flush()
        return _Spilled(file, pixels.shape[1], pixels.dtype)
