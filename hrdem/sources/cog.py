"""COGs, read by our own reader: slices of the index, runs of tiles in one request, one version."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.errors import SourceError
from hrdem.geo.band import Band
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, check_file_unchanged, read_first_bytes
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span, join_ranges
from hrdem.runtime.limits import HEADER_READ_BYTES
from hrdem.runtime.memory import allocate_buffer
from hrdem.sources.protocol import Fetched, Needed, ReadContext, StoredTiles
from hrdem.tiff.decode import GUARD_BYTES, check_guards, decode, directory_bytes
from hrdem.tiff.header import Header, read_header
from hrdem.tiff.tile_index import TileIndex, invalid_index_error
from hrdem.tiff.write_ifd import TileFormat

_MAX_TILES_PER_LOOKUP = 1 << 16  # of the index, to measure needed data
_MAX_TILE_FACTOR = 4  # times the uncompressed bytes; a longer tile is invalid

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CogFile:
    """A COG whose header was read, at one of its levels (see `hrdem.sources.protocol.RasterFile`).

    Attributes:
        url: Address.
        version: Version that was opened.
        header: Contents of its directories.
        level: Number of the overview; 0 is full resolution.
    """

    url: str
    version: SourceVersion
    header: Header
    level: int = 0

    members: ClassVar[tuple[SourceVersion, ...]] = ()
    priority: ClassVar[int] = 0
    max_fetchers: ClassVar[int] = MAX_CONNECTIONS
    decodes_on_fetch: ClassVar[bool] = False
    has_fallback: ClassVar[bool] = True
    is_resampled_remotely: ClassVar[bool] = False
    listed_coverages: ClassVar[tuple[str, ...]] = ()

    @property
    def display_url(self) -> str:
        """Address without credentials."""
        return self.version.url

    @property
    def grid(self) -> Grid:
        """Pixel grid of the level.

        The pixels of an overview fill the image, so that they may be a little off the power of
        two.
        """
        full = self.header.grid
        if self.level == 0:
            return full
        reduced = self.header.levels[self.level]
        dx = full.resolution[0] * full.width / reduced.width
        dy = full.resolution[1] * full.height / reduced.height
        left, _, _, top = full.bounds
        return Grid(full.crs, Affine(dx, 0, left, 0, -dy, top), reduced.width, reduced.height)

    @property
    def band(self) -> Band:
        """What it states about its numbers."""
        return self.header.band

    @property
    def dtype(self) -> str:
        """Type of its values, a numpy name."""
        return self.band.dtype

    @property
    def nodata(self) -> float | None:
        """Value of pixels without data."""
        return self.band.nodata

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of its tiles, pixels."""
        return self.header.levels[self.level].tile

    @property
    def tiled(self) -> CogFile | None:
        """The file itself if its compressed tiles hold values that can be copied, else None."""
        return self if self.band.is_plain else None

    @property
    def tile_format(self) -> TileFormat:
        """Compression and layout of its tiles."""
        return self.header.tile_format(self.header.levels[self.level])

    def at_level(self, level: int) -> CogFile:
        """Return the same file at another level."""
        return replace(self, level=level)

    def levels(self, max_pixel_size: float) -> Iterator[CogFile]:
        """Yield its overviews up to a pixel size from coarse to fine, then full resolution."""
        for number in reversed(range(1, len(self.header.levels))):
            overview = self.at_level(number)
            if max(overview.grid.resolution) <= max_pixel_size:
                yield overview
        yield self.at_level(0)

    def level_on(self, lattice: Grid) -> CogFile | None:
        """Return the level whose pixels coincide with those of a lattice; None if there is none."""
        levels = (self.at_level(number) for number in range(len(self.header.levels)))
        return next((each for each in levels if lattice.locate(each.grid) is not None), None)

    def check_readable(self) -> None:
        """Check that it has no mask, which this reader does not read."""
        if self.band.is_masked:
            raise SourceError(
                f"{self.display_url} has a mask for its pixels, which only GDAL reads. Give "
                "`engine=gdal`."
            )

    def describe(self) -> str:
        """Describe in a few words which pixels are read."""
        return f"overview {self.level}" if self.level else "full resolution"

    def as_dict(self, asset: str) -> dict[str, Any]:
        """Return access path, address and version as JSON-ready values."""
        return {
            "via": "files",
            "asset": asset,
            "href": self.display_url,
            **self.version.as_dict(),
        }

    def needed(
        self,
        window: Window,
        region: PreparedGeometry | None,
        http: Http,
        cache: Path | None,
        within: Window | None = None,
    ) -> Needed:
        """Look up the tiles that reading a window takes."""
        return CogSource(self, http, within or window).needed(window, region)

    def sample(self, window: Window, max_edge: int, http: Http) -> Pixels:
        """Read a window from the finest level that has at most so many pixels along its edges."""
        levels = self.header.levels
        whole = levels[self.level]
        for number, level in enumerate(levels):
            across, down = level.width / whole.width, level.height / whole.height
            last = number == len(levels) - 1
            fits = max(window.width * across, window.height * down) <= max_edge
            if number >= self.level and (last or fits):
                break
        column, row = int(window.column * across), int(window.row * down)
        width = min(max(1, round(window.width * across)), level.width - column)
        height = min(max(1, round(window.height * down)), level.height - row)
        part = Window(column, row, width, height)
        return CogSource(self.at_level(number), http, part).fetch(part).decode()

    def check_unchanged(self, http: Http) -> None:
        """Compare the version again, unless each range request carried a strong entity tag."""
        if not self.version.pinned:
            check_file_unchanged(self.url, self.version, http)

    def lock_cached(self, cache: Path) -> None:
        """Lock nothing: the cache protects the byte ranges of open files itself."""

    @contextlib.contextmanager
    def open(self, within: Window, context: ReadContext) -> Iterator[CogSource]:
        """Open it for reading within a window."""
        yield CogSource(self, context.http, within)

    def open_tiles(self, within: Window, http: Http) -> CogSource:
        """Open it for copying tiles that touch a window."""
        return CogSource(self, http, within)


