"""An area as the map shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import shapely

from hrdem import Outline

MAX_DRAWN_CORNERS = 2_000  # of an outline on the map
DECIMALS = 7  # of degrees: 1 cm


@dataclass(frozen=True, slots=True)
class Area:
    """An area as the map shows it.

    Attributes:
        label: Short description.
        outline: GeoJSON geometry in degrees, simplified for drawing.
        bbox: West, south, east, north, degrees.
        area_km2: Area on the ground, square kilometres.
    """

    label: str
    outline: dict[str, Any]
    bbox: tuple[float, float, float, float]
    area_km2: float

    @classmethod
    def of(cls, outline: Outline) -> Self:
        """Return the area that an outline encloses."""
        drawn = simplify_for_map(outline.geometry)
        return cls(outline.label, drawn, outline.bbox, outline.area_km2)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "label": self.label,
            "outline": self.outline,
            "bbox": list(self.bbox),
            "area_km2": self.area_km2,
        }


@dataclass(frozen=True, slots=True)
class UploadedArea:
    """The area of an uploaded file.

    Attributes:
        area: The area.
        features: Number of features that were united.
        layers: Layers of the file that have geometries; empty if its format has none.
    """

    area: Area
    features: int
    layers: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {**self.area.as_dict(), "features": self.features, "layers": list(self.layers)}


def simplify_for_map(geometry: shapely.Geometry) -> dict[str, Any]:
    """Return a geometry in degrees as GeoJSON with few enough corners to be drawn at once."""
    west, south, east, north = geometry.bounds
    tolerance = max(east - west, north - south) / MAX_DRAWN_CORNERS / 4
    drawn = simplify(geometry, tolerance, MAX_DRAWN_CORNERS)
    drawn = shapely.transform(drawn, lambda points: points.round(DECIMALS))
    return dict(shapely.geometry.mapping(drawn))


def simplify(geometry: shapely.Geometry, tolerance: float, most: int) -> shapely.Geometry:
    """Return a geometry with few enough corners; its smallest parts vanish where they are many.

    Args:
        geometry: Polygons.
        tolerance: Distance by which it may be off at first, which is doubled as often as needed.
        most: Largest number of corners.
    """
    simple = geometry
    while shapely.get_num_coordinates(simple) > most:
        simple = geometry.simplify(tolerance, preserve_topology=False)
        if simple.is_empty:  # parts that are small, and too many
            return geometry.envelope
        tolerance *= 2
    return simple
