"""What can be asked for: products, pictures of them, the collections and assets that hold them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hrdem.errors import RequestError


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of raster.

    Attributes:
        name: As the user says it.
        title: In words.
        unit: Unit of the pixel values.
        asset: Key of the COG asset that serves it.
    """

    name: str
    title: str
    unit: str
    asset: str


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


class Theme(StrEnum):
    """What a picture shows of a surface."""

    HEIGHT = ""
    HILLSHADE = "hillshade"
    SLOPE = "slope"
    ASPECT = "aspect"


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture that the WMS gives.

    Attributes:
        name: As the WMS and the user say it, for example ``dtm-hillshade``.
        product: The surface.
        theme: What is shown of it.
    """

    name: str
    product: Product
    theme: Theme


class AssetKind(StrEnum):
    """The form in which a raster is published."""

    COG = "cog"
    VRT = "vrt"


PRODUCTS = {
    product.name: product
    for product in (
        Product("dtm", "Digital terrain model: bare ground", "metre", "dtm"),
        Product("dsm", "Digital surface model: with trees and buildings", "metre", "dsm"),
    )
}
COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("1m", "hrdem-mosaic-1m", 1, "HRDEM Mosaic, 1 m, from lidar", in_wcs=True),
        Collection("2m", "hrdem-mosaic-2m", 2, "HRDEM Mosaic, 2 m, from lidar and satellites"),
        Collection("30m", "mrdem-30", 30, "MRDEM, 30 m, all of Canada"),
    )
}
LAYERS = {
    layer.name: layer
    for layer in (
        Layer("-".join(filter(None, (product.name, theme.value))), product, theme)
        for product in PRODUCTS.values()
        for theme in Theme
    )
}
NATIVE_CRS = "EPSG:3979"  # of all of them
VERTICAL_DATUM = "CGVD2013"

T = TypeVar("T")


def product_named(name: str) -> Product:
    """Return the product of that name.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    return _named(name, PRODUCTS, "product")


def layer_named(name: str) -> Layer:
    """Return the layer of that name.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    return _named(name, LAYERS, "product")


def collection_named(name: str) -> Collection:
    """Return the collection of that name, or of that catalogue id.

    Raises:
        RequestError: If there is none; the message suggests the nearest.
    """
    by_id = {collection.id: collection for collection in COLLECTIONS.values()}
    return by_id.get(name) or _named(name, COLLECTIONS, "collection")


def asset_key(product: Product, kind: AssetKind) -> str:
    """Return the key under which an item lists a product; never a media type or a role."""
    return product.asset if kind is AssetKind.COG else f"{product.asset}-vrt"


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
