"""COGs, read by our own reader: slices of the index, whole runs of tiles, one version."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.buffers import buffer
from hrdem.cog.header import FIRST_BYTES, Header, read_header
from hrdem.cog.index import TileIndex, damaged_index, rows_read
from hrdem.cog.memory import Memory
from hrdem.cog.tiles import GUARD, check_guards, decode, directory_size
from hrdem.errors import SourceError
from hrdem.grid import Grid, Pixels, Window
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, SourceVersion, first_bytes
from hrdem.sources import Fetched

_LARGEST_GAP = 64 << 10  # bytes that are read along rather than asked around
_LARGEST_TILE = 4  # times its pixels: more is no compressed tile

headers_read: Memory[Header] = Memory(64)  # files


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

    def grid_of(self, level: int) -> Grid:
        """Return the pixel grid of a level; 0 is full resolution.

        The pixels of an overview fill the image, so that they may be a little off the power of
        two.
        """
        reduced = self.header.levels[level]
        dx = self.grid.resolution[0] * self.grid.width / reduced.width
        dy = self.grid.resolution[1] * self.grid.height / reduced.height
        left, _, _, top = self.grid.bounds
        pixel = Affine(dx, 0, left, 0, -dy, top)
        return Grid(self.grid.crs, pixel, reduced.width, reduced.height)


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

    header = headers_read.get(version) if version.pinned else None
    if header is None:
        header = read_header(fetch, version.size, version.url)
        if version.pinned:
            headers_read.put(version, header, 1)
    return CogFile(url, version, header)


@dataclass(frozen=True, slots=True)
class StoredTiles:
    """A rectangle of tiles as they lie in a file.

    Attributes:
        rectangle: Which, counted in tiles.
        buffer: Free bytes for `hrdem.cog.tiles.decode`, then the tiles and what lay between them.
        offsets: Where each tile begins in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape; 0 for absent tiles.
    """

    rectangle: Window
    buffer: mmap
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]


class CogSource:
    """Pixels of a COG, for several threads at a time.

    Args:
        file: The file.
        http: Client to read with.
        level: Which of the file's levels to read; 0 is full resolution.
        within: Window of that level that all reading will stay in; None for all of it.
    """

    def __init__(
        self, file: CogFile, http: Http, level: int = 0, within: Window | None = None
    ) -> None:
        header = file.header
        self._level = header.levels[level]
        self._guarded = header.guarded
        self._name = file.version.url
        self._file = PinnedFile(file.url, file.version, http)
        self._index = TileIndex(
            self._file.read,
            file.version if file.version.pinned else None,
            self._level,
            self._level.rows if within is None else self._level.tiles_under(within).bottom,
            self._name,
        )
        self.storage = header.storage(self._level)
        self.dtype = file.dtype
        self.nodata = file.nodata
        self.block = self._level.tile
        self.grid = file.grid_of(level)

    def fetch(self, window: Window) -> Fetched:
        """Fetch the tiles under a window, in as few requests as is sensible."""
        tiles = self.fetch_tiles(window)
        if not tiles.counts.any():
            shape = (window.height, window.width)
            empty = 0 if self.nodata is None else self.nodata
            return Fetched(0, lambda: np.full(shape, empty, self.dtype))
        width, height = self.block
        corner = -tiles.rectangle.column * width, -tiles.rectangle.row * height
        inside = window.shifted(*corner).slices

        def decoded() -> Pixels:
            self.check(tiles)
            with _forgetting():
                return decode(
                    tiles.buffer, tiles.offsets, tiles.counts, self.storage, self.nodata, self._name
                )[inside]

        return Fetched(int(tiles.counts.sum()), decoded)

    def fetch_tiles(self, window: Window) -> StoredTiles:
        """Fetch the tiles under a window, and leave them as they are.

        Raises:
            NetworkError: If they cannot be had.
            SourceChangedError: If the file is no longer the one that was met.
        """
        rectangle = self._level.tiles_under(window)
        offsets, counts = self._index.look_up(rectangle)
        self._check_places(offsets, counts)
        return StoredTiles(rectangle, *self._fetch(offsets, counts), counts)

    def check(self, tiles: StoredTiles) -> None:
        """Make sure that tiles are what the index says, if the file tells.

        Raises:
            SourceError: If they are not.
        """
        if self._guarded:
            with _forgetting():
                check_guards(tiles.buffer, tiles.offsets, tiles.counts, self._name)

    def stored(self, window: Window, region: shapely.Geometry | None = None) -> tuple[int, int]:
        """Return how many tiles a window needs, and their bytes.

        Args:
            window: Lies within the grid.
            region: Polygon in the file's CRS; only tiles that it touches are needed. None for all.
        """
        tiles = self._level.tiles_under(window)
        _, counts = self._index.look_up(tiles)
        if region is not None:
            width, height = self.block
            dx, dy = self.grid.resolution
            west, _, _, north = self.grid.bounds
            left = west + dx * width * np.arange(tiles.column, tiles.right)
            top = north - dy * height * np.arange(tiles.row, tiles.bottom)[:, None]
            boxes = shapely.box(left, top - dy * height, left + dx * width, top)
            counts = np.where(shapely.intersects(region, boxes), counts, 0)
        return int((counts > 0).sum()), int(counts.sum())

    def _check_places(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        largest = _LARGEST_TILE * self.storage.raw_bytes
        guard = GUARD if self._guarded else 0
        behind = offsets > self._file.version.size - guard - counts  # a sum might overflow
        if counts.max() > largest or behind.any() or (offsets[counts > 0] < 8).any():
            with _forgetting():
                raise damaged_index(self._name)

    def _fetch(
        self, offsets: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> tuple[mmap, NDArray[np.int64]]:
        """Read the bytes of tiles, and tell where each begins in them."""
        room = directory_size(offsets.size)
        guard = GUARD if self._guarded else 0
        present = counts > 0
        spans = coalesced(
            (int(begin) - guard, int(begin + count) + guard)
            for begin, count in zip(offsets[present], counts[present], strict=True)
        )
        if len(spans) == 1:
            ((start, stop),) = spans
            return self._file.read(start, stop, room), np.where(present, offsets - start + room, 0)
        whole = buffer(room + sum(stop - start for start, stop in spans))
        places = np.zeros_like(offsets)
        end = room
        for start, stop in spans:
            here = present & (offsets >= start) & (offsets < stop)
            places[here] = offsets[here] - start + end
            whole[end : end + stop - start] = self._file.read(start, stop)
            end += stop - start
        return whole, places


@contextlib.contextmanager
def _forgetting() -> Iterator[None]:
    """If index and tiles do not fit, forget the index: the next time it may come unaltered."""
    try:
        yield
    except SourceError:
        rows_read.clear()
        raise


def coalesced(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans of bytes whose gaps are cheaper to read than to ask around."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= _LARGEST_GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined
