"""What a user can ask for, validated once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hrdem.aoi import Aoi
from hrdem.crs import output_crs, unit_of
from hrdem.errors import RequestError
from hrdem.http.client import without_credentials
from hrdem.products import (
    NATIVE_CRS,
    AssetKind,
    Collection,
    Product,
    collection_named,
    product_named,
)
from hrdem.resampling import Resampling

E = TypeVar("E", bound=StrEnum)

LIVE_STAC_URL = "https://datacube.services.geo.ca/stac/api/"
LIVE_WCS_URL = "https://datacube.services.geo.ca/ows/elevation"
LIVE_WMS_URL = LIVE_WCS_URL  # one address for both; the parameter SERVICE tells them apart
DEFAULT_COLLECTION = "1m"
WCS_LIMIT = 300.0  # seconds, as NRCan says of the live one
_LONGEST_WCS_LIMIT = 86_400.0
_FINEST, _COARSEST = 0.001, 10_000.0  # metres of a pixel


class Via(StrEnum):
    """The way in which pixels come."""

    AUTO = "auto"
    COG = "cog"
    VRT = "vrt"
    WCS = "wcs"


class Engine(StrEnum):
    """What reads the files."""

    AUTO = "auto"
    GDAL = "gdal"


class Align(StrEnum):
    """What the output's edges keep to."""

    PIXELS = "pixels"
    BLOCKS = "blocks"


@dataclass(frozen=True, slots=True)
class Request:
    """One extraction, as asked for.

    Attributes:
        aoi: The area of interest.
        product: What to extract.
        collection: The tier to take it from.
        via: The way in which pixels come; AUTO takes COGs, and the WCS where they cannot be had.
        engine: What reads COGs: GDAL, or our own reader.
        align: What the output's edges keep to: the source's pixels, or its blocks, which are then
            copied without being decoded.
        crs: CRS of the output.
        resolution: Pixel size of the output in units of its CRS; None for the source's own pixels.
        resampling: How pixels are computed that are not the source's own.
        stac_url: Root of the STAC API.
        wcs_url: Address of the WCS that serves the same data; None if none is known to.
        wcs_limit: Seconds after which the WCS gives up on a request.
    """

    aoi: Aoi
    product: Product
    collection: Collection
    via: Via
    engine: Engine
    align: Align
    crs: str
    resolution: float | None
    resampling: Resampling
    stac_url: str
    wcs_url: str | None
    wcs_limit: float

    @classmethod
    def of(
        cls,
        *,
        bbox: Sequence[float],
        bbox_crs: str = "EPSG:4326",
        product: str,
        collection: str = DEFAULT_COLLECTION,
        via: str = "auto",
        engine: str = "auto",
        align: str = "pixels",
        crs: str | None = None,
        resolution: float | None = None,
        resampling: str = "bilinear",
        stac_url: str = LIVE_STAC_URL,
        wcs_url: str | None = None,
        wcs_limit: float = WCS_LIMIT,
    ) -> Request:
        """Validate the user's words.

        Args:
            bbox: West, south, east, north in ``bbox_crs``.
            bbox_crs: CRS of the box.
            product: ``"dtm"`` or ``"dsm"``.
            collection: ``"1m"``, ``"2m"`` or ``"30m"``, or a collection's id in the catalogue.
            via: ``"cog"``, ``"vrt"`` or ``"wcs"``; ``"auto"`` takes COGs, and the WCS where they
                cannot be had.
            engine: ``"gdal"`` reads COGs by GDAL too; ``"auto"`` by our own reader.
            align: ``"blocks"`` grows the area to the blocks of the source; ``"pixels"`` to its
                pixels.
            crs: CRS of the output; None for EPSG:3979, that of the source.
            resolution: Pixel size of the output in units of its CRS; None for the source's own.
            resampling: Name of a `hrdem.resampling.Resampling`.
            stac_url: Root of the STAC API.
            wcs_url: Address of the WCS that serves the same data; None for the live one, if the
                catalogue is the live one.
            wcs_limit: Seconds after which the WCS gives up on a request.

        Raises:
            RequestError: If one of them makes no sense.
            NoDataError: If the box lies where there can be no data.
        """
        tier = collection_named(collection)
        target = NATIVE_CRS if crs is None else output_crs(crs)
        chosen = cls(
            aoi=Aoi.from_bbox(bbox, bbox_crs),
            product=product_named(product),
            collection=tier,
            via=choice(Via, via, "way to read"),
            engine=choice(Engine, engine, "engine"),
            align=choice(Align, align, "alignment"),
            crs=target,
            resolution=_checked_resolution(resolution, target, tier),
            resampling=choice(Resampling, resampling, "resampling"),
            stac_url=stac_root(stac_url),
            wcs_url=_wcs_beside(stac_url) if wcs_url is None else checked_url(wcs_url, "WCS"),
            wcs_limit=wcs_limit,
        )
        chosen._check_blocks()
        chosen._check_wcs()
        return chosen

    @property
    def kind(self) -> AssetKind:
        """The form of the files to read."""
        return AssetKind.VRT if self.via is Via.VRT else AssetKind.COG

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "aoi": self.aoi.text,
            "product": self.product.name,
            "collection": self.collection.id,
            "via": self.via.value,
            "engine": self.engine.value,
            "align": self.align.value,
            "crs": self.crs,
            "resolution": self.resolution,
            "resampling": None if self.resolution is None else self.resampling.value,
            "stac_url": self.stac_url,
            "wcs_url": self.wcs_url,
        }

    def _check_blocks(self) -> None:
        if self.align is Align.PIXELS:
            return
        if self.engine is Engine.GDAL or self.via in (Via.VRT, Via.WCS):
            raise RequestError(
                "--align blocks copies blocks out of COGs as they are, which needs hrdem's own "
                "reader: leave out --engine gdal and --via vrt or wcs."
            )
        if self.resolution is not None:
            raise RequestError(
                "--align blocks copies blocks as they are, --crs and --resolution make new "
                "pixels: choose one."
            )

    def _check_wcs(self) -> None:
        if self.via is Via.WCS and self.wcs_url is None:
            raise RequestError(
                f"{self.stac_url} is another catalogue than the live one: give the address of the "
                "WCS that serves the same data, as --wcs-url."
            )
        if not 0 < self.wcs_limit <= _LONGEST_WCS_LIMIT:
            raise RequestError(
                "--wcs-limit is the seconds that a WCS takes at most, up to a day of them, not "
                f"{self.wcs_limit:g}."
            )
        if self.via is Via.WCS and not self.collection.in_wcs:
            raise RequestError(
                f"The WCS has no {self.collection.name} tier: give --collection 1m, or --via cog."
            )


