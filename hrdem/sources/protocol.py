"""Protocols of sources: a raster file as it is planned, and the same file open for reading.

A `RasterFile` is what a plan holds: immutable, picklable, without open connections. `open` makes a
`Source` of it, which threads read from. Nothing outside this room depends on the kind of file:
another kind is one more module with a class that implements both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.band import Band
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.protocol import Http
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.runtime.locks import FileLock
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.tiff.write_ifd import TileFormat

MAX_SERVICE_REQUESTS = 2  # at a time, to a service that computes its responses


def limit_service_requests() -> threading.Semaphore:
    """Return a semaphore that limits concurrent requests to a service that computes responses."""
    return threading.BoundedSemaphore(MAX_SERVICE_REQUESTS)


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What files are opened with.

    Attributes:
        http: HTTP client.
        pool: GDAL's open datasets.
        cache: Cache folder.
        service_requests: Semaphore that a request to a service that computes its responses
            acquires; shared by all sources of a run.
    """

    http: Http
    pool: DatasetPool
    cache: Path
    service_requests: threading.Semaphore = field(default_factory=limit_service_requests)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A window whose bytes have arrived.

    Attributes:
        size: Number of bytes received for it; None if the library that fetched them does not
            report it.
        decode: Returns the pixels, of shape (window.height, window.width). It sends no further
            request, so that waiting and computing can use different threads. It raises
            `hrdem.NetworkError` if the bytes cannot be decoded.
    """

    size: int | None
    decode: Callable[[], Pixels]


class Source(Protocol):
    """A single-band raster that several threads can read windows of at the same time."""

    @property
    def grid(self) -> Grid:
        """Pixel grid."""
        ...

    @property
    def dtype(self) -> str:
        """Pixel type, a numpy name."""
        ...

    @property
    def nodata(self) -> float | None:
        """Nodata value that the raster declares."""
        ...

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of its blocks, pixels."""
        ...

    def fetch(self, window: Window) -> Fetched:
        """Fetch the bytes of a window.

        Args:
            window: Within the grid.

        Raises:
            NetworkError: If the pixels cannot be read; they are never replaced by nodata.
            SourceChangedError: If the source is no longer the version that was opened.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredTiles:
    """A rectangle of compressed tiles.

    Attributes:
        rectangle: The tiles, in units of tiles.
        buffer: Free bytes for `hrdem.tiff.decode.decode`, then the tiles and any bytes between
            them.
        offsets: Start of each tile in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape; 0 for absent tiles.
        spans: Byte ranges of the file that the buffer holds.
    """

    rectangle: Window
    buffer: mmap
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    spans: tuple[Span, ...]


class TileSource(Source, Protocol):
    """A source whose compressed tiles can be fetched, too."""

    def fetch_tiles(self, window: Window) -> StoredTiles:
        """Fetch the compressed tiles that a window touches.

        Raises:
            NetworkError: If they cannot be read.
            SourceChangedError: If the file is no longer the version that was opened.
        """
        ...


class TiledFile(Protocol):
    """A file whose compressed tiles can be copied without decoding them."""

    @property
    def tile_format(self) -> TileFormat:
        """Compression and layout of the tiles."""
        ...

    def open_tiles(self, within: Window, http: Http) -> TileSource:
        """Open it for reading tiles that touch a window, with no further context."""
        ...


@dataclass(frozen=True, slots=True)
class Needed:
    """The amount of data that reading a window takes.

    Attributes:
        pixels: Number of pixels.
        tiles: Number of stored tiles; None where GDAL or a service reads them, which do not report
            it.
        size: Bytes of the tiles; of other files, bytes of the uncompressed pixels.
        missing: Bytes of these that the cache does not have.
    """

    pixels: int
    tiles: int | None
    size: int
    missing: int


class RasterFile(Protocol):
    """A single-band raster at one of its resolution levels: immutable and picklable."""

    @property
    def display_url(self) -> str:
        """Address of the file or the service, without credentials."""
        ...

    @property
    def version(self) -> SourceVersion | None:
        """Version that was opened; None if the server reports none."""
        ...

    @property
    def members(self) -> tuple[SourceVersion, ...]:
        """Versions of the files that it refers to; empty if it holds its pixels itself."""
        ...

    @property
    def grid(self) -> Grid:
        """Pixel grid of this level."""
        ...

    @property
    def level(self) -> int:
        """Number of the overview; 0 is full resolution."""
        ...

    @property
    def band(self) -> Band:
        """What it states about its numbers."""
        ...

    @property
    def dtype(self) -> str:
        """Type of its values, a numpy name."""
        ...

    @property
    def nodata(self) -> float | None:
        """Value of pixels without data; None if the file declares none."""
        ...

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of the blocks to read it in, pixels."""
        ...

    @property
    def priority(self) -> int:
        """Rank of its kind where sources overlap: the lowest wins."""
        ...

    @property
    def max_fetchers(self) -> int:
        """Maximum number of threads that fetch from files of this kind."""
        ...

    @property
    def decodes_on_fetch(self) -> bool:
        """Whether `Source.fetch` decodes, so that a fetched window takes the memory of pixels."""
        ...

    @property
    def has_fallback(self) -> bool:
        """Whether the WCS can replace it if it cannot be read."""
        ...

    @property
    def is_resampled_remotely(self) -> bool:
        """Whether a service resamples to this level, by a method that it does not state."""
        ...

    @property
    def listed_coverages(self) -> tuple[str, ...]:
        """Names of all coverages that its service lists; empty for files."""
        ...

    @property
    def tiled(self) -> TiledFile | None:
        """The file itself if its compressed tiles can be copied, else None."""
        ...

    def levels(self, max_pixel_size: float) -> Iterator[Self]:
        """Yield its levels from coarse to fine.

        Args:
            max_pixel_size: Maximum edge of a pixel, in units of the CRS. Full resolution is
                yielded in any case, as the last.
        """
        ...

    def level_on(self, lattice: Grid) -> Self | None:
        """Return the level whose pixels coincide with those of a lattice; None if there is none."""
        ...

    def check_readable(self) -> None:
        """Check that values can be read as the band states them.

        Raises:
            SourceError: If another reader is needed.
        """
        ...

    def describe(self) -> str:
        """Describe in a few words which pixels are read."""
        ...

    def as_dict(self, asset: str) -> dict[str, Any]:
        """Return access path, address and version as JSON-ready values.

        Args:
            asset: Key of the asset in the catalogue, or identifier of the coverage.
        """
        ...

    def needed(
        self,
        window: Window,
        region: PreparedGeometry | None,
        http: Http,
        cache: Path | None,
        within: Window | None = None,
    ) -> Needed:
        """Measure the data that reading a window takes, without reading pixels.

        Args:
            window: Within the grid.
            region: Polygon in the file's CRS; only tiles that it touches are read. None for all.
            http: HTTP client, for tile indexes.
            cache: Cache folder; None to count nothing as cached that is not a byte range.
            within: Window that all others to be measured are in, whose tile index is read ahead;
                None for the window alone.

        Raises:
            NotCachedError: If a tile index is not in the cache, offline.
            NetworkError: If a tile index cannot be read.
            SourceChangedError: If the file is no longer the version that was opened.
        """
        ...

    def sample(self, window: Window, max_edge: int, http: Http) -> Pixels:
        """Read a window with few pixels, evenly spaced, from an overview where there is one.

        Args:
            window: Within the grid.
            max_edge: Maximum number of pixels along an edge, if the file has such an overview.
            http: HTTP client.
        """
        ...

    def check_unchanged(self, http: Http) -> None:
        """Compare the file's version again, unless each range request has done so.

        Where `version` is None there is nothing to compare, and this does nothing.

        Raises:
            SourceChangedError: If it has another version now.
            NetworkError: If the server does not respond properly.
        """
        ...

    def lock_cached(self, cache: Path) -> FileLock | None:
        """Lock its cached pieces against removal; None if it has none besides byte ranges.

        Args:
            cache: Cache folder.
        """
        ...

    def open(self, within: Window, context: ReadContext) -> AbstractContextManager[Source]:
        """Open it for reading.

        Args:
            within: Window of the grid that all reads stay in.
            context: What to read with.
        """
        ...
