"""The tile index of a level: rows are read on demand and shared by version."""

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

_MAX_TILES_PER_READ = 1 << 16  # in whole rows: 67 rows of a 1 m mosaic file

# Parts are read concurrently: they take one round trip, and open the connections for the tiles.
_MAX_PARTS = 16
_MIN_PART_BYTES = 7_000

Read = Callable[[int, int], bytes | mmap.mmap]
Row = tuple[NDArray[np.int64], NDArray[np.int64]]


class TileIndex:
    """Positions and lengths of the tiles of a level, for several threads at a time.

    Args:
        read: Returns the bytes of the file from a position up to another.
        rows: Rows that were read, shared by the readers of all files.
        version: Identifies the version of the file; readers of one version share rows. None if
            nothing identifies it.
        level: Level of the file.
        below: The row of tiles after the last that will be looked up.
        name: Name of the file in messages.
    """

    def __init__(
        self,
        read: Read,
        rows: LruCache[Row],
        version: Hashable | None,
        level: Level,
        below: int,
        name: str,
    ) -> None:
        self._read = read
        self._rows = rows
        self._version = object() if version is None else version
        self._level = level
        self._below = below
        self._name = name
        self._lock = threading.Lock()
        self._failure: HrdemError | None = None

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Bytes of the file that hold the index.

        If one row is damaged, none of them can be trusted: rows are read many at a time, and one
        outside the rectangle that was looked up makes the next read fail.
        """
        arrays = self._level.offsets, self._level.counts
        return [array.span(0, array.count) for array in arrays]

    def look_up(self, tiles: Window) -> Row:
        """Return position and length of each tile of a rectangle, shape (rows, columns).

        Raises:
            SourceError: If the index contradicts itself.
            NetworkError: If it cannot be read.
        """
        columns = slice(tiles.column, tiles.right)
        rows = [self._row(row) for row in range(tiles.row, tiles.bottom)]
        offsets, counts = (
            np.stack([part[columns] for part in parts]) for parts in zip(*rows, strict=True)
        )
        return offsets, counts

    def drop_rows(self) -> None:
        """Drop all rows in memory, so that they are read again."""
        with self._lock:
            self._failure = None
            self._rows.clear()

    def _row(self, number: int) -> Row:
        found = self._rows.get(self._key(number))
        if found is None:
            with self._lock:  # one thread reads, the others find what it has read
                found = self._rows.get(self._key(number)) or self._load_once(number)
        return found

    def _load_once(self, number: int) -> Row:
        """Load a row; raise the earlier error if that has failed before."""
        if self._failure is None:
            try:
                return self._load_rows(number)
            except HrdemError as exc:
                self._failure = exc
        raise self._failure

    def _key(self, number: int) -> Hashable:
        return self._version, self._level, number

    def _load_rows(self, first: int) -> Row:
        """Read and remember rows from a row on, and return that row."""
        columns = self._level.columns
        at_once = max(1, _MAX_TILES_PER_READ // columns)
        below = max(first + 1, min(first + at_once, self._below))
        span = first * columns, below * columns
        offsets, counts = self._read_arrays(*span)
        # both are 0 for an absent tile; one alone, or a negative number, is invalid
        if ((offsets > 0) != (counts > 0)).any() or min(offsets.min(), counts.min()) < 0:
            raise invalid_index_error(self._name)
        rows = [(one.copy(), other.copy()) for one, other in zip(offsets, counts, strict=True)]
        for number, row in enumerate(rows, first):
            self._rows.put(self._key(number), row, sum(part.nbytes for part in row))
        return rows[0]

    def _read_arrays(self, first: int, last: int) -> list[NDArray[np.int64]]:
        """Read a run of both arrays in parts, all at the same time."""
        arrays = self._level.offsets, self._level.counts
        spans = [array.span(first, last) for array in arrays]
        size = max(
            _MIN_PART_BYTES, -(-sum(stop - start for start, stop in spans) // (_MAX_PARTS - 1))
        )
        with thread_pool(_MAX_PARTS, "index") as pool:
            pending = [
                [
                    pool.submit(self._read, at, min(at + size, stop))
                    for at in range(start, stop, size)
                ]
                for start, stop in spans
            ]
            contents = [b"".join(part.result() for part in parts) for parts in pending]
        return [
            np.frombuffer(content, array.dtype).astype(np.int64).reshape(-1, self._level.columns)
            for content, array in zip(contents, arrays, strict=True)
        ]


def invalid_index_error(name: str) -> SourceError:
    """Return the error for an invalid index."""
    return SourceError(
        f"The tile index of {name} contradicts itself, or points beyond the file or to tiles that "
        "are too large. The file is damaged, or is being published again: try again later."
    )
