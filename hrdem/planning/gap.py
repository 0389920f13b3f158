"""Gaps: files that the catalogue lists and that are left out because they cannot be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from hrdem.errors import NetworkError
from hrdem.request.aoi.geometry import extract_polygons


@dataclass(frozen=True, slots=True)
class Gap:
    """A file that could not be read.

    Attributes:
        item: Id of its item.
        collection: Id of its collection.
        product: Name of the published product that it holds.
        area: Polygons in EPSG:3979 where pixels may be missing: the file's own bounds, else its
            outline in the catalogue and everything that neither files nor outlines cover. All of
            the area if there is no outline and nothing is uncovered.
        error: Why it could not be read.
    """

    item: str
    collection: str
    product: str
    area: shapely.Geometry
    error: NetworkError

    def as_dict(self, aoi: shapely.Geometry) -> dict[str, Any]:
        """Return it as JSON-ready values, with bounds and share of an area of interest."""
        part = extract_polygons(self.area.intersection(aoi))
        return {
            "item": self.item,
            "collection": self.collection,
            "product": self.product,
            "reason": str(self.error),
            "bounds": list((self.area if part.is_empty else part).bounds),
            "percent": 100 * part.area / aoi.area,
        }


class NothingReadableError(NetworkError):
    """No file of a collection could be read, though some are listed; raised within planning.

    Attributes:
        gaps: The files; at least one.
    """

    def __init__(self, gaps: Sequence[Gap]) -> None:
        super().__init__(str(gaps[0].error))
        self.gaps = tuple(gaps)
