"""Outlines of areas, without a search: where they are, and how large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import shapely

from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.geo.reproject import MAX_CHORD_ERROR_METRES, project_geometry
from hrdem.request.aoi.aoi import Aoi

MAX_CHORD_ERROR = 1e-8  # of the size of an area, for its area
_SQUARE_METRES_PER_SQUARE_KILOMETRE = 1e6


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of an area.

    Attributes:
        label: Short description of the area, such as ``NTS 031G05`` or the name of its file.
        shape: Valid polygon or multipolygon in its own CRS, as the user gave it.
        crs: CRS in which the edges of the shape are straight.
        geometry: The same in degrees of longitude and latitude on NAD83(CSRS), with points inserted
            into its edges so that it is within 2 mm of them.
        area_km2: Area on the GRS80 ellipsoid, square kilometres.
    """

    label: str
    shape: shapely.Polygon | shapely.MultiPolygon
    crs: str
    geometry: shapely.Polygon | shapely.MultiPolygon
    area_km2: float

    @classmethod
    def of(cls, aoi: Aoi) -> Self:
        """Return the outline of an area of interest."""
        geometry = project_geometry(aoi.outline, aoi.crs, LONLAT)
        return cls(aoi.label, aoi.outline, aoi.crs, geometry, _measure_area(aoi))

    @property
    def bbox(self) -> Bounds:
        """West, south, east, north, degrees."""
        west, south, east, north = self.geometry.bounds
        return west, south, east, north

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """Its geometry in degrees as a GeoJSON geometry."""
        return dict(shapely.geometry.mapping(self.geometry))


def _measure_area(aoi: Aoi) -> float:
    """Return the area of an area of interest on the ellipsoid, square kilometres."""
    left, bottom, right, top = aoi.bounds
    tolerance = max(MAX_CHORD_ERROR_METRES, MAX_CHORD_ERROR * max(right - left, top - bottom))
    centre = shapely.Point((left + right) / 2, (bottom + top) / 2)
    middle = project_geometry(centre, NATIVE_CRS, LONLAT)
    plane = f"+proj=laea +lon_0={middle.x:.6f} +lat_0={middle.y:.6f} +datum=NAD83 +type=crs"
    equal_area = project_geometry(aoi.outline, aoi.crs, plane, tolerance)
    return float(equal_area.area / _SQUARE_METRES_PER_SQUARE_KILOMETRE)
