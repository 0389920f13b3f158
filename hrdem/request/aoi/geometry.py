"""Geometries of areas: coordinate checks, reprojection, buffers, circles.

An edge that is straight in one CRS is curved in another. Edges are densified until every piece is
within 2 mm of the curve.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import (
    LONLAT,
    NATIVE_CRS,
    assume_nad83,
    describe_crs,
    get_unit,
    parse_crs,
    project_points,
)
from hrdem.geo.grid import Bounds

MAX_BULGE_METRES = 0.002  # between an edge and the chord that replaces it
MAX_DENSIFY_ROUNDS = 8  # where a datum shift has a step, no piece is short enough
CIRCLE_QUADRANT_SEGMENTS = 180  # chords within a 100,000th of the radius
BUFFER_QUADRANT_SEGMENTS = 16
MIN_CURVATURE_RADIUS_METRES = 6_335_000.0  # of the ellipsoid, anywhere
MAX_BUFFER_REACH_METRES = 10_000_000.0  # from the centre of the area to its buffered edge

Coordinates = NDArray[np.float64]  # of shape (n, 2), x or longitude first


def check_coordinates(bounds: Bounds, crs: str, what: str, remedy: str) -> None:
    """Check that coordinates are plausible in a CRS.

    Args:
        bounds: Left, bottom, right, top of the coordinates.
        crs: Their presumed CRS.
        what: Subject of the message.
        remedy: Advice for a wrong CRS, with a placeholder for the likely one.

    Raises:
        RequestError: If they look like coordinates of another CRS, or like latitude before
            longitude.
    """
    system, name = parse_crs(crs), describe_crs(crs)
    left, bottom, right, top = bounds
    if system.is_projected and left >= -142 and right <= -40 and bottom >= 38 and top <= 84:
        raise RequestError(
            f"{what} looks like degrees, but {name} is a projected CRS. "
            f"{remedy.format('EPSG:4326')}"
        )
    if not system.is_geographic:
        return
    if left >= 38 and right <= 84 and bottom >= -142 and top <= -40:
        raise RequestError(
            f"{what} looks like latitude before longitude. Give longitude first; it is negative "
            "everywhere in Canada."
        )
    if max(map(abs, bounds)) > 360:
        raise RequestError(
            f"{what} looks like metres, but {name} is in degrees. {remedy.format(NATIVE_CRS)}"
        )
    if max(abs(left), abs(right)) > 180 or max(abs(bottom), abs(top)) > 90:
        raise RequestError(
            f"{what} is outside the range of degrees. Give longitude within -180 and 180 and "
            "latitude within -90 and 90, in the order west,south,east,north."
        )


def project_geometry(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Reproject a geometry, densifying its edges so that they stay in place.

    Args:
        geometry: Geometry of two dimensions and any type, not empty.
        source: CRS of the geometry.
        target: CRS of the result.

    Raises:
        NoDataError: If a point of it has no coordinates in the target.
    """
    if geometry.geom_type == "GeometryCollection":
        return shapely.GeometryCollection(
            [project_geometry(part, source, target) for part in geometry.geoms]
        )
    kind, points, offsets = shapely.to_ragged_array([geometry])
    if geometry.geom_type not in ("Point", "MultiPoint"):
        points, starts = _densify(points, offsets[0], source, target)
        offsets = (starts, *offsets[1:])
    return shapely.from_ragged_array(kind, project_points(points, source, target), offsets)[0]