def _checked_resolution(resolution: float | None, crs: str, collection: Collection) -> float | None:
    """The pixel size of the output; None if its pixels are the source's own."""
    native, unit = float(collection.resolution), unit_of(crs)
    if resolution is None:
        if crs == NATIVE_CRS:
            return None
        if unit.metres != 1:
            raise RequestError(
                f"The unit of the output's CRS is the {unit.name}: give the pixel size in it too, "
                f"for example --resolution {_plain(1 / unit.metres)} for about a metre."
            )
        return native
    if not (math.isfinite(resolution) and resolution > 0):
        raise RequestError(f"A resolution of {resolution} makes no pixels; give a positive number.")
    if not _FINEST <= resolution * unit.metres <= _COARSEST:
        raise RequestError(
            f"A resolution of {resolution:g} makes pixels of {resolution * unit.metres:.3g} metres,"
            f" as the unit of the output's CRS is the {unit.name}. Give --resolution from "
            f"{_plain(_FINEST / unit.metres)} to {_plain(_COARSEST / unit.metres)}; "
            f"{_plain(1 / unit.metres)} is about a metre."
        )
    return None if (crs, resolution) == (NATIVE_CRS, native) else float(resolution)


def _plain(number: float) -> str:
    """One digit that counts, and no exponent."""
    return f"{Decimal(f'{number:.1g}'):f}"


def _wcs_beside(stac_url: str) -> str | None:
    """The live WCS beside the live catalogue; its pixels are not those of another one."""
    return LIVE_WCS_URL if urlsplit(stac_url).hostname == urlsplit(LIVE_STAC_URL).hostname else None


def stac_root(url: str) -> str:
    """Return the root of a STAC API with one slash at its end.

    Raises:
        RequestError: If it is not an http or https address, or holds credentials.
    """
    return checked_url(url, "STAC API").rstrip("/") + "/"


def checked_url(url: str, of: str) -> str:
    """Return the address of a service, as it is.

    Args:
        url: As the user gave it.
        of: Which service, for the message.

    Raises:
        RequestError: If it is not an http or https address, or holds credentials.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise RequestError(
            f"{url!r} is not an http or https address; give that of a {of}, for example "
            f"{LIVE_STAC_URL if of == 'STAC API' else LIVE_WCS_URL}."
        )
    if without_credentials(url) != url:
        raise RequestError(
            f"The address {without_credentials(url)} was given with a user name or password, which "
            "would be written into outputs as provenance; give it without."
        )
    return url


def choice(kind: type[E], name: str, what: str) -> E:
    """Return the member of an enumeration that a user names.

    Raises:
        RequestError: If there is none; the message lists them.
    """
    try:
        return kind(name)
    except ValueError:
        names = " or ".join(member.value for member in kind)
        raise RequestError(f"There is no {what} {name!r}; choose {names}.") from None