def probe_cog(url: str, http: Http) -> CogFile:
    """Read the header and the version of a COG, usually in one request, or recall them.

    What the header states about its numbers remains to be checked (`hrdem.geo.band.check_band`).

    Raises:
        SourceError: If it is not a COG of a supported kind.
        NetworkError: If it cannot be read.
    """
    known: CogFile | None = http.metadata.recall(url)
    if known is not None:
        return known
    version, beginning = read_first_bytes(url, HEADER_READ_BYTES, http)
    file = PinnedFile(url, version, http)

    read = [(0, len(beginning))]

    def fetch(start: int, stop: int) -> bytes:
        if stop <= len(beginning):
            return beginning[start:stop]
        read.append((start, stop))
        return bytes(file.read(start, stop))

    header = http.metadata.headers.get(version) if version.pinned else None
    if header is None:
        try:
            header = read_header(fetch, version.size, version.url)
        except SourceError:
            file.invalidate(read)
            raise
        if version.pinned:
            http.metadata.headers.put(version, header, 1)
    opened = CogFile(url, version, header)
    if version.pinned:
        http.metadata.remember(url, opened)
        http.metadata.remember(version, version)
    return opened


class CogSource:
    """A COG open for reading by several threads at the same time.

    Args:
        file: The file.
        http: HTTP client.
        within: Window of its grid that all reads stay in; None for all of it.
    """

    def __init__(self, file: CogFile, http: Http, within: Window | None = None) -> None:
        header = file.header
        self._level = header.levels[file.level]
        self._guarded = header.has_guards
        self._name = file.version.url
        self._file = PinnedFile(file.url, file.version, http)
        self._index = TileIndex(
            self._file.read,
            http.metadata.index_rows,
            file.version if file.version.pinned else None,
            self._level,
            self._level.rows if within is None else self._level.tiles_under(within).bottom,
            self._name,
        )
        self.tile_format = header.tile_format(self._level)
        self._band = file.band
        self.dtype = file.dtype
        self.nodata = file.nodata
        self.block = self._level.tile
        self.grid = file.grid

    def fetch(self, window: Window) -> Fetched:
        """Fetch the tiles that a window touches, in few requests."""
        tiles = self.fetch_tiles(window)
        if not tiles.counts.any():
            return Fetched(0, lambda: self._make_absent(window))
        width, height = self.block
        corner = -tiles.rectangle.column * width, -tiles.rectangle.row * height
        inside = window.shifted(*corner).slices

        def decode_tiles() -> Pixels:
            with self._invalidate_on_error(tiles.spans):
                numbers = decode(
                    tiles.buffer,
                    tiles.offsets,
                    tiles.counts,
                    self.tile_format,
                    self._band.stored_nodata,
                    self._name,
                )[inside]
            return self._band.to_values(numbers)

        return Fetched(int(tiles.counts.sum()), decode_tiles)

    def _make_absent(self, window: Window) -> Pixels:
        """Return the values of a window without tiles: as GDAL reads them, nodata or 0."""
        nodata = self._band.stored_nodata
        shape = (window.height, window.width)
        numbers = np.full(shape, 0 if nodata is None else nodata, self._band.stored_dtype)
        return self._band.to_values(numbers)

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
        with self._invalidate_on_error(index):
            offsets, counts = self._index.look_up(rectangle)
            self._check_positions(offsets, counts)
        spans = self._spans_of(offsets, counts)
        content, starts = self._read_spans(offsets, counts, spans)
        if self._guarded:
            with self._invalidate_on_error([*spans, *index]):
                check_guards(content, starts, counts, self._name)
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
        tiles = self._level.tiles_under(window)
        count = size = missing = 0
        for rows in tiles.split(tiles.width, max(1, _MAX_TILES_PER_LOOKUP // tiles.width)):
            touched = np.ones((rows.height, rows.width), np.bool_)
            if region is not None:
                touched = region.intersects(self._boxes(rows, window))
            used = np.flatnonzero(touched.any(axis=1))
            if not used.size:
                continue
            first, last = int(used[0]), int(used[-1])
            part = Window(rows.column, rows.row + first, rows.width, last + 1 - first)
            with self._invalidate_on_error(self._index.spans):
                offsets, counts = self._index.look_up(part)
                self._check_positions(offsets, counts)
            counts = np.where(touched[first : last + 1], counts, 0)
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
        behind = offsets > self._file.version.size - guard - counts  # a sum could overflow
        if counts.max() > largest or behind.any() or (offsets[counts > 0] < 8).any():
            raise invalid_index_error(self._name)

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
    def _invalidate_on_error(self, spans: Sequence[Span]) -> Iterator[None]:
        """Invalidate cached bytes that turn out to be damaged, so that they are fetched again."""
        try:
            yield
        except SourceError:
            self._index.drop_rows()
            self._file.invalidate(spans)
            raise
