"""COGs, read by our own reader: slices of the index, whole runs of tiles, one version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from hrdem.cog.header import FIRST_BYTES, Header, Level, read_header
from hrdem.cog.tiles import GUARD, check_guards, decode, directory_size
from hrdem.errors import SourceError
from hrdem.grid import Grid, Pixels, Window
from hrdem.http.client import Http, without_credentials
from hrdem.http.ranges import PinnedFile, SourceVersion, first_bytes

_INDEX_ROWS = 32  # of tiles, looked up at a time: 375 kB of a 1 m mosaic file
_LARGEST_GAP = 64 << 10  # bytes that are read along rather than asked around
_LARGEST_TILE = 4  # times its pixels: more is no compressed tile


@dataclass(frozen=True, slots=True)
class CogFile:
    """A COG whose header was read.

    Attributes:
        url: Its address.
        version: The version that was met.
        header: What it says about itself.
    """

    url: str
    version: SourceVersion
    header: Header

    @property
    def grid(self) -> Grid:
        """Its pixel grid."""
        return self.header.grid

    @property
    def dtype(self) -> str:
        """Type of its pixels."""
        return self.header.dtype

    @property
    def nodata(self) -> float | None:
        """Its nodata value."""
        return self.header.nodata

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of its tiles, pixels."""
        return self.header.levels[0].tile


def meet_cog(url: str, http: Http) -> CogFile:
    """Read the header of a COG and fix its version, in one request as a rule.

    Raises:
        SourceError: If it is no COG that is read here.
        NetworkError: If it cannot be had.
    """
    version, beginning = first_bytes(url, FIRST_BYTES, http)
    file = PinnedFile(url, version, http)

    def fetch(start: int, stop: int) -> bytes:
        if stop <= len(beginning):
            return beginning[start:stop]
        return bytes(file.read(start, stop))

    return CogFile(url, version, read_header(fetch, version.size, version.url))


class CogSource:
    """Pixels of a COG, for several threads at a time.

    Args:
        file: The file.
        http: Client to read with.
        level: Which of the file's levels to read; 0 is full resolution.
    """

    def __init__(self, file: CogFile, http: Http, level: int = 0) -> None:
        self._header = file.header
        self._level = file.header.levels[level]
        self._name = without_credentials(file.url)
        self._file = PinnedFile(file.url, file.version, http)
        self._index = _Index(self._file, self._level)
        self.dtype = file.dtype
        self.nodata = file.nodata
        self.block = self._level.tile
        dx = file.grid.resolution[0] * file.grid.width / self._level.width
        dy = file.grid.resolution[1] * file.grid.height / self._level.height
        left, _, _, top = file.grid.bounds
        self.grid = Grid(
            file.grid.crs,
            type(file.grid.transform)(dx, 0, left, 0, -dy, top),
            self._level.width,
            self._level.height,
        )

    def fetch(self, window: Window) -> Callable[[], Pixels]:
        """Fetch the tiles under a window, in as few requests as is sensible."""
        tiles = self._level.tiles_under(window)
        offsets, counts = self._index.look_up(tiles)
        if not counts.any():
            shape = (window.height, window.width)
            empty = 0 if self.nodata is None else self.nodata
            return lambda: np.full(shape, empty, self.dtype)
        self._check(offsets, counts)
        buffer, places = self._fetch(offsets, counts)
        width, height = self.block
        inside = window.shifted(-tiles.column * width, -tiles.row * height).slices

        def decoded() -> Pixels:
            if self._header.guarded:
                check_guards(buffer, places, counts, self._name)
            return decode(buffer, places, counts, self._header, self._level, self._name)[inside]

        return decoded

    def stored(self, window: Window) -> tuple[int, int]:
        """Return how many tiles a window needs, and their bytes."""
        _, counts = self._index.look_up(self._level.tiles_under(window))
        return int((counts > 0).sum()), int(counts.sum())

    def _check(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        raw = self.block[0] * self.block[1] * np.dtype(self.dtype).itemsize
        guard = GUARD if self._header.guarded else 0
        behind = offsets > self._file.version.size - guard - counts  # a sum might overflow
        if counts.max() > _LARGEST_TILE * raw or behind.any() or (offsets[counts > 0] < 8).any():
            raise _damaged_index(self._name)

    def _fetch(
        self, offsets: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> tuple[mmap, NDArray[np.int64]]:
        """Read the bytes of tiles, and tell where each begins in them."""
        room = directory_size(offsets.size)
        guard = GUARD if self._header.guarded else 0
        present = counts > 0
        spans = merged(
            (int(begin) - guard, int(begin + count) + guard)
            for begin, count in zip(offsets[present], counts[present], strict=True)
        )
        if len(spans) == 1:
            ((start, stop),) = spans
            return self._file.read(start, stop, room), np.where(present, offsets - start + room, 0)
        buffer = mmap(-1, room + sum(stop - start for start, stop in spans))
        places = np.zeros_like(offsets)
        end = room
        for start, stop in spans:
            here = present & (offsets >= start) & (offsets < stop)
            places[here] = offsets[here] - start + end
            buffer[end : end + stop - start] = self._file.read(start, stop)[:]
            end += stop - start
        return buffer, places


def _damaged_index(name: str) -> SourceError:
    return SourceError(
        f"The tile index of {name} contradicts itself, or points beyond the file or to tiles that "
        "are too large. The file is damaged, or is being published again: try again later."
    )


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans of bytes whose gaps are cheaper to read than to ask around."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= _LARGEST_GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


class _Index:
    """The parts of a level's tile index that were looked up."""

    def __init__(self, file: PinnedFile, level: Level) -> None:
        self._file = file
        self._level = level
        self._lock = threading.Lock()
        self._parts: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def look_up(self, tiles: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return position and length of each tile of a rectangle, shape (rows, columns)."""
        found = []
        for row in range(tiles.row, tiles.bottom):
            offsets, counts = self._part(row // _INDEX_ROWS)
            line = row % _INDEX_ROWS, slice(tiles.column, tiles.right)
            found.append((offsets[line], counts[line]))
        offsets, counts = (np.stack(lines) for lines in zip(*found, strict=True))
        return offsets, counts

    def _part(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        with self._lock:
            if number not in self._parts:
                columns = self._level.columns
                first = number * _INDEX_ROWS * columns
                last = min(first + _INDEX_ROWS * columns, self._level.columns * self._level.rows)
                arrays = self._level.offsets, self._level.counts
                with ThreadPoolExecutor(len(arrays)) as both:
                    read = both.map(lambda a: self._file.read(*a.span(first, last)), arrays)
                    values = [
                        np.frombuffer(content, array.dtype).astype(np.int64).reshape(-1, columns)
                        for content, array in zip(read, arrays, strict=True)
                    ]
                offsets, counts = values
                # both 0 says that a tile is absent; one alone, or a negative, says nothing
                if ((offsets > 0) != (counts > 0)).any() or min(offsets.min(), counts.min()) < 0:
                    raise _damaged_index(self._file.version.url)
                self._parts[number] = offsets, counts
            return self._parts[number]