def extract_polygons(geometry: BaseGeometry) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the polygons of a geometry as one valid geometry; an empty one if it has none."""
    if geometry.geom_type in ("Polygon", "MultiPolygon") and geometry.is_valid:
        return geometry
    if not geometry.is_valid:
        return extract_polygons(shapely.make_valid(geometry))
    return shapely.union_all([extract_polygons(part) for part in getattr(geometry, "geoms", ())])


def make_circle(longitude: float, latitude: float, radius: float) -> BaseGeometry:
    """Return a geodesic circle as a polygon in EPSG:3979, exact to a 100,000th of its radius.

    Args:
        longitude: Longitude of the centre, degrees on NAD83(CSRS).
        latitude: Latitude of the centre, degrees on NAD83(CSRS).
        radius: Radius on the ground, metres.

    Raises:
        NoDataError: If it reaches far outside Canada.
    """
    around = shapely.Point(0, 0).buffer(radius, quad_segs=CIRCLE_QUADRANT_SEGMENTS)
    return project_geometry(around, _azimuthal_crs(longitude, latitude), NATIVE_CRS)


def buffer_geometry(geometry: BaseGeometry, metres: float) -> BaseGeometry:
    """Return a geometry and everything within a distance of it on the ground.

    The buffer is drawn in an azimuthal equidistant projection about the centre of the geometry,
    where no distance is too short. The result contains every point within the distance (to 2 mm),
    and none farther by more than 2 percent if the area reaches 1,000 km from its centre, or 8
    percent if it is all of Canada.

    Args:
        geometry: Geometry of any type in EPSG:3979, not empty.
        metres: Distance, metres.

    Raises:
        RequestError: If it reaches around half of the earth.
        NoDataError: If the result reaches far outside Canada.
    """
    left, bottom, right, top = geometry.bounds
    middle = project_points(
        np.array([[(left + right) / 2, (bottom + top) / 2]]), NATIVE_CRS, LONLAT
    )[0]
    plane = _azimuthal_crs(*middle.tolist())
    flat = project_geometry(geometry, NATIVE_CRS, plane)
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
    wide = flat.buffer(metres * stretch * outside, quad_segs=BUFFER_QUADRANT_SEGMENTS)
    return project_geometry(wide, plane, NATIVE_CRS)


def _azimuthal_crs(longitude: float, latitude: float) -> str:
    """Return the azimuthal equidistant projection about a point in degrees."""
    return assume_nad83(
        f"+proj=aeqd +lon_0={longitude:.12f} +lat_0={latitude:.12f} +datum=NAD83 +type=crs"
    )


def _densify(
    points: Coordinates, starts: NDArray[np.int64], source: str, target: str
) -> tuple[Coordinates, NDArray[np.int64]]:
    """Insert points into the edges of lines or rings until chords in the target fit them.

    Args:
        points: Points of all lines, one line after the other.
        starts: Index of the first point of each line, and the end of the last line.
        source: CRS of the points.
        target: CRS in which the pieces will be straight.
    """
    max_bulge = MAX_BULGE_METRES / get_unit(target).metres
    for _ in range(MAX_DENSIFY_ROUNDS):
        bulges = _measure_bulges(points[:-1], points[1:], source, target)
        bulges[starts[1:-1] - 1] = 0  # no edge joins the end of a line to the next line
        pieces = np.ceil(np.sqrt(bulges / max_bulge)).astype(np.int64).clip(min=1)
        if pieces.max() == 1:
            break
        edge = np.repeat(np.arange(len(pieces)), pieces)
        new_index = np.concatenate([[0], np.cumsum(pieces)])  # of each old point
        fraction = (np.arange(len(edge)) - new_index[edge]) / pieces[edge]
        inserted = points[edge] + fraction[:, None] * (points[edge + 1] - points[edge])
        points = np.vstack([inserted, points[-1:]])
        starts = np.append(new_index[starts[:-1]], len(points))
    return points, starts


def _measure_bulges(
    begins: Coordinates, ends: Coordinates, source: str, target: str
) -> NDArray[np.float64]:
    """Measure how far straight edges leave their chords in another CRS, in its units."""
    third = (ends - begins) / 3  # the midpoint alone would miss an S-shaped curve
    points = np.vstack([begins, begins + third, ends - third, ends])
    first, *inner, last = np.split(project_points(points, source, target), 4)
    chord, sides = last - first, [point - first for point in inner]
    length = np.hypot(*chord.T)
    distances = [
        np.where(
            length > 0,
            np.abs(chord[:, 0] * side[:, 1] - chord[:, 1] * side[:, 0])
            / np.where(length > 0, length, 1),
            np.hypot(*side.T),
        )
        for side in sides
    ]
    # a parabola is 9/8 as far from its chord at the midpoint as at a third
    largest: NDArray[np.float64] = np.maximum(*distances) * 9 / 8
    return largest
