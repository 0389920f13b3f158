"""The compressed tiles of a COG: slices of the index, runs of tiles in one request, one version."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from mmap import mmap

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import SourceError
from hrdem.geo.grid import Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span, join_ranges
from hrdem.runtime.memory import allocate_buffer
from hrdem.sources.protocol import Needed, StoredTiles
from hrdem.tiff.decode import GUARD_BYTES, check_guards, directory_bytes
from hrdem.tiff.header import Header
from hrdem.tiff.tile_index import TileIndex, invalid_index_error

_MAX_TILES_PER_LOOKUP = 1 << 16  # of the index, to measure needed data
_MAX_TILE_FACTOR = 4  # times the uncompressed bytes; a longer tile is invalid

log = logging.getLogger(__name__)


class TileReader:
    """Reads the compressed tiles of one level of a COG, by several threads at the same time.

    Args:
        url: Address.
        version: Version that was opened.
        header: Contents of the directories.
        number: Number of the level; 0 is full resolution.
        http: HTTP client.
        within: Window of the level that all reads stay in; None for all of it.

    Attributes:
        tile_format: Compression and layout of the tiles.
        block: Width and height of a tile, pixels.
        shape: Rows and columns of tiles.
        grid: Pixel grid of the level.
    """

    def __init__(
        self,
        url: str,
        version: SourceVersion,
        header: Header,
        number: int,
        http: Http,
        within: Window | None,
    ) -> None:
        level = header.levels[number]
        self.tile_format = header.tile_format(level)
        self.block = level.tile
        self.shape = level.rows, level.columns
        self.grid = header.level_grid(number)
        self._level = level
        self._guarded = header.has_guards
        self._version = version
        self._file = PinnedFile(url, version, http)
        self._index = TileIndex(
            self._file.read,
            http.metadata.index_rows,
            version if version.pinned else None,
            level,
            level.rows if within is None else level.tiles_under(within).bottom,
            version.url,
        )

    def fetch_tiles(self, window: Window) -> StoredTiles:
        """Fetch the compressed tiles that a window touches.

        Tiles that contradict the index are fetched once more, as is the index: either may have
        been altered on the way.

        Raises:
            NetworkError: If they cannot be read.
            SourceChangedError: If the file is no longer the version that was opened.
        """
        try:
            return self._fetch_and_check(window)
        except SourceError as exc:
            log.warning("%s They are read once more.", exc)
            return self._fetch_and_check(window)

    def _fetch_and_check(self, window: Window) -> StoredTiles:
        """Fetch tiles, and check their guards if the file has any."""
        rectangle = self._level.tiles_under(window)
        index = self._index.spans
        with self.invalidate_on_error(index):
            offsets, counts = self._index.look_up(rectangle)
            self._check_positions(offsets, counts)
        spans = self._spans_of(offsets, counts)
        content, starts = self._read_spans(offsets, counts, spans)
        if self._guarded:
            with self.invalidate_on_error([*spans, *index]):
                check_guards(content, starts, counts, self._version.url)
        return StoredTiles(rectangle, content, starts, counts, tuple(spans))

    def needed(self, window: Window, region: PreparedGeometry | None = None) -> Needed:
        """Look up the tiles that reading a window takes.

        The index is read for the rows of these tiles alone, as it is when they are read.

        Args:
            window: Within the grid.
            region: Polygon in the file's CRS; only tiles that it touches within the window are
                read. None for all.

        Raises:
            NetworkError: If the index cannot be read.
            SourceChangedError: If the file is no longer the version that was opened.
        """
        count = size = missing = 0
        for _, offsets, counts in self.look_up(window, region):
            spans = self._spans_of(offsets, counts)
            count += int((counts > 0).sum())
            size += int(counts.sum())
            missing += sum(stop - start for start, stop in self._file.gaps(spans))
        width, height = self.block
        return Needed(
            pixels=min(window.pixels, count * width * height),
            tiles=count,
            size=size,
            missing=min(size, missing),  # gaps between tiles are fetched along
        )

    def look_up(
        self, window: Window, region: PreparedGeometry | None = None
    ) -> Iterator[tuple[Window, NDArray[np.int64], NDArray[np.int64]]]:
        """Look up the tiles that reading a window takes, some rows at a time.

        Args:
            window: As for `needed`.
            region: As for `needed`.

        Yields:
            Rectangle of tiles, in tiles; their offsets and their sizes in bytes, of shape
            (rows, columns). Tiles that are absent, or not touched, have size 0.

        Raises:
            NetworkError: If the index cannot be read.
            SourceChangedError: If the file is no longer the version that was opened.
        """
        tiles = self._level.tiles_under(window)
        for rows in tiles.split(tiles.width, max(1, _MAX_TILES_PER_LOOKUP // tiles.width)):
            touched = np.ones((rows.height, rows.width), np.bool_)
            if region is not None:
                touched = region.intersects(self._boxes(rows, window))
            used = np.flatnonzero(touched.any(axis=1))
            if not used.size:
                continue
            first, last = int(used[0]), int(used[-1])
            part = Window(rows.column, rows.row + first, rows.width, last + 1 - first)
            with self.invalidate_on_error(self._index.spans):
                offsets, counts = self._index.look_up(part)
                self._check_positions(offsets, counts)
            yield part, offsets, np.where(touched[first : last + 1], counts, 0)

    def _boxes(self, tiles: Window, window: Window) -> NDArray[np.object_]:
        """Return the outlines of tiles within a window in the file's CRS, shape (rows, columns)."""
        width, height = self.block
        dx, dy = self.grid.resolution
        west, _, _, north = self.grid.bounds
        columns = np.arange(tiles.column, tiles.right + 1) * width
        rows = np.arange(tiles.row, tiles.bottom + 1)[:, None] * height
        x = west + dx * columns.clip(window.column, window.right)
        y = north - dy * rows.clip(window.row, window.bottom)
        boxes: NDArray[np.object_] = shapely.box(x[:-1], y[1:], x[1:], y[:-1])
        return boxes

    def _check_positions(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        largest = _MAX_TILE_FACTOR * self.tile_format.raw_bytes
        guard = GUARD_BYTES if self._guarded else 0
        behind = offsets > self._version.size - guard - counts  # a sum could overflow
        if counts.max() > largest or behind.any() or (offsets[counts > 0] < 8).any():
            raise invalid_index_error(self._version.url)

    def _spans_of(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> list[Span]:
        """Return the spans of the file to read for some tiles."""
        guard = GUARD_BYTES if self._guarded else 0
        present = counts > 0
        begins, lengths = offsets[present], counts[present]
        return join_ranges(begins - guard, begins + lengths + guard)

    def _read_spans(
        self, offsets: NDArray[np.int64], counts: NDArray[np.int64], spans: Sequence[Span]
    ) -> tuple[mmap, NDArray[np.int64]]:
        """Read spans into one buffer; return it, and the start of each tile in it."""
        room = directory_bytes(offsets.size)
        present = counts > 0
        if len(spans) == 1:
            ((start, stop),) = spans
            return self._file.read(start, stop, room), np.where(present, offsets - start + room, 0)
        whole = allocate_buffer(room + sum(stop - start for start, stop in spans))
        starts = np.zeros_like(offsets)
        end = room
        for start, stop in spans:
            here = present & (offsets >= start) & (offsets < stop)
            starts[here] = offsets[here] - start + end
            whole[end : end + stop - start] = self._file.read(start, stop)
            end += stop - start
        return whole, starts

    @contextlib.contextmanager
    def invalidate_on_error(self, spans: Sequence[Span]) -> Iterator[None]:
        """Invalidate cached bytes that turn out to be damaged, so that they are fetched again."""
        try:
            yield
        except SourceError:
            self._index.drop_rows()
            self._file.invalidate(spans)
            raise
