"""Flights: years in which surveys were flown, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import shapely


@dataclass(frozen=True, slots=True)
class Flight:
    """A survey of a known year.

    Attributes:
        year: Year of its last flight.
        name: Its name; empty if unknown.
        item: Id of the item whose pixels come from it.
        outline: Where it was flown, in EPSG:3979; None for all pixels of the item.
    """

    year: int
    name: str
    item: str
    outline: shapely.Geometry | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        outline = None if self.outline is None else shapely.to_wkb(self.outline, hex=True)
        return {"year": self.year, "name": self.name, "item": self.item, "outline": outline}
