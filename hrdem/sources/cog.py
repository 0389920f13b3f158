"""COGs, read by our own reader: slices of the index, whole runs of tiles, one version."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.errors import SourceError
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.http.cache.mirror import Span
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, SourceVersion, first_bytes
from hrdem.runtime.lru import LruCache
from hrdem.runtime.memory import buffer
from hrdem.sources.protocol import Fetched
from hrdem.tiff.decode import GUARD, check_guards, decode, directory_size
from hrdem.tiff.header import FIRST_BYTES, Header, read_header
from hrdem.tiff.tile_index import TileIndex, damaged_index

_LARGEST_GAP = 64 << 10  # bytes that are read along rather than asked around
_TILES_AT_ONCE = 1 << 16  # that are looked at while a need is told
_LARGEST_TILE = 4  # times its pixels: more is no compressed tile

log = logging.getLogger(__name__)

headers_read: LruCache[Header] = LruCache(64)  # files


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


def probe_cog(url: str, http: Http) -> CogFile:
    """Read the header of a COG and fix its version, in one request as a rule.

    Raises:
        SourceError: If it is no COG that is read here.
        NetworkError: If it cannot be had.
    """
    version, beginning = first_bytes(url, FIRST_BYTES, http)
    file = PinnedFile(url, version, http)

    read = [(0, len(beginning))]

    def fetch(start: int, stop: int) -> bytes:
        if stop <= len(beginning):
            return beginning[start:stop]
        read.append((start, stop))
        return bytes(file.read(start, stop))

    header = headers_read.get(version) if version.pinned else None
    if header is None:
        try:
            header = read_header(fetch, version.size, version.url)
        except SourceError:
            file.invalidate(read)
            raise
        if version.pinned:
            headers_read.put(version, header, 1)
    return CogFile(url, version, header)


@dataclass(frozen=True, slots=True)
class Stored:
    """What of a file a window needs.

    Attributes:
        tiles: How many tiles; absent ones do not count.
        size: Their bytes.
        lacking: Bytes that would have to be fetched, as no cache has them.
    """

    tiles: int
    size: int
    lacking: int


@dataclass(frozen=True, slots=True)
class StoredTiles:
    """A rectangle of tiles as they lie in a file.

    Attributes:
        rectangle: Which, counted in tiles.
        buffer: Free bytes for `hrdem.tiff.decode.decode`, then the tiles and what lay between them.
        offsets: Where each tile begins in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape; 0 for absent tiles.
        spans: Which bytes of the file are in the buffer.
    """

    rectangle: Window
    buffer: mmap
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    spans: tuple[Span, ...]


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
            with self._distrusting(tiles.spans):
                return decode(
                    tiles.buffer, tiles.offsets, tiles.counts, self.storage, self.nodata, self._name
                )[inside]

        return Fetched(int(tiles.counts.sum()), decoded)

    def fetch_tiles(self, window: Window) -> StoredTiles:
        """Fetch the tiles under a window, and leave them as they are.

        Tiles that do not fit the index are fetched once more, as is the index: something on the
        way may have altered either.

        Raises:
            NetworkError: If they cannot be had.
            SourceChangedError: If the file is no longer the one that was met.
        """
        try:
            return self._checked_tiles(window)
        except SourceError as exc:
            log.warning("%s They are read once more.", exc)
            return self._checked_tiles(window)

    def _checked_tiles(self, window: Window) -> StoredTiles:
        """Fetch tiles, and make sure that they are what the index says, if the file tells."""
        rectangle = self._level.tiles_under(window)
        index = self._index.spans(rectangle)
        with self._distrusting(index):
            offsets, counts = self._index.look_up(rectangle)
            self._check_places(offsets, counts)
        spans = self._spans(offsets, counts)
        held, places = self._fetch(offsets, counts, spans)
        if self._guarded:
            with self._distrusting([*spans, *index]):
                check_guards(held, places, counts, self._name)
        return StoredTiles(rectangle, held, places, counts, tuple(spans))

    def stored(self, window: Window, region: shapely.Geometry | None = None) -> Stored:
        """Tell what of the file a window needs.

        Args:
            window: Lies within the grid.
            region: Polygon in the file's CRS; only tiles that it touches are needed. None for all.

        Raises:
            NetworkError: If the index cannot be had.
            SourceChangedError: If the file is no longer the one that was met.
        """
        tiles = self._level.tiles_under(window)
        count = size = lacking = 0
        for rows in tiles.pieces(tiles.width, max(1, _TILES_AT_ONCE // tiles.width)):
            with self._distrusting(self._index.spans(rows)):
                offsets, counts = self._index.look_up(rows)
                self._check_places(offsets, counts)
            if region is not None:
                counts = np.where(shapely.intersects(region, self._boxes(rows)), counts, 0)
            spans = self._spans(offsets, counts)
            count += int((counts > 0).sum())
            size += int(counts.sum())
            lacking += sum(stop - start for start, stop in self._file.gaps(spans))
        return Stored(count, size, min(size, lacking))  # gaps between tiles are fetched along

    def _boxes(self, tiles: Window) -> NDArray[np.object_]:
        """Outlines of tiles in the file's CRS, shape (rows, columns)."""
        width, height = self.block
        dx, dy = self.grid.resolution
        west, _, _, north = self.grid.bounds
        left = west + dx * width * np.arange(tiles.column, tiles.right)
        top = north - dy * height * np.arange(tiles.row, tiles.bottom)[:, None]
        boxes: NDArray[np.object_] = shapely.box(left, top - dy * height, left + dx * width, top)
        return boxes

    def _check_places(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        largest = _LARGEST_TILE * self.storage.raw_bytes
        guard = GUARD if self._guarded else 0
        behind = offsets > self._file.version.size - guard - counts  # a sum might overflow
        if counts.max() > largest or behind.any() or (offsets[counts > 0] < 8).any():
            raise damaged_index(self._name)

    def _spans(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> list[Span]:
        """The bytes of the file that hold some tiles."""
        guard = GUARD if self._guarded else 0
        present = counts > 0
        return coalesced(
            (int(begin) - guard, int(begin + count) + guard)
            for begin, count in zip(offsets[present], counts[present], strict=True)
        )

    def _fetch(
        self, offsets: NDArray[np.int64], counts: NDArray[np.int64], spans: Sequence[Span]
    ) -> tuple[mmap, NDArray[np.int64]]:
        """Read the bytes of tiles, and tell where each begins in them."""
        room = directory_size(offsets.size)
        present = counts > 0
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
    def _distrusting(self, spans: Sequence[Span]) -> Iterator[None]:
        """If bytes do not fit, forget what was read: the next time it may come unaltered."""
        try:
            yield
        except SourceError:
            self._index.forget()
            self._file.invalidate(spans)
            raise


def coalesced(spans: Iterable[Span]) -> list[Span]:
    """Join spans of bytes whose gaps are cheaper to read than to ask around."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= _LARGEST_GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined
