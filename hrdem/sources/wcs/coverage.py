"""A WCS coverage as a raster file: probed, checked against what is to be read, and opened."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hrdem.errors import WcsError
from hrdem.geo.band import Band
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds, Grid, Pixels, Window, snap_grid
from hrdem.geo.nodata import DEFAULT_NODATA
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.protocol import Http
from hrdem.http.source_version import SourceVersion
from hrdem.request.products import Collection, Product
from hrdem.runtime.locks import FileLock
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line
from hrdem.sources.protocol import (
    MAX_SERVICE_REQUESTS,
    Needed,
    ReadContext,
    limit_service_requests,
)
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from hrdem.sources.wcs.get_coverage import GEOTIFF
from hrdem.sources.wcs.piece_store import PieceStore
from hrdem.sources.wcs.reader import WcsSource

_BLOCK = (512, 512)  # pixels; chunks set what is fetched, this only what is read of them
_CANADA = (-3_000_000.0, -1_500_000.0, 3_500_000.0, 4_500_000.0)  # EPSG:3979, with a margin
_MAX_FACTOR = 2**20  # times the coverage's own pixels
_MAX_LIST_CHARACTERS = 500  # of a list in a message
_MAX_FLOAT32 = float(np.finfo("float32").max)
_DTYPE = "float32"  # of the mosaic; each response is checked against it


@dataclass(frozen=True, slots=True)
class WcsCoverage:
    """A WCS coverage with pixels of one size (see `hrdem.sources.protocol.RasterFile`).

    Attributes:
        url: Address of the service.
        identifier: Identifier of the coverage.
        media_type: Media type that the service uses for GeoTIFF.
        grid: Pixels that can be requested, within the extent of the coverage.
        band: What its responses hold.
        unit: Unit of the product, as `hrdem.geo.band.check_band` takes it.
        edition: Text that differs for each edition of the data, as far as that is known.
        listed_coverages: Names of all coverages that the service lists.
        native: Edge of the coverage's own pixels, metres; those of the grid may be larger.
        limit: Time limit of the service for a request, seconds.
    """

    url: str
    identifier: str
    media_type: str
    grid: Grid
    band: Band
    unit: str
    edition: str
    listed_coverages: tuple[str, ...]
    native: float
    limit: float

    level: ClassVar[int] = 0
    version: ClassVar[None] = None
    members: ClassVar[tuple[SourceVersion, ...]] = ()
    priority: ClassVar[int] = 1  # files first: their versions are known
    max_fetchers: ClassVar[int] = MAX_SERVICE_REQUESTS
    decodes_on_fetch: ClassVar[bool] = False
    has_fallback: ClassVar[bool] = False
    tiled: ClassVar[None] = None

    @property
    def display_url(self) -> str:
        """Address of the service without credentials."""
        return redact_secrets(self.url)

    @property
    def dtype(self) -> str:
        """Type of its values, a numpy name."""
        return self.band.dtype

    @property
    def nodata(self) -> float:
        """Value of pixels without data."""
        assert self.band.nodata is not None
        return self.band.nodata

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of the blocks to read it in, pixels."""
        return _BLOCK

    @property
    def is_resampled_remotely(self) -> bool:
        """Whether the service resamples to pixels larger than its own."""
        return self.grid.resolution[0] > self.native

    def coarsen(self, factor: int) -> WcsCoverage:
        """Return the coverage with pixels that are so many times as large."""
        return self._resize_pixels(self.grid.resolution[0] * factor)

    def levels(self, max_pixel_size: float) -> Iterator[WcsCoverage]:
        """Yield it with pixels of each power of two up to a size, from coarse to fine."""
        factor = _MAX_FACTOR
        while factor > 1:
            if factor * self.grid.resolution[0] <= max_pixel_size:
                yield self.coarsen(factor)
            factor //= 2
        yield self

    def level_on(self, lattice: Grid) -> WcsCoverage | None:
        """Return it with the pixels of a lattice; None if they do not coincide."""
        level = self._resize_pixels(lattice.resolution[0])
        return None if lattice.locate(level.grid) is None else level

    def _resize_pixels(self, size: float) -> WcsCoverage:
        return replace(self, grid=snap_grid(self.grid.crs, size, self.grid.bounds))

    def check_readable(self) -> None:
        """Check nothing: scale, offset and mask are read."""

    def describe(self) -> str:
        """Describe in a few words which pixels are read."""
        if self.is_resampled_remotely:
            return "made by the WCS"
        return "full resolution, through the WCS"

    def as_dict(self, asset: str) -> dict[str, Any]:
        """Return access path and address as JSON-ready values."""
        return {
            "via": "wcs",
            "coverage": asset,
            "href": self.display_url,
            "listed_coverages": list(self.listed_coverages),
        }

    def needed(
        self,
        window: Window,
        region: PreparedGeometry | None,
        http: Http,
        cache: Path | None,
        within: Window | None = None,
    ) -> Needed:
        """Count the pixels that reading a window takes, less those of cached pieces."""
        cached = 0
        if cache is not None:
            pieces = self.piece_store(cache).list_windows(sweep=False)
            shared = (piece.intersection(window) for piece in pieces)
            cached = sum(each.pixels for each in shared if each)
        itemsize = np.dtype(self.dtype).itemsize
        pixels = window.pixels
        return Needed(pixels, None, pixels * itemsize, (pixels - cached) * itemsize)

    def sample(self, window: Window, max_edge: int, http: Http) -> Pixels:
        """Request a window with pixels so large that it has at most so many along its edges."""
        factor = 1
        while max(window.width, window.height) > max_edge * factor:
            factor *= 2
        coarse = self.coarsen(factor)
        part = coarse.grid.touched_by(self.grid.crop(window).bounds)
        with (
            tempfile.TemporaryDirectory(prefix="hrdem-") as folder,
            contextlib.closing(
                WcsSource(coarse, http, part, Path(folder), limit_service_requests())
            ) as source,
        ):
            return source.fetch(part).decode()

    def check_unchanged(self, http: Http) -> None:
        """Compare nothing: a WCS reports no version."""

    def lock_cached(self, cache: Path) -> FileLock | None:
        """Lock its cached pieces against removal; None if that fails."""
        return self.piece_store(cache).lock()

    @contextlib.contextmanager
    def open(self, within: Window, context: ReadContext) -> Iterator[WcsSource]:
        """Open it for reading within a window."""
        source = WcsSource(self, context.http, within, context.cache, context.service_requests)
        with contextlib.closing(source):
            yield source

    def piece_store(self, cache: Path) -> PieceStore:
        """Return the store of its cached pieces.

        Args:
            cache: Cache folder.
        """
        lattice = [*self.grid.transform[:6], self.grid.crs]
        return PieceStore(cache, json.dumps([self.url, self.identifier, lattice, self.edition]))


