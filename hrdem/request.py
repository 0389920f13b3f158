"""What a user can ask for, validated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hrdem.aoi import Aoi
from hrdem.errors import RequestError
from hrdem.products import AssetKind, Collection, Product, collection_named, product_named

LIVE_STAC_URL = "https://datacube.services.geo.ca/stac/api/"
DEFAULT_COLLECTION = "1m"


@dataclass(frozen=True, slots=True)
class Request:
    """One extraction, as asked for.

    Attributes:
        aoi: The area of interest.
        product: What to extract.
        collection: The tier to take it from.
        kind: The form of the assets to read.
        stac_url: Root of the STAC API.
    """

    aoi: Aoi
    product: Product
    collection: Collection
    kind: AssetKind
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
        stac_url: str = LIVE_STAC_URL,
    ) -> Request:
        """Validate the user's words.

        Args:
            bbox: West, south, east, north in ``bbox_crs``.
            bbox_crs: CRS of the box.
            product: ``"dtm"`` or ``"dsm"``.
            collection: ``"1m"``, ``"2m"`` or ``"30m"``, or a collection's id in the catalogue.
            via: ``"cog"`` or ``"vrt"``; ``"auto"`` takes COGs.
            stac_url: Root of the STAC API.

        Raises:
            RequestError: If one of them makes no sense.
            NoDataError: If the box lies where there can be no data.
        """
        return cls(
            aoi=Aoi.from_bbox(bbox, bbox_crs),
            product=product_named(product),
            collection=collection_named(collection),
            kind=_kind(via),
            stac_url=checked_url(stac_url),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "aoi": self.aoi.text,
            "product": self.product.name,
            "collection": self.collection.id,
            "via": self.kind.value,
            "stac_url": self.stac_url,
        }


def checked_url(url: str) -> str:
    """Return the root of an API with one slash at its end.

    Raises:
        RequestError: If it is not an http or https address.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise RequestError(
            f"{url!r} is not an http or https address; give the root of a STAC API, "
            f"for example {LIVE_STAC_URL}."
        )
    return url.rstrip("/") + "/"


def _kind(via: str) -> AssetKind:
    if via == "auto":
        return AssetKind.COG
    try:
        return AssetKind(via)
    except ValueError:
        raise RequestError(f"There is no way {via!r} to read; choose auto, cog or vrt.") from None
