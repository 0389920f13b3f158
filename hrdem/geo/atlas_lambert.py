"""EPSG:3979, NAD83(CSRS) / Canada Atlas Lambert, by its formulas, without a library to load.

For what is needed before PROJ is loaded, within a micrometre of it: John P. Snyder, Map
Projections: A Working Manual, USGS Professional Paper 1395 (1987), pages 107-109. Pixels are
placed by PROJ alone.
"""

from __future__ import annotations

import math

_A = 6_378_137.0  # semi-major axis of GRS 1980, metres
_F = 1 / 298.257222101
_E = math.sqrt(_F * (2 - _F))
_ORIGIN_LON, _ORIGIN_LAT = math.radians(-95), math.radians(49)
_PARALLELS = math.radians(49), math.radians(77)
_STEPS = 7  # of the latitude, which gain two digits each and more


def _parallel_radius(lat: float) -> float:
    """Return m of (14-15): the radius of a parallel by the semi-major axis."""
    return math.cos(lat) / math.sqrt(1 - (_E * math.sin(lat)) ** 2)


def _isometric(lat: float) -> float:
    """Return t of (15-9), whose logarithm is the isometric latitude's with the other sign."""
    sine = _E * math.sin(lat)
    return math.tan(math.pi / 4 - lat / 2) * math.pow((1 + sine) / (1 - sine), _E / 2)


_CONE = math.log(_parallel_radius(_PARALLELS[0]) / _parallel_radius(_PARALLELS[1])) / math.log(
    _isometric(_PARALLELS[0]) / _isometric(_PARALLELS[1])
)
_SIZE = _A * _parallel_radius(_PARALLELS[0]) / (_CONE * _isometric(_PARALLELS[0]) ** _CONE)
_ORIGIN_RADIUS = _SIZE * _isometric(_ORIGIN_LAT) ** _CONE


def to_native(lon: float, lat: float) -> tuple[float, float]:
    """Return x and y in EPSG:3979, metres, of a longitude and a latitude, degrees."""
    radius = _SIZE * math.pow(_isometric(math.radians(lat)), _CONE)
    angle = _CONE * (math.radians(lon) - _ORIGIN_LON)
    return radius * math.sin(angle), _ORIGIN_RADIUS - radius * math.cos(angle)


def to_lonlat(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude, degrees, of x and y in EPSG:3979, metres."""
    up = _ORIGIN_RADIUS - y
    t = (math.hypot(x, up) / _SIZE) ** (1 / _CONE)
    lon = math.degrees(math.atan2(x, up) / _CONE + _ORIGIN_LON)
    lat = math.pi / 2 - 2 * math.atan(t)
    for _ in range(_STEPS):
        sine = _E * math.sin(lat)
        lat = math.pi / 2 - 2 * math.atan(t * math.pow((1 - sine) / (1 + sine), _E / 2))
    return (lon + 180) % 360 - 180, math.degrees(lat)