def probe_wcs(
    url: str, product: Product, collection: Collection, edition: str, limit: float, http: Http
) -> WcsCoverage:
    """Read the description of a product's coverage, and check that it can be read.

    Args:
        url: Address of the WCS.
        product: Product, whose name is the identifier of the coverage.
        collection: Tier that the WCS serves; its lattice is requested.
        edition: Text that differs for each edition of the data.
        limit: Time limit of the WCS for a request, seconds.
        http: HTTP client.

    Raises:
        WcsError: If the WCS does not have the product, or not in the collection's pixels.
        NetworkError: If it does not respond.
    """
    listed_coverages = read_capabilities(url, http).identifiers
    if product.name not in listed_coverages:
        listed = to_one_line(", ".join(listed_coverages), _MAX_LIST_CHARACTERS)
        raise _unusable_error(url, f"no {product.name}; it lists {listed}")
    described = describe_coverage(url, product.name, http)
    native = float(collection.resolution)
    if described.resolution not in (None, (native, native)):
        pixels = " x ".join(f"{size:g}" for size in described.resolution)
        raise _unusable_error(url, f"{product.name} in pixels of {pixels} m, not of {native:g} m")
    if described.crss and NATIVE_CRS not in described.crss:
        listed = to_one_line(", ".join(described.crss), _MAX_LIST_CHARACTERS)
        raise _unusable_error(url, f"{product.name} in {listed}, not in {NATIVE_CRS}")
    tiffs = [each for each in described.formats if "tif" in each.lower()]
    if described.formats and not tiffs:
        listed = to_one_line(", ".join(described.formats), _MAX_LIST_CHARACTERS)
        raise _unusable_error(url, f"{product.name} as {listed}, not as a GeoTIFF")
    if (
        described.nodata is not None
        and abs(described.nodata) > _MAX_FLOAT32
        and math.isfinite(described.nodata)
    ):
        raise _unusable_error(
            url, f"{product.name} with nodata {described.nodata:g}, which no pixel can have"
        )
    return WcsCoverage(
        url=url,
        identifier=product.name,
        media_type=GEOTIFF if GEOTIFF in tiffs or not tiffs else tiffs[0],
        grid=snap_grid(NATIVE_CRS, native, _clip_to_canada(described.bounds)),
        band=Band(_DTYPE, DEFAULT_NODATA if described.nodata is None else described.nodata),
        unit=product.unit,
        edition=edition,
        listed_coverages=listed_coverages,
        native=native,
        limit=limit,
    )


def _clip_to_canada(bounds: Bounds | None) -> Bounds:
    """Limit bounds to Canada: services state bounds larger than the Earth for unknown ones."""
    if bounds is None:
        return _CANADA
    left, bottom, right, top = _CANADA
    west, south, east, north = bounds
    west, south, east, north = (
        max(west, left),
        max(south, bottom),
        min(east, right),
        min(north, top),
    )
    return (west, south, east, north) if west < east and south < north else _CANADA


def _unusable_error(url: str, what: str) -> WcsError:
    return WcsError(
        f"The WCS {redact_secrets(url)} has {what}. Check `wcs_url`, or read the COGs: `via=cog`."
    )
