"""A coverage of a WCS: what it says of itself, held against what is to be read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.errors import WcsError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds, Grid, snapped
from hrdem.http.protocol import Http
from hrdem.request.products import Collection, Product
from hrdem.runtime.redaction import without_secrets
from hrdem.runtime.text import one_line
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from hrdem.sources.wcs.get_coverage import GEOTIFF
from hrdem.sources.wcs.piece_store import PieceStore

_BLOCK = (512, 512)  # pixels; the pieces decide what is fetched, this only what is read of them
_CANADA = (-3_000_000.0, -1_500_000.0, 3_500_000.0, 4_500_000.0)  # in EPSG:3979, and some more
_MOST_LISTED = 500  # characters of a list in a message
_LARGEST = float(np.finfo("float32").max)  # that a pixel can hold
_DTYPE, _NODATA = "float32", -32767.0  # of the mosaic; each answer is held against them


@dataclass(frozen=True, slots=True)
class WcsCoverage:
    """A coverage of a WCS, on a grid to ask for.

    Attributes:
        url: Address of the service.
        identifier: Name of the coverage.
        media_type: What the service calls a GeoTIFF.
        grid: Pixels that can be asked for; not more than the coverage holds.
        dtype: Type of its pixels.
        nodata: Its nodata value.
        edition: What tells this edition of the data from others, as far as that is known.
        offered: Names of all coverages that the service lists.
        native: Edge of the coverage's own pixels, metres; those of the grid may be larger.
        limit: Seconds after which the service gives up on a request.
    """

    url: str
    identifier: str
    media_type: str
    grid: Grid
    dtype: str
    nodata: float
    edition: str
    offered: tuple[str, ...]
    native: float
    limit: float

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of what is best read in one go, pixels."""
        return _BLOCK

    def kept(self, cache: Path) -> PieceStore:
        """Return the pieces of it that are on the local disk.

        Args:
            cache: Folder of everything that is kept.
        """
        lattice = [*self.grid.transform[:6], self.grid.crs]
        return PieceStore(cache, json.dumps([self.url, self.identifier, lattice, self.edition]))


def probe_wcs(
    url: str, product: Product, collection: Collection, edition: str, limit: float, http: Http
) -> WcsCoverage:
    """Ask a WCS for what it says of a product.

    Args:
        url: Address of the WCS.
        product: What to read.
        collection: The tier that the WCS serves, on whose lattice it is asked.
        edition: What tells this edition of the data from others.
        limit: Seconds after which the WCS gives up on a request.
        http: Client to ask with.

    Raises:
        WcsError: If the WCS does not have the product, or not in the collection's pixels.
        NetworkError: If it cannot be asked.
    """
    offered = read_capabilities(url, http).identifiers
    if product.name not in offered:
        listed = one_line(", ".join(offered), _MOST_LISTED)
        raise _lacking(url, f"no {product.name}; it lists {listed}")
    told = describe_coverage(url, product.name, http)
    native = float(collection.resolution)
    if told.resolution not in (None, (native, native)):
        pixels = " x ".join(f"{size:g}" for size in told.resolution)
        raise _lacking(url, f"{product.name} in pixels of {pixels} m, not of {native:g} m")
    if told.crss and NATIVE_CRS not in told.crss:
        listed = one_line(", ".join(told.crss), _MOST_LISTED)
        raise _lacking(url, f"{product.name} in {listed}, not in {NATIVE_CRS}")
    tiffs = [each for each in told.formats if "tif" in each.lower()]
    if told.formats and not tiffs:
        listed = one_line(", ".join(told.formats), _MOST_LISTED)
        raise _lacking(url, f"{product.name} as {listed}, not as a GeoTIFF")
    if told.nodata is not None and abs(told.nodata) > _LARGEST and math.isfinite(told.nodata):
        raise _lacking(url, f"{product.name} with nodata {told.nodata:g}, which no pixel can have")
    return WcsCoverage(
        url=url,
        identifier=product.name,
        media_type=GEOTIFF if GEOTIFF in tiffs or not tiffs else tiffs[0],
        grid=snapped(NATIVE_CRS, native, _within_canada(told.bounds)),
        dtype=_DTYPE,
        nodata=_NODATA if told.nodata is None else told.nodata,
        edition=edition,
        offered=offered,
        native=native,
        limit=limit,
    )


def _within_canada(bounds: Bounds | None) -> Bounds:
    """Bounds that can be believed: what is written for the unknown is larger than the Earth."""
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


def _lacking(url: str, what: str) -> WcsError:
    return WcsError(
        f"The WCS {without_secrets(url)} has {what}. Check the address given as --wcs-url, or "
        "read the COGs: --via cog."
    )
