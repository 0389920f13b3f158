"""The tile index of a level: read by rows as far as it is needed, remembered by version."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import HrdemError, SourceError
from hrdem.geo.grid import Window
from hrdem.runtime.lru import LruCache
from hrdem.runtime.threads import thread_pool
from hrdem.tiff.header import Level

_TILES_AT_ONCE = 1 << 16  # looked up in one go, in whole rows: 67 rows of a 1 m mosaic file

# Side by side, so that it takes no more round trips than one part, and that the connections are
# open when the tiles are fetched.
_PARTS = 16
_LEAST_PART = 7_000  # bytes

Read = Callable[[int, int], bytes | mmap.mmap]
Row = tuple[NDArray[np.int64], NDArray[np.int64]]


rows_read: LruCache[Row] = LruCache(8 << 20)  # bytes, of all files together


class TileIndex:
    """Where the tiles of a level lie, for several threads at a time.

    Args:
        read: Returns the bytes of the file from a position up to another.
        version: What tells this edition of the file from all others; rows that another reader of
            the same version has read are not read again. None if nothing does.
        level: The level.
        below: The row of tiles after the last that will be asked for.
        name: Of the file, for messages.
    """

    def __init__(
        self, read: Read, version: Hashable | None, level: Level, below: int, name: str
    ) -> None:
        self._read = read
        self._version = object() if version is None else version
        self._level = level
        self._below = below
        self._name = name
        self._lock = threading.Lock()
        self._failure: HrdemError | None = None

    def look_up(self, tiles: Window) -> Row:
        """Return position and length of each tile of a rectangle, shape (rows, columns).

        Raises:
            SourceError: If the index contradicts itself.
            NetworkError: If it cannot be had.
        """
        columns = slice(tiles.column, tiles.right)
        rows = [self._row(row) for row in range(tiles.row, tiles.bottom)]
        offsets, counts = (
            np.stack([part[columns] for part in parts]) for parts in zip(*rows, strict=True)
        )
        return offsets, counts

    def spans(self, tiles: Window) -> list[tuple[int, int]]:
        """Return the bytes of the file that tell of a rectangle of tiles, and of all beside it."""
        first, last = tiles.row * self._level.columns, tiles.bottom * self._level.columns
        return [array.span(first, last) for array in (self._level.offsets, self._level.counts)]

    def forget(self) -> None:
        """Read everything anew: what was read does not fit."""
        with self._lock:
            self._failure = None
            rows_read.clear()

    def _row(self, number: int) -> Row:
        found = rows_read.get(self._key(number))
        if found is None:
            with self._lock:  # one thread reads, the others find what it has read
                found = rows_read.get(self._key(number)) or self._loaded(number)
        return found

    def _loaded(self, number: int) -> Row:
        """Load a row, unless that has failed before: then it is too late for the others too."""
        if self._failure is None:
            try:
                return self._load(number)
            except HrdemError as exc:
                self._failure = exc
        raise self._failure

    def _key(self, number: int) -> Hashable:
        return self._version, self._level, number

    def _load(self, first: int) -> Row:
        """Read and remember rows from a row on, and return that row."""
        columns = self._level.columns
        at_once = max(1, _TILES_AT_ONCE // columns)
        below = max(first + 1, min(first + at_once, self._below))
        span = first * columns, below * columns
        offsets, counts = self._values(*span)
        # both 0 says that a tile is absent; one alone, or a negative, says nothing
        if ((offsets > 0) != (counts > 0)).any() or min(offsets.min(), counts.min()) < 0:
            raise invalid_index_error(self._name)
        rows = [(one.copy(), other.copy()) for one, other in zip(offsets, counts, strict=True)]
        for number, row in enumerate(rows, first):
            rows_read.put(self._key(number), row, sum(part.nbytes for part in row))
        return rows[0]

    def _values(self, first: int, last: int) -> list[NDArray[np.int64]]:
        """Read a run of both arrays in parts, all at the same time."""
        arrays = self._level.offsets, self._level.counts
        spans = [array.span(first, last) for array in arrays]
        size = max(_LEAST_PART, -(-sum(stop - start for start, stop in spans) // (_PARTS - 1)))
        with thread_pool(_PARTS, "index") as pool:
            coming = [
                [
                    pool.submit(self._read, at, min(at + size, stop))
                    for at in range(start, stop, size)
                ]
                for start, stop in spans
            ]
            whole = [b"".join(part.result() for part in parts) for parts in coming]
        return [
            np.frombuffer(content, array.dtype).astype(np.int64).reshape(-1, self._level.columns)
            for content, array in zip(whole, arrays, strict=True)
        ]


def invalid_index_error(name: str) -> SourceError:
    """Return the error of an index that cannot be right."""
    return SourceError(
        f"The tile index of {name} contradicts itself, or points beyond the file or to tiles that "
        "are too large. The file is damaged, or is being published again: try again later."
    )
