"""Names of the files of a set (BC 2.0, 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from hrdem.legacy.bc.blocks import Projection
from hrdem.legacy.bc.products import Product, find_product

_NAME = re.compile(
    r"(?P<block>[1-9][0-9]{0,2}[a-p])-(?P<projection>utm|albers)-(?P<variant>[a-z0-9-]+)"
    r"\.(?P<type>[a-z]{3})"
)


@dataclass(frozen=True, slots=True)
class FileName:
    """Name of a file of a set.

    Attributes:
        block: Name of the block: lower case, not padded, such as ``92b``.
        projection: Projection.
        variant: Kind of data.
        type: ``dem``, ``asc``, ``tif`` or ``tfw``.
    """

    block: str
    projection: Projection
    variant: str
    type: str

    def __str__(self) -> str:
        """Return the name, such as ``92b-albers-slope-pct.asc``."""
        return f"{self.block}-{self.projection}-{self.variant}.{self.type}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return the parts of a file's name, in any case; None if it is not one of a set."""
        match = _NAME.fullmatch(name.lower())
        if match is None or find_product(match["variant"], match["type"]) is None:
            return None
        projection = Projection(match["projection"])
        return cls(match["block"], projection, match["variant"], match["type"])

    @property
    def product(self) -> Product:
        """The product that the file is of."""
        product = find_product(self.variant, self.type)
        assert product is not None
        return product


def list_files(
    block: str, projections: Iterable[Projection], products: Sequence[Product]
) -> tuple[FileName, ...]:
    """Return the names of the files of a set; 26 for all products in both projections."""
    return tuple(
        FileName(block, projection, product.variant, kind)
        for projection in projections
        for product in products
        for kind in product.types
    )
