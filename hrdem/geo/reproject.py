"""Reprojection of geometries.

An edge is straight in the CRS of its geometry, and in no other. So every geometry that changes its
CRS is densified: `project_geometry` inserts points until the chords between the projected points
are within a tolerance of the curve that the edge becomes.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import get_unit, unprojectable_error
from hrdem.geo.transform import project_points

MAX_CHORD_ERROR_METRES = 0.002  # where nothing else is stated: a fraction of the smallest pixels
MAX_DENSIFY_ROUNDS = 8  # where a datum shift has a step, no piece is short enough
MAX_STEP_METRES = 1_000.0  # a longer step is a seam of the projection, not of a datum shift
MAX_EDGES_AT_ONCE = 1 << 14  # for the memory that measuring them takes
MAX_PIECES = 100  # of an edge in one round
MAX_INSERTED_POINTS = 2_000_000  # in one geometry
MIN_PROGRESS, MAX_PROGRESS = 0.02, 0.8  # along the chord, of a point at a third of an edge

Coordinates = NDArray[np.float64]  # of shape (n, 2), x or longitude first


def project_geometry(
    geometry: BaseGeometry, source: str, target: str, tolerance: float | None = None
) -> BaseGeometry:
    """Reproject a geometry, densifying its edges so that they stay in place.

    Which points are inserted into an edge depends on that edge alone, and not on its direction: an
    edge that two polygons share stays shared to the last bit.

    Args:
        geometry: Geometry of any type. Edges are straight in the plane of its coordinates: of
            longitude and latitude, in a geographic CRS. Axes after the second are dropped.
        source: CRS of the geometry.
        target: CRS of the result.
        tolerance: Largest distance between an edge and the chords that replace it, in units of the
            target. None for 2 mm.

    Raises:
        NoDataError: If a point of it has no coordinates in the target, or an edge crosses a seam of
            the target, such as the antimeridian of longitudes.
        RequestError: If it takes too many points.
    """
    if geometry.is_empty:
        return geometry
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise unprojectable_error(source, target)
    geometry = shapely.force_2d(geometry)
    if source == target:
        return geometry
    if tolerance is None:
        tolerance = MAX_CHORD_ERROR_METRES / get_unit(target).metres
    return _project(geometry, source, target, tolerance)


def _project(geometry: BaseGeometry, source: str, target: str, tolerance: float) -> BaseGeometry:
    if geometry.geom_type == "GeometryCollection":
        return shapely.GeometryCollection(
            [_project(part, source, target, tolerance) for part in geometry.geoms]
        )
    kind, points, offsets = shapely.to_ragged_array([geometry])
    if geometry.geom_type not in ("Point", "MultiPoint"):
        points, starts = _densify(points, offsets[0], source, target, tolerance)
        offsets = (starts, *offsets[1:])
    return shapely.from_ragged_array(kind, project_points(points, source, target), offsets)[0]


def _densify(
    points: Coordinates, starts: NDArray[np.int64], source: str, target: str, tolerance: float
) -> tuple[Coordinates, NDArray[np.int64]]:
    """Insert points into the edges of lines or rings until chords in the target fit them.

    Args:
        points: Points of all lines, one line after the other.
        starts: Index of the first point of each line, and the end of the last line.
        source: CRS of the points.
        target: CRS in which the pieces will be straight.
        tolerance: Largest distance from a chord, in units of the target.
    """
    max_points = len(points) + MAX_INSERTED_POINTS
    unknown = np.ones(max(len(points) - 1, 0), np.bool_)
    unknown[starts[1:-1] - 1] = False  # no edge joins the end of a line to the next line
    for round_ in range(MAX_DENSIFY_ROUNDS + 1):
        edges = np.flatnonzero(unknown)
        errors = np.empty(len(edges))
        for start in range(0, len(edges), MAX_EDGES_AT_ONCE):
            some = slice(start, start + MAX_EDGES_AT_ONCE)
            begins = edges[some]
            errors[some] = _measure_errors(points[begins], points[begins + 1], source, target)
        pieces = np.ones(len(unknown), np.int64)
        pieces[edges] = np.ceil(np.sqrt(errors / tolerance)).clip(1, MAX_PIECES)
        if pieces.max(initial=1) == 1:
            break
        if round_ == MAX_DENSIFY_ROUNDS:
            if errors.max() * get_unit(target).metres > MAX_STEP_METRES:
                raise unprojectable_error(source, target)
            break
        if pieces.sum() >= max_points:
            raise RequestError(
                f"The edges of a shape become more than {MAX_INSERTED_POINTS:,} pieces between "
                f"{source} and {target}. Give a simpler shape. A coarser `resolution` needs fewer."
            )
        points, starts, edge = _split_edges(points, starts, pieces)
        unknown = (pieces > 1)[edge]
    return points, starts


def _split_edges(
    points: Coordinates, starts: NDArray[np.int64], pieces: NDArray[np.int64]
) -> tuple[Coordinates, NDArray[np.int64], NDArray[np.int64]]:
    """Split edges into equal pieces; also return which edge each piece is of."""
    edge = np.repeat(np.arange(len(pieces)), pieces)
    new_index = np.concatenate([[0], np.cumsum(pieces)])  # of each old point
    number = np.arange(len(edge)) - new_index[edge]
    split = points[edge]
    inner = np.flatnonzero(number)  # points that are inserted
    edges, number = edge[inner], number[inner]
    begins, ends = points[edges], points[edges + 1]
    reverse = _is_reverse(begins, ends)
    from_low = np.where(reverse, pieces[edges] - number, number) / pieces[edges]
    low = np.where(reverse[:, None], ends, begins)
    high = np.where(reverse[:, None], begins, ends)
    split[inner] = low + from_low[:, None] * (high - low)
    return (
        np.vstack([split, points[-1:]]),
        np.append(new_index[starts[:-1]], len(split) + 1),
        edge,
    )


def _is_reverse(begins: Coordinates, ends: Coordinates) -> NDArray[np.bool_]:
    """Whether an edge leads to the lower of its ends, by x and then by y."""
    (x, y), (end_x, end_y) = begins.T, ends.T
    reverse: NDArray[np.bool_] = (x > end_x) | ((x == end_x) & (y > end_y))
    return reverse


def _measure_errors(
    begins: Coordinates, ends: Coordinates, source: str, target: str
) -> NDArray[np.float64]:
    """Measure how far straight edges leave their chords in another CRS, in its units.

    Where the points of an edge do not follow one another along its chord, as where it crosses a
    seam, the error is the length of the chord.
    """
    reverse = _is_reverse(begins, ends)[:, None]
    low, high = np.where(reverse, ends, begins), np.where(reverse, begins, ends)
    third = (high - low) / 3  # the midpoint alone would miss an S-shaped curve
    points = np.vstack([low, low + third, high - third, high])
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
    errors = np.maximum(*distances) * 9 / 8
    square = np.where(length > 0, length**2, 1)
    one, two = ((chord * side).sum(axis=1) / square for side in sides)
    is_even = (one > MIN_PROGRESS) & (one < MAX_PROGRESS)
    is_even &= (1 - two > MIN_PROGRESS) & (1 - two < MAX_PROGRESS)
    largest: NDArray[np.float64] = np.where(is_even, errors, np.maximum(errors, length))
    return largest
