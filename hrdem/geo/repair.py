"""Repair of invalid polygons: what is inside is what an odd number of rings is around.

That is how GDAL's rasterizer fills a polygon. `shapely.make_valid` agrees where edges cross, but
fills a hole that shares an edge with its shell, and takes minutes where hundreds of edges cross.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hrdem.geo.prepared import PreparedGeometry

MAX_CROSSINGS = 50_000  # of the edges of a polygon: about 10 s
_MAX_SAMPLED_EDGES = 100  # for an estimate of crossings

Points = NDArray[np.float64]  # of shape (n, 2)


def repair_geometry(geometry: BaseGeometry) -> BaseGeometry:
    """Return a valid geometry; parts that overlap are united.

    Args:
        geometry: Geometry of any type and two dimensions, whose coordinates are finite.

    Raises:
        ValueError: If the edges of a polygon cross in too many places.
    """
    if geometry.is_valid:
        return geometry
    if geometry.geom_type == "Polygon":
        return _repair_polygon(geometry)
    if hasattr(geometry, "geoms"):
        return shapely.union_all([repair_geometry(part) for part in geometry.geoms])
    return shapely.make_valid(geometry)


def _repair_polygon(polygon: BaseGeometry) -> BaseGeometry:
    rings = shapely.get_rings(polygon)
    crossings = _estimate_crossings(rings)
    if crossings > MAX_CROSSINGS:
        raise ValueError(
            f"its edges cross in about {round(crossings, -3):,} places, more than {MAX_CROSSINGS:,}"
        )
    lines = shapely.get_parts(shapely.union_all(rings))
    faces = shapely.get_parts(shapely.polygonize(lines))
    within = shapely.get_coordinates(shapely.point_on_surface(faces))
    inside = np.zeros(len(faces), np.bool_)
    for ring in shapely.polygons(rings):
        inside ^= PreparedGeometry(ring).contains_points(within)
    if not inside.any():  # its edges enclose nothing: a line is left
        return shapely.make_valid(polygon)
    return shapely.coverage_union_all(faces[inside])


def _estimate_crossings(rings: NDArray[np.object_]) -> int:
    """Estimate in how many places the edges of rings cross, from some of the edges."""
    points, ring = shapely.get_coordinates(rings, return_index=True)
    edges = np.flatnonzero(ring[1:] == ring[:-1])
    begins, ends = points[edges], points[edges + 1]
    step = -(-len(edges) // _MAX_SAMPLED_EDGES)
    found = 0
    for begin, end in zip(begins[::step], ends[::step], strict=True):
        apart = _find_sides(begin, end, begins) * _find_sides(begin, end, ends) < 0
        others = begins[apart], ends[apart]
        found += int((_find_sides(*others, begin) * _find_sides(*others, end) < 0).sum())
    return found * step // 2


def _find_sides(begins: Points, ends: Points, points: Points) -> Points:
    """Return on which side of lines points are: positive on the left, negative on the right."""
    along, to = ends - begins, points - begins
    sides: Points = np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])
    return sides
