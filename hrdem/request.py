"""What a user can ask for, validated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hrdem.aoi import Aoi
from hrdem.errors import RequestError
from hrdem.http.client import without_credentials
from hrdem.products import AssetKind, Collection, Product, collection_named, product_named

E = TypeVar("E", bound=StrEnum)

LIVE_STAC_URL = "https://datacube.services.geo.ca/stac/api/"
LIVE_WCS_URL = "https://datacube.services.geo.ca/ows/elevation"
LIVE_WMS_URL = LIVE_WCS_URL  # one address for both; the parameter SERVICE tells them apart
LIVE = {"stac_url": LIVE_STAC_URL, "wcs_url": LIVE_WCS_URL, "wms_url": LIVE_WMS_URL}
DEFAULT_COLLECTION = "1m"


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
        kind: The form of the assets to read.
        engine: What reads them: GDAL for everything, or our own reader for COGs.
        align: What the output's edges keep to: the source's pixels, or its blocks, which are then
            copied without being decoded.
        stac_url: Root of the STAC API.
    """

    aoi: Aoi
    product: Product
    collection: Collection
    kind: AssetKind
    engine: Engine
    align: Align
    stac_url: str

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
        stac_url: str = LIVE_STAC_URL,
    ) -> Request:
        """Validate the user's words.

        Args:
            bbox: West, south, east, north in ``bbox_crs``.
            bbox_crs: CRS of the box.
            product: ``"dtm"`` or ``"dsm"``.
            collection: ``"1m"``, ``"2m"`` or ``"30m"``, or a collection's id in the catalogue.
            via: ``"cog"`` or ``"vrt"``; ``"auto"`` takes COGs.
            engine: ``"gdal"`` reads COGs by GDAL too; ``"auto"`` by our own reader.
            align: ``"blocks"`` grows the area to the blocks of the source; ``"pixels"`` to its
                pixels.
            stac_url: Root of the STAC API.

        Raises:
            RequestError: If one of them makes no sense.
            NoDataError: If the box lies where there can be no data.
        """
        chosen = cls(
            aoi=Aoi.from_bbox(bbox, bbox_crs),
            product=product_named(product),
            collection=collection_named(collection),
            kind=AssetKind.COG if via == "auto" else choice(AssetKind, via, "way to read"),
            engine=choice(Engine, engine, "engine"),
            align=choice(Align, align, "alignment"),
            stac_url=checked_url(stac_url),
        )
        by_gdal = chosen.engine is Engine.GDAL or chosen.kind is AssetKind.VRT
        if chosen.align is Align.BLOCKS and by_gdal:
            raise RequestError(
                "--align blocks copies blocks out of COGs as they are, which GDAL cannot: leave "
                "out --engine gdal and --via vrt."
            )
        return chosen

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "aoi": self.aoi.text,
            "product": self.product.name,
            "collection": self.collection.id,
            "via": self.kind.value,
            "engine": self.engine.value,
            "align": self.align.value,
            "stac_url": self.stac_url,
        }


def checked_url(url: str) -> str:
    """Return the root of a STAC API with one slash at its end.

    Raises:
        RequestError: If it is not an http or https address, or holds credentials.
    """
    return checked_address(url, "the root of a STAC API", LIVE_STAC_URL).rstrip("/") + "/"


def checked_address(url: str, what: str, example: str) -> str:
    """Return an address, unchanged.

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
            f"{url!r} is not an http or https address; give {what}, for example {example}."
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
