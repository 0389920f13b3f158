"""Geometries of areas: polygons, buffers, circles."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.repair import repair_geometry
from hrdem.geo.reproject import project_geometry
from hrdem.geo.transform import project_points

CIRCLE_QUADRANT_SEGMENTS = 180  # chords within a 100,000th of the radius
BUFFER_QUADRANT_SEGMENTS = 16
MIN_CURVATURE_RADIUS_METRES = 6_335_000.0  # of the ellipsoid, anywhere
MAX_BUFFER_REACH_METRES = 10_000_000.0  # from the centre of the area to its buffered edge


def extract_polygons(geometry: BaseGeometry) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the polygons of a geometry as one valid geometry; an empty one if it has none."""
    if geometry.geom_type in ("Polygon", "MultiPolygon") and geometry.is_valid:
        return geometry
    if not geometry.is_valid:
        return extract_polygons(repair_geometry(geometry))
    return shapely.union_all([extract_polygons(part) for part in getattr(geometry, "geoms", ())])


def make_circle(longitude: float, latitude: float, radius: float) -> tuple[BaseGeometry, str]:
    """Return a geodesic circle as a polygon and its CRS, exact to a 100,000th of its radius.

    Args:
        longitude: Longitude of the centre, degrees on NAD83(CSRS).
        latitude: Latitude of the centre, degrees on NAD83(CSRS).
        radius: Radius on the ground, metres.
    """
    around = shapely.Point(0, 0).buffer(radius, quad_segs=CIRCLE_QUADRANT_SEGMENTS)
    return around, _azimuthal_crs(longitude, latitude)


def buffer_geometry(geometry: BaseGeometry, crs: str, metres: float) -> tuple[BaseGeometry, str]:
    """Return a geometry and everything within a distance of it on the ground, and its CRS.

    The buffer is drawn in an azimuthal equidistant projection about the centre of the geometry,
    where no distance is too short. The result contains every point within the distance (to 2 mm),
    and none farther by more than 2 percent if the area reaches 1,000 km from its centre, or 8
    percent if it is all of Canada.

    Args:
        geometry: Geometry of any type, not empty.
        crs: CRS of the geometry.
        metres: Distance, metres.

    Raises:
        RequestError: If it reaches around half of the earth.
        NoDataError: If the geometry reaches far outside Canada.
    """
    left, bottom, right, top = project_geometry(geometry, crs, NATIVE_CRS).bounds
    middle = project_points(
        np.array([[(left + right) / 2, (bottom + top) / 2]]), NATIVE_CRS, LONLAT
    )[0]
    plane = _azimuthal_crs(*middle.tolist())
    flat = project_geometry(geometry, crs, plane)
    reach = float(np.hypot(*shapely.get_coordinates(flat).T).max()) + metres
    if reach > MAX_BUFFER_REACH_METRES:
        raise RequestError(
            f"The area reaches {reach / 1_000:,.0f} km from its centre, too far for `buffer`. "
            "Give an area within Canada."
        )
    angle = reach / MIN_CURVATURE_RADIUS_METRES
    stretch = angle / math.sin(angle)
    # GEOS replaces arcs by chords that are up to half as long again as requested
    outside = 1 / math.cos(1.5 * math.pi / 4 / BUFFER_QUADRANT_SEGMENTS)
    return flat.buffer(metres * stretch * outside, quad_segs=BUFFER_QUADRANT_SEGMENTS), plane


def _azimuthal_crs(longitude: float, latitude: float) -> str:
    """Return the azimuthal equidistant projection about a point in degrees."""
    return f"+proj=aeqd +lon_0={longitude:.12f} +lat_0={latitude:.12f} +datum=NAD83 +type=crs"
