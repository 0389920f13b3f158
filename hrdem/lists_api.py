"""The public functions that list what can be requested; `hrdem.api` has the others."""

from __future__ import annotations

from hrdem.request.products import COLLECTIONS, PRODUCTS, Collection, Product


def products() -> list[Product]:
    """List the products that `hrdem.extract` makes, with their units."""
    return [*PRODUCTS.values()]


def collections() -> list[Collection]:
    """List the collections that are read, the finest first, with their pixel sizes."""
    return [*COLLECTIONS.values()]
