"""Pixels of rasters that were read: of small ones in memory, of large ones in temporary files."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections import OrderedDict
from pathlib import Path

from hrdem.geo.grid import Pixels, Window
from hrdem.legacy.stored_pixels import StoredPixels
from hrdem.runtime.temporary_files import translate_full_disk

MAX_SMALL_BYTES = 8 << 20  # of a raster that is kept in memory; a cell of CDED has 3 MB
MAX_KEPT_BYTES = 64 << 20  # of all small rasters


class PixelStore:
    """Pixels by the number of their raster.

    The least recently used small rasters are forgotten; large ones stay until the store is gone.
    """

    def __init__(self) -> None:
        self._small: OrderedDict[int, Pixels] = OrderedDict()
        self._large: dict[int, StoredPixels] = {}
        self._folder: Path | None = None
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
            self._large[number] = self._spill(number, pixels)
            return
        self._small[number] = pixels
        while sum(each.nbytes for each in self._small.values()) > MAX_KEPT_BYTES:
            self._small.popitem(last=False)

    def _spill(self, number: int, pixels: Pixels) -> StoredPixels:
        if self._folder is None:
            with translate_full_disk(pixels.nbytes):
                folder = tempfile.TemporaryDirectory(prefix="hrdem-")
                self._folder = Path(self._files.enter_context(folder))
        return StoredPixels.write(self._folder / str(number), [pixels])
