"""Outlines of areas: whether their coordinates make sense, and their way between CRSs.

What is straight in one CRS is bent in another. Edges are cut into pieces until each lies within
2 mm of where it belongs.
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

_BULGE = 0.002  # metres that a piece of an edge may lie beside it
_ROUNDS = 8  # of cutting; where a datum shift has a step, no piece is short enough
_ARC = 180  # pieces of a quarter of a circle: they lie within a 100,000th of its radius
_BUFFER_ARC = 16  # of what is around many points
_EARTH = 6_335_000.0  # metres, the least radius of curvature there is
_WIDEST = 10_000_000.0  # metres from the middle of an area that is to be widened

Coordinates = NDArray[np.float64]  # of shape (n, 2), x or longitude first


def check_coordinates(bounds: Bounds, crs: str, what: str, remedy: str) -> None:
    """Make sure that coordinates can be in a CRS, as they might be meant for another.

    Args:
        bounds: The least and the largest of them: left, bottom, right, top.
        crs: What they are said to be in.
        what: What has them, to begin a message with.
        remedy: What to do about a wrong CRS, a sentence with a place for the right one.

    Raises:
        RequestError: If they look like those of another CRS, or like latitude before longitude.
    """
    system, name = parse_crs(crs), describe_crs(crs)
    left, bottom, right, top = bounds
    if system.is_projected and left >= -142 and right <= -40 and bottom >= 38 and top <= 84:
        raise RequestError(
            f"{what} looks like degrees, but {name} counts in metres. {remedy.format('EPSG:4326')}"
        )
    if not system.is_geographic:
        return
    if left >= 38 and right <= 84 and bottom >= -142 and top <= -40:
        raise RequestError(
            f"{what} looks like latitude before longitude. Give longitude first, which is negative "
            "in all of Canada."
        )
    if max(map(abs, bounds)) > 360:
        raise RequestError(
            f"{what} looks like metres, but {name} counts in degrees. {remedy.format(NATIVE_CRS)}"
        )
    if max(abs(left), abs(right)) > 180 or max(abs(bottom), abs(top)) > 90:
        raise RequestError(
            f"{what} leaves the range of degrees: longitude is within -180 and 180, latitude "
            "within -90 and 90, in the order west,south,east,north."
        )


def project_geometry(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Bring a geometry from one CRS to another, with its edges where they were.

    Args:
        geometry: Of two dimensions and any type, not empty.
        source: Its CRS.
        target: CRS of the result.

    Raises:
        NoDataError: If a point of it has no place in the target.
    """
    if geometry.geom_type == "GeometryCollection":
        return shapely.GeometryCollection(
            [project_geometry(part, source, target) for part in geometry.geoms]
        )
    kind, points, offsets = shapely.to_ragged_array([geometry])
    if geometry.geom_type not in ("Point", "MultiPoint"):
        points, starts = _cut(points, offsets[0], source, target)
        offsets = (starts, *offsets[1:])
    return shapely.from_ragged_array(kind, project_points(points, source, target), offsets)[0]


def extract_polygons(geometry: BaseGeometry) -> shapely.Polygon | shapely.MultiPolygon:
    """Return the polygons of a geometry, as one valid geometry; an empty one if it has none."""
    if geometry.geom_type in ("Polygon", "MultiPolygon") and geometry.is_valid:
        return geometry
    if not geometry.is_valid:
        return extract_polygons(shapely.make_valid(geometry))
    return shapely.union_all([extract_polygons(part) for part in getattr(geometry, "geoms", ())])


def make_circle(longitude: float, latitude: float, radius: float) -> BaseGeometry:
    """Return a circle on the ground, as a polygon in EPSG:3979.

    It lies within a 100,000th of the radius of the geodesic circle.

    Args:
        longitude: Of the centre, degrees on NAD83.
        latitude: Of the centre.
        radius: Metres.

    Raises:
        NoDataError: If it reaches far outside Canada.
    """
    around = shapely.Point(0, 0).buffer(radius, quad_segs=_ARC)
    return project_geometry(around, _centred(longitude, latitude), NATIVE_CRS)


