"""Reprojection of geometries: straight edges are densified, as they are curved in another CRS.

There are two functions because they serve two purposes. `project_geometry` is for areas of
interest, which decide over single pixels: every edge stays within 2 mm of its curve.
`project_outline` is for outlines of surveys, which are less exact themselves and come from other
people's files with any number of vertices: the number of points that it adds is bounded, and one
projection is all the work.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hrdem.geo.crs import get_unit, project_points, unprojectable_error

MAX_BULGE_METRES = 0.002  # between an edge and the chord that replaces it
MAX_DENSIFY_ROUNDS = 8  # where a datum shift has a step, no piece is short enough
OUTLINE_SEGMENTS = 1_000  # along the width or height of an outline
MAX_OUTLINE_SEGMENTS = 1_000_000  # of all its edges

Coordinates = NDArray[np.float64]  # of shape (n, 2), x or longitude first


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


def project_outline(outline: shapely.Geometry, source: str, target: str) -> shapely.Geometry:
    """Transform an outline whose edges are straight in its own CRS.

    Edges are divided into pieces of a thousandth of its width or height, but into a million pieces
    at most.

    Args:
        outline: Geometry in the source CRS, x (or longitude) first; further axes are dropped.
        source: CRS of the outline.
        target: CRS of the result.

    Raises:
        NoDataError: If a point has no coordinates in the target, or is not finite.
    """
    if outline.is_empty:
        return outline
    points = shapely.get_coordinates(outline)
    if not np.isfinite(points).all():
        raise unprojectable_error(source, target)
    width_and_height = np.ptp(points, axis=0)
    step = max(
        width_and_height.max() / OUTLINE_SEGMENTS,
        shapely.length(outline) / MAX_OUTLINE_SEGMENTS,
    )
    dense = shapely.segmentize(outline, step) if step > 0 else outline
    return shapely.transform(dense, lambda xy: project_points(xy, source, target))


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
