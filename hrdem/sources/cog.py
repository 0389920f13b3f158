"""COGs, read by our own reader."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hrdem.errors import SourceError
from hrdem.geo.band import Band
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.http.ranges import PinnedFile, check_file_unchanged, read_first_bytes
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.limits import HEADER_READ_BYTES
from hrdem.sources.protocol import Fetched, Needed, ReadContext, StoredTiles
from hrdem.sources.tile_reader import TileReader
from hrdem.tiff.decode import decode
from hrdem.tiff.header import Header, read_header
from hrdem.tiff.write_ifd import TileFormat


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
        """Pixel grid of the level."""
        return self.header.level_grid(self.level)

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
        return self.read_tiles(http, within or window).needed(window, region)

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

    def read_tiles(self, http: Http, within: Window | None) -> TileReader:
        """Return the reader of its compressed tiles that touch a window; None for all of them."""
        return TileReader(self.url, self.version, self.header, self.level, http, within)

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
        self._tiles = file.read_tiles(http, within)
        self._name = file.display_url
        self._band = file.band
        self.dtype = file.dtype
        self.nodata = file.nodata
        self.tile_format = self._tiles.tile_format
        self.block = self._tiles.block
        self.grid = self._tiles.grid

    def fetch(self, window: Window) -> Fetched:
        """Fetch the tiles that a window touches, in few requests."""
        tiles = self.fetch_tiles(window)
        if not tiles.counts.any():
            return Fetched(0, lambda: self._make_absent(window))
        width, height = self.block
        corner = -tiles.rectangle.column * width, -tiles.rectangle.row * height
        inside = window.shifted(*corner).slices

        def decode_tiles() -> Pixels:
            with self._tiles.invalidate_on_error(tiles.spans):
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

    def fetch_tiles(self, window: Window) -> StoredTiles:
        """Fetch the compressed tiles that a window touches, as `TileReader.fetch_tiles` does."""
        return self._tiles.fetch_tiles(window)

    def _make_absent(self, window: Window) -> Pixels:
        """Return the values of a window without tiles: as GDAL reads them, nodata or 0."""
        nodata = self._band.stored_nodata
        shape = (window.height, window.width)
        numbers = np.full(shape, 0 if nodata is None else nodata, self._band.stored_dtype)
        return self._band.to_values(numbers)
