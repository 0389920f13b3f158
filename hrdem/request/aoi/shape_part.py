"""Geometries with one CRS, as a file, a text or an object gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

MAX_LABEL_CHARACTERS = 60  # of WKT or GeoJSON in a message
MAX_LABEL_CORNERS = 100  # of a geometry whose WKT is made for a label

Geometries = NDArray[Any] | Sequence[BaseGeometry | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which features of a layer are read, and which attribute of them.

    Each feature that is selected has one geometry, whatever its type, or None.

    Attributes:
        field: Name of the attribute; None for none.
        where: Condition in SQL that features have to meet; None for all features.
    """

    field: str | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of geometries that are features.

    Attributes:
        ids: Id of each, unique among them.
        values: Value of the selected attribute of each; None if it has none.
    """

    ids: Sequence[str]
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class FileLayer:
    """A layer that GDAL can read again, for further attributes of its features.

    Attributes:
        source: Path, virtual path of GDAL, or the bytes of a file.
        index: Number of the layer, from 0.
    """

    source: Path | str | bytes
    index: int


@dataclass(frozen=True, slots=True)
class ShapePart:
    """Geometries with one CRS, before they are checked.

    Attributes:
        geometries: Geometries, some of which may be None or have heights.
        declared: CRS that they declare; None if they declare none.
        label: Short description.
        must_declare: Whether their CRS has to be declared or given, because what they come from
            has a place for it, as a Shapefile and a GeoDataFrame have. For others it is EPSG:4326.
        is_file: Whether they come from a file.
        attributes: Their ids and values, if they were selected; None if they have none.
        layer: The layer whose features they are, one each; None if they are not from GDAL.
    """

    geometries: Geometries
    declared: str | None
    label: str
    must_declare: bool = False
    is_file: bool = False
    attributes: Attributes | None = None
    layer: FileLayer | None = None

    @property
    def subject(self) -> str:
        """The subject of a message about them."""
        if self.is_file:
            return self.label
        return f"The {self.label}" if self.must_declare else f"The shape {self.label}"


def describe(geometries: Geometries) -> str:
    """Return a short description of geometries, for messages and provenance."""
    if not len(geometries):
        return "GEOJSON EMPTY"
    first = next((each for each in geometries if each is not None), None)
    text = "no geometry"
    if first is not None:
        corners = shapely.get_num_coordinates(first)
        text = f"{first.geom_type} of {corners:,} corners"
        if corners <= MAX_LABEL_CORNERS:
            text = shapely.to_wkt(first, rounding_precision=6)
    if len(text) > MAX_LABEL_CHARACTERS:
        text = f"{text[:MAX_LABEL_CHARACTERS]}…"
    return text + (f" and {len(geometries) - 1} more" if len(geometries) > 1 else "")