def buffer_geometry(geometry: BaseGeometry, metres: float) -> BaseGeometry:
    """Return a geometry with all that is near it on the ground.

    It is widened on a plane that has the right distances from its middle, and none that are too
    short. All that is as near (but for 2 mm) is in the result, and nothing that is farther by more
    than 2 percent, if the area reaches 1,000 km from its middle, or 8 percent, in all of Canada.

    Args:
        geometry: In EPSG:3979, of any type, not empty.
        metres: How far.

    Raises:
        RequestError: If it reaches around half of the earth.
        NoDataError: If the result reaches far outside Canada.
    """
    left, bottom, right, top = geometry.bounds
    middle = project_points(
        np.array([[(left + right) / 2, (bottom + top) / 2]]), NATIVE_CRS, LONLAT
    )[0]
    plane = _centred(*middle.tolist())
    flat = project_geometry(geometry, NATIVE_CRS, plane)
    reach = float(np.hypot(*shapely.get_coordinates(flat).T).max()) + metres
    if reach > _WIDEST:
        raise RequestError(
            f"An area that reaches {reach / 1_000:,.0f} km from its middle cannot be widened by "
            "--buffer. Give one within Canada."
        )
    stretch = reach / _EARTH / math.sin(reach / _EARTH)
    # chords instead of arcs, and GEOS makes them up to half as long again
    outside = 1 / math.cos(1.5 * math.pi / 4 / _BUFFER_ARC)
    wide = flat.buffer(metres * stretch * outside, quad_segs=_BUFFER_ARC)
    return project_geometry(wide, plane, NATIVE_CRS)


def _centred(longitude: float, latitude: float) -> str:
    """The azimuthal equidistant projection about a point."""
    return assume_nad83(
        f"+proj=aeqd +lon_0={longitude:.12f} +lat_0={latitude:.12f} +datum=NAD83 +type=crs"
    )


def _cut(
    points: Coordinates, starts: NDArray[np.int64], source: str, target: str
) -> tuple[Coordinates, NDArray[np.int64]]:
    """Put points on the edges of lines or rings, as many as the target needs.

    Args:
        points: Of all lines, one after the other.
        starts: Where each of them begins, and the end of the last.
        source: CRS of the points.
        target: In which pieces are to be straight.
    """
    least = _BULGE / get_unit(target).metres
    for _ in range(_ROUNDS):
        bulges = _bulges(points[:-1], points[1:], source, target)
        bulges[starts[1:-1] - 1] = 0  # between the end of a line and the next one
        pieces = np.ceil(np.sqrt(bulges / least)).astype(np.int64).clip(min=1)
        if pieces.max() == 1:
            break
        edge = np.repeat(np.arange(len(pieces)), pieces)
        places = np.concatenate([[0], np.cumsum(pieces)])  # of the old points among the new
        part = (np.arange(len(edge)) - places[edge]) / pieces[edge]
        between = points[edge] + part[:, None] * (points[edge + 1] - points[edge])
        points = np.vstack([between, points[-1:]])
        starts = np.append(places[starts[:-1]], len(points))
    return points, starts


def _bulges(
    begins: Coordinates, ends: Coordinates, source: str, target: str
) -> NDArray[np.float64]:
    """How far edges that are straight in one CRS leave their chords in another, in its units."""
    third = (ends - begins) / 3  # a bend to both sides does not show in the middle
    points = np.vstack([begins, begins + third, ends - third, ends])
    first, *inner, last = np.split(project_points(points, source, target), 4)
    chord, sides = last - first, [point - first for point in inner]
    length = np.hypot(*chord.T)
    beside = [
        np.where(
            length > 0,
            np.abs(chord[:, 0] * side[:, 1] - chord[:, 1] * side[:, 0])
            / np.where(length > 0, length, 1),
            np.hypot(*side.T),
        )
        for side in sides
    ]
    most: NDArray[np.float64] = np.maximum(*beside) * 9 / 8  # a parabola is that far in the middle
    return most
