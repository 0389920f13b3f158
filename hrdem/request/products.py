"""What can be asked for: products, pictures of them, the collections and assets that hold them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hrdem.errors import RequestError


class Theme(StrEnum):
    """What a product shows of a surface."""

    HEIGHT = ""
    HILLSHADE = "hillshade"
    SLOPE = "slope"
    ASPECT = "aspect"


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of raster.

    Attributes:
        name: As the user and the WMS say it, for example ``dtm-slope``.
        title: In words.
        unit: Unit of the pixel values; empty for what has none.
        surfaces: The published surfaces that it is made of, ``dtm`` and ``dsm``; of two, the
            difference.
        theme: What is shown of them.
    """

    name: str
    title: str
    unit: str
    surfaces: tuple[str, ...]
    theme: Theme

    @property
    def cog_key(self) -> str | None:
        """Key of the COG asset that holds it as it is; None if it is always computed."""
        if len(self.surfaces) > 1:
            return None
        (surface,) = self.surfaces
        return {Theme.HEIGHT: surface, Theme.HILLSHADE: f"hillshade-{surface}"}.get(self.theme)

    @property
    def is_height(self) -> bool:
        """Whether its pixels are heights above the vertical datum."""
        return self.theme is Theme.HEIGHT and len(self.surfaces) == 1


@dataclass(frozen=True, slots=True)
class Collection:
    """A tier of the elevation models.

    Attributes:
        name: As the user says it.
        id: Its id in the STAC catalogue.
        resolution: Pixel size in metres.
        title: In words.
        in_wcs: Whether the WCS serves it.
    """

    name: str
    id: str
    resolution: int
    title: str
    in_wcs: bool = False


class AssetKind(StrEnum):
    """The form in which a raster is published."""

    COG = "cog"
    VRT = "vrt"


_SURFACES = {
    "dtm": "Digital terrain model: bare ground",
    "dsm": "Digital surface model: with trees and buildings",
}
_MEASURES = {
    Theme.HEIGHT: ("", "metre"),
    Theme.HILLSHADE: ("Hillshade of the ", ""),
    Theme.SLOPE: ("Slope of the ", "degree"),
    Theme.ASPECT: ("Aspect of the ", "degree"),
}
_OF_ONE_SURFACE = [
    Product(
        name=f"{surface}-{theme}" if theme else surface,
        title=f"{of}{title[0].lower()}{title[1:]}" if of else title,
        unit=unit,
        surfaces=(surface,),
        theme=theme,
    )
    for surface, title in _SURFACES.items()
    for theme, (of, unit) in _MEASURES.items()
]
_CANOPY = Product(
    "chm",
    "Canopy height model: surface above bare ground",
    "metre",
    ("dsm", "dtm"),
    Theme.HEIGHT,
)
PRODUCTS = {product.name: product for product in (*_OF_ONE_SURFACE, _CANOPY)}
COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("1m", "hrdem-mosaic-1m", 1, "HRDEM Mosaic, 1 m, from lidar", in_wcs=True),
        Collection("2m", "hrdem-mosaic-2m", 2, "HRDEM Mosaic, 2 m, from lidar and satellites"),
        Collection("30m", "mrdem-30", 30, "MRDEM, 30 m, all of Canada"),
    )
}
HEIGHTS = {name: product for name, product in PRODUCTS.items() if product.is_height}
LAYERS = {product.name: product for product in _OF_ONE_SURFACE}  # of the WMS

T = TypeVar("T")


def get_product(name: str) -> Product:
    """Return the product of that name.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    return _named(name, PRODUCTS, "product")


def get_layer(name: str) -> Product:
    """Return the product of that name that a WMS gives pictures of.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    if name in PRODUCTS and name not in LAYERS:
        raise RequestError(
            f"There are no pictures of {name}: extract it. Pictures are of {', '.join(LAYERS)}."
        )
    return _named(name, LAYERS, "product")


def get_collection(name: str) -> Collection:
    """Return the collection of that name, or of that catalogue id.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    by_id = {collection.id: collection for collection in COLLECTIONS.values()}
    return by_id.get(name) or _named(name, COLLECTIONS, "collection")


def asset_key(product: Product, kind: AssetKind) -> str:
    """Return the key under which an item lists a product; never a media type or a role.

    Args:
        product: One that is published.
        kind: The form; only heights are published as VRTs.
    """
    assert product.cog_key is not None
    return product.cog_key if kind is AssetKind.COG else f"{product.cog_key}-vrt"


def _named(name: str, known: dict[str, T], what: str) -> T:
    try:
        return known[name]
    except KeyError:
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        choices = ", ".join(known)
        raise RequestError(
            f"There is no {what} {name!r}.{hint} Choose one of: {choices}."
        ) from None
