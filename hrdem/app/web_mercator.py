"""Web Mercator (EPSG:3857), which the map is drawn in, and its tiles."""

from __future__ import annotations

import math

Box = tuple[float, float, float, float]

_RADIUS_METRES = 6_378_137.0
_EDGE_METRES = math.pi * _RADIUS_METRES  # of the map, from its middle


def project_box(box: Box) -> Box:
    """Return a box of west, south, east, north in degrees as left, bottom, right, top in metres."""
    west, south, east, north = map(math.radians, box)
    bottom, top = (_RADIUS_METRES * math.asinh(math.tan(latitude)) for latitude in (south, north))
    return _RADIUS_METRES * west, bottom, _RADIUS_METRES * east, top


def unproject_box(bounds: Box) -> Box:
    """Return a box of left, bottom, right, top in metres as west, south, east, north in degrees."""
    west, south, east, north = (edge / _RADIUS_METRES for edge in bounds)
    south, north = (math.atan(math.sinh(edge)) for edge in (south, north))
    return math.degrees(west), math.degrees(south), math.degrees(east), math.degrees(north)


def get_bounds(z: int, x: int, y: int) -> Box:
    """Return left, bottom, right, top of a tile in metres.

    Args:
        z: Zoom.
        x: Column, from the antimeridian to the east.
        y: Row, from the north.
    """
    size = 2 * _EDGE_METRES / (1 << z)
    left, top = x * size - _EDGE_METRES, _EDGE_METRES - y * size
    return left, top - size, left + size, top
