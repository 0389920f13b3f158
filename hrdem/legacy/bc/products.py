"""Products of a set: elevation, slope, aspect and hillshades (BC 2.0, 2 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.legacy.bc.blocks import Projection
from hrdem.runtime.closest import find_closest

DEM, ASC, TIF, TFW = "dem", "asc", "tif", "tfw"
ELEVATION = "elevation"
SLOPE_PERCENT, SLOPE_DEGREES, ASPECT = "slope-pct", "slope-deg", "aspect"
SUN_AZIMUTHS = (315, 225)  # degrees


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the set, in each projection one raster.

    Attributes:
        variant: The kind of data, as file names have it.
        type: ``dem``, ``asc`` or ``tif``; a ``tif`` has a ``tfw`` beside it.
        sun: Azimuth of the sun of a hillshade, degrees from grid north; None of other products.
        is_coloured: Whether a hillshade is mixed with the colours of heights.
    """

    variant: str
    type: str
    sun: int | None = None
    is_coloured: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """Types of its files."""
        return (TIF, TFW) if self.type == TIF else (self.type,)


#: in the order of BC 2.0, 5
PRODUCTS = (
    Product(ELEVATION, DEM),
    *(Product(variant, ASC) for variant in (ELEVATION, SLOPE_PERCENT, SLOPE_DEGREES, ASPECT)),
    *(Product(f"hillshd-bw-{sun}", TIF, sun) for sun in SUN_AZIMUTHS),
    *(Product(f"hillshd-clr-{sun}", TIF, sun, is_coloured=True) for sun in SUN_AZIMUTHS),
)


def find_product(variant: str, kind: str) -> Product | None:
    """Return the product with a kind of data and a type of file; None if there is none."""
    found = (each for each in PRODUCTS if each.variant == variant and kind in each.types)
    return next(found, None)


def parse_products(names: str | Iterable[str]) -> tuple[Product, ...]:
    """Return the products with some names, in the order of the document.

    Args:
        names: Names, as a text with commas between, or in any iterable: variants, such as
            ``aspect``; ``elevation`` is both its files, ``elevation.dem`` or ``elevation.asc`` is
            one. Nothing is all products.

    Raises:
        RequestError: If there is no such product.
    """
    words = _split(names)
    table: dict[str, tuple[Product, ...]] = {}
    for product in PRODUCTS:
        table[product.variant] = (*table.get(product.variant, ()), product)
        if product.variant == ELEVATION:
            table[f"{product.variant}.{product.type}"] = (product,)
    for word in words:
        if word not in table:
            raise _unknown_error("products", word, list(table))
    chosen = {product for word in words for product in table[word]}
    return tuple(each for each in PRODUCTS if each in chosen) if words else PRODUCTS


def parse_projections(names: str | Iterable[str]) -> tuple[Projection, ...]:
    """Return the projections with some names, in the order of the document; nothing is both.

    Raises:
        RequestError: If there is no such projection.
    """
    words = _split(names)
    for word in words:
        if word not in list(Projection):
            raise _unknown_error("projection", word, list(Projection))
    return tuple(each for each in Projection if each in words or not words)


def _split(names: str | Iterable[str]) -> list[str]:
    words = names.split(",") if isinstance(names, str) else names
    return [word.strip().lower() for word in words if word.strip()]


def _unknown_error(parameter: str, word: str, known: Sequence[str]) -> RequestError:
    closest = find_closest(word, known)
    hint = f" Did you mean {closest}?" if closest else ""
    return RequestError(f"`{parameter}` cannot be {word!r}.{hint} Choose from: {', '.join(known)}.")
