"""Stored source tiles that several tiles of a job read: those across their borders."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Window

_UNREAD = 0


@dataclass(frozen=True, slots=True)
class _Readers:
    """Tiles that read the same stored tiles: a last one, and others before it.

    Attributes:
        before: Number of the group of the others.
        last: Number of the last.
    """

    before: int
    last: int


class SharedTiles:
    """Which tiles of a job read each stored tile of its sources.

    Stored tiles are in a group with all others that the same tiles read, so that there are few
    groups: for squares, one for each edge and one for each corner.

    Args:
        sources: Names of the sources of each tile, to forget a source after its last tile.
    """

    def __init__(self, sources: Iterable[Iterable[str]]) -> None:
        self._left = collections.Counter(name for names in sources for name in names)
        self._groups: dict[str, NDArray[np.int32]] = {}
        self._readers = [_Readers(_UNREAD, -1)]
        self._numbers: dict[_Readers, int] = {}
        self._sizes: collections.Counter[int] = collections.Counter()

    def add(
        self,
        source: str,
        shape: tuple[int, int],
        parts: Iterable[tuple[Window, NDArray[np.int64]]],
        reader: int,
    ) -> None:
        """Add what a tile reads of a source.

        Args:
            source: Name of the source.
            shape: Rows and columns of all its stored tiles.
            parts: Rectangles of these, and the bytes of each; 0 for what is not read.
            reader: Number of the tile.
        """
        if source not in self._groups:
            self._groups[source] = np.full(shape, _UNREAD, np.int32)
        for rectangle, sizes in parts:
            groups = self._groups[source][rectangle.slices]
            is_read = sizes > 0
            for before in np.unique(groups[is_read]).tolist():
                here = is_read & (groups == before)
                number = self._find(_Readers(before, reader))
                size = int(sizes[here].sum())
                self._sizes[before] -= size
                self._sizes[number] += size
                groups[here] = number
        self._left[source] -= 1
        if not self._left[source]:
            del self._groups[source]

    def list_groups(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return the bytes of stored tiles that several tiles read, and the numbers of these."""
        groups = ((size, self._list_readers(number)) for number, size in self._sizes.items())
        return [(size, readers) for size, readers in groups if size > 0 and len(readers) > 1]

    def _find(self, readers: _Readers) -> int:
        """Return the number of a group, a new one for new readers."""
        number = self._numbers.setdefault(readers, len(self._readers))
        if number == len(self._readers):
            self._readers.append(readers)
        return number

    def _list_readers(self, number: int) -> tuple[int, ...]:
        found = []
        while number != _UNREAD:
            found.append(self._readers[number].last)
            number = self._readers[number].before
        return tuple(found)
