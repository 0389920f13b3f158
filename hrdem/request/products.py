"""Products, the WMS layers that draw them, and the collections and assets that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hrdem.errors import RequestError
from hrdem.runtime.closest import find_closest


class Theme(StrEnum):
    """What a product derives from a surface."""

    HEIGHT = ""
    HILLSHADE = "hillshade"
    SLOPE = "slope"
    ASPECT = "aspect"


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of raster.

    Attributes:
        name: Name in requests and in the WMS, for example ``dtm-slope``.
        title: Title for people.
        unit: Unit of the pixel values; empty if they have none.
        surfaces: The published surfaces that it needs, ``dtm`` or ``dsm``; the product of two is
            their difference.
        theme: What it derives from them.
        border: Pixels around a pixel that computing it needs.
        computed_dtype: Pixel type where it is computed.
        computed_nodata: Nodata value where it is computed: no possible value.
        is_averageable: Whether overviews may average its pixels; the mean of two angles around
            north would point south.
    """

    name: str
    title: str
    unit: str
    surfaces: tuple[str, ...]
    theme: Theme
    border: int = 0
    computed_dtype: str = "float32"
    computed_nodata: float = -32767.0
    is_averageable: bool = True

    @property
    def cog_key(self) -> str | None:
        """Key of the COG asset that publishes it; None if it always has to be computed."""
        if len(self.surfaces) > 1:
            return None
        (surface,) = self.surfaces
        return {Theme.HEIGHT: surface, Theme.HILLSHADE: f"hillshade-{surface}"}.get(self.theme)

    @property
    def is_height(self) -> bool:
        """Whether its pixels are heights above the vertical datum."""
        return self.theme is Theme.HEIGHT and len(self.surfaces) == 1

    def asset_key(self, kind: AssetKind) -> str:
        """Return the key of the asset that publishes it; never a media type or a role.

        Args:
            kind: Form of the asset; only heights are published as VRTs.
        """
        assert self.cog_key is not None
        return self.cog_key if kind is AssetKind.COG else f"{self.cog_key}-vrt"


@dataclass(frozen=True, slots=True)
class Collection:
    """A tier of the elevation models.

    Attributes:
        name: Name in requests.
        id: Id in the STAC catalogue.
        resolution: Pixel size in metres.
        title: Title for people.
        in_wcs: Whether the WCS serves it.
        by_survey: Whether each item is a single survey, which `project` and `year` choose.
    """

    name: str
    id: str
    resolution: int
    title: str
    in_wcs: bool = False
    by_survey: bool = False


class AssetKind(StrEnum):
    """Form in which a raster is published."""

    COG = "cog"
    VRT = "vrt"


class ListedKind(StrEnum):
    """Kind of files that an item lists: rasters in two forms, and two files of surveys."""

    COG = "cog"
    VRT = "vrt"
    COVERAGE = "coverage"
    EXTENT = "extent"


def _products_of(surface: str, title: str) -> list[Product]:
    """Return the products of one surface."""

    def title_of(theme: str) -> str:
        return f"{theme} of the {title[0].lower()}{title[1:]}"

    return [
        Product(surface, title, "metre", (surface,), Theme.HEIGHT),
        Product(
            f"{surface}-hillshade",
            title_of("Hillshade"),
            "",
            (surface,),
            Theme.HILLSHADE,
            border=1,
            computed_dtype="uint8",
            computed_nodata=0.0,  # as gdaldem writes it
        ),
        Product(f"{surface}-slope", title_of("Slope"), "degree", (surface,), Theme.SLOPE, border=1),
        Product(
            f"{surface}-aspect",
            title_of("Aspect"),
            "degree",
            (surface,),
            Theme.ASPECT,
            border=1,
            is_averageable=False,
        ),
    ]


_SURFACE_PRODUCTS = [
    *_products_of("dtm", "Digital terrain model: bare ground"),
    *_products_of("dsm", "Digital surface model: with trees and buildings"),
]
_CANOPY = Product(
    "chm",
    "Canopy height model: surface above bare ground",
    "metre",
    ("dsm", "dtm"),
    Theme.HEIGHT,
)
PRODUCTS = {product.name: product for product in (*_SURFACE_PRODUCTS, _CANOPY)}
COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("1m", "hrdem-mosaic-1m", 1, "HRDEM Mosaic, 1 m, from lidar", in_wcs=True),
        Collection("2m", "hrdem-mosaic-2m", 2, "HRDEM Mosaic, 2 m, from lidar and satellites"),
        Collection("30m", "mrdem-30", 30, "MRDEM, 30 m, all of Canada"),
        Collection("lidar", "hrdem-lidar", 1, "HRDEM, 1 m, single lidar surveys", by_survey=True),
    )
}
HEIGHT_PRODUCTS = {name: product for name, product in PRODUCTS.items() if product.is_height}
WMS_LAYERS = {product.name: product for product in _SURFACE_PRODUCTS}

T = TypeVar("T")


def get_product(name: str) -> Product:
    """Return a product by its name.

    Raises:
        RequestError: If there is none of that name; the message suggests the closest match.
    """
    return _get_by_name(name, PRODUCTS, "product")


def get_layer(name: str) -> Product:
    """Return a product that the WMS draws, by its name.

    Raises:
        RequestError: If the WMS draws none of that name; the message suggests the closest match.
    """
    if name in PRODUCTS and name not in WMS_LAYERS:
        raise RequestError(
            f"There is no preview of {name}. Extract it, or choose one of: {', '.join(WMS_LAYERS)}."
        )
    return _get_by_name(name, WMS_LAYERS, "product")


def get_collection(name: str) -> Collection:
    """Return a collection by its name or its id in the catalogue.

    Raises:
        RequestError: If there is none of that name; the message suggests the closest match.
    """
    by_id = {collection.id: collection for collection in COLLECTIONS.values()}
    return by_id.get(name) or _get_by_name(name, COLLECTIONS, "collection")


def _get_by_name(name: str, known: dict[str, T], what: str) -> T:
    try:
        return known[name]
    except KeyError:
        closest = find_closest(name, known)
        hint = f" Did you mean {closest}?" if closest else ""
        choices = ", ".join(known)
        raise RequestError(
            f"There is no {what} {name!r}.{hint} Choose one of: {choices}."
        ) from None
