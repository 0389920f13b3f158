"""Canada: where the data are. Coordinates count as those of NAD83(CSRS), whatever their datum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS, is_geographic
from hrdem.geo.grid import Bounds
from hrdem.geo.pipeline import invert_steps, steps_to_lonlat, transform_points

#: west, south, east, north of the land of Canada, degrees
CANADA = (-141.1, 41.6, -52.6, 83.2)
MARGIN_DEGREES = 1.0  # around it: water, and watersheds that the border cuts
FAR_DEGREES = 10.0  # from it: no box that is meant for Canada reaches there
#: left, bottom, right, top of the tiles of all collections, EPSG:3979, with 100 km around them
NATIVE_EXTENT = (-2_600_000.0, -1_100_000.0, 3_200_000.0, 4_100_000.0)
EXTENT = (-180.0, 32.0, 0.0, 86.0)  # their west, south, east, north, degrees
MAX_LONGITUDES_DEGREES, MAX_LATITUDES_DEGREES = 180.0, 90.0  # of an area: twice those of Canada
MAX_ROUND_TRIP = 1e-3  # of the size of a box: where a projection has no meaning, it errs by more
SAMPLES = 3  # along each axis of a box

Points = NDArray[np.float64]  # of shape (n, 2), x or longitude first


def is_in_canada(bounds: Bounds, crs: str) -> bool:
    """Whether the whole of a box is in Canada or within a degree of it.

    Args:
        bounds: Left, bottom, right, top in units of the CRS.
        crs: Anything that PROJ reads.
    """
    lonlat = sample_lonlat(bounds, crs)
    if lonlat is None or reaches_beyond(lonlat, MARGIN_DEGREES):
        return False
    (left, bottom), (right, top) = _span(_to_native(lonlat))
    west, south, east, north = NATIVE_EXTENT
    return bool(left >= west and bottom >= south and right <= east and top <= north)


def is_outside(lonlat: Points) -> bool:
    """Whether nothing of an area is where tiles are, by points that span it.

    Tiles are larger than Canada: they reach into other countries and the sea, without data there.
    """
    return _is_apart(lonlat, EXTENT) or _is_apart(_to_native(lonlat), NATIVE_EXTENT)


def reaches_beyond(lonlat: Points, degrees: float) -> bool:
    """Whether points are farther from Canada than a number of degrees."""
    west, south, east, north = CANADA
    (left, bottom), (right, top) = _span(lonlat)
    reach = max(west - left, south - bottom, right - east, top - north)
    return bool(reach > degrees)


def is_far_more_than_canada(lonlat: Points, crs: str) -> bool:
    """Whether an area is more than twice as long or as high as Canada, by points that span it."""
    longitudes, latitudes = np.ptp(lonlat, axis=0)
    if latitudes > MAX_LATITUDES_DEGREES:
        return True
    # around the pole, a small area has all longitudes in a projected CRS
    return bool(longitudes > MAX_LONGITUDES_DEGREES and is_geographic(crs))


def sample_lonlat(bounds: Bounds, crs: str) -> Points | None:
    """Return longitude and latitude of points that span a box, degrees, its centre in the middle.

    Args:
        bounds: Left, bottom, right, top in units of the CRS.
        crs: Anything that PROJ reads.

    Returns:
        float64 array of shape (9, 2); None where the CRS has no coordinates.
    """
    left, bottom, right, top = bounds
    x, y = np.meshgrid(np.linspace(left, right, SAMPLES), np.linspace(bottom, top, SAMPLES))
    points = np.column_stack([x.ravel(), y.ravel()])
    steps = steps_to_lonlat(crs)
    lonlat = transform_points(steps, points)
    if not np.isfinite(lonlat).all():
        return None
    back = transform_points(invert_steps(steps), lonlat)
    tolerance = MAX_ROUND_TRIP * np.ptp(points, axis=0).max() + 1e-9 * np.abs(points).max()
    return lonlat if np.abs(back - points).max() <= tolerance else None


def describe_place(lonlat: Points) -> str:
    """Describe the middle of points that span an area, such as ``45.4 N 75.7 W``."""
    longitude, latitude = lonlat[len(lonlat) // 2].tolist()
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.4g} {north} {abs(longitude):.4g} {east}"


def _to_native(lonlat: Points) -> Points:
    steps = invert_steps(steps_to_lonlat(NATIVE_CRS))
    return transform_points(steps, lonlat)


def _span(points: Points) -> tuple[Points, Points]:
    """Return the lowest and the highest of both coordinates."""
    return points.min(axis=0), points.max(axis=0)


def _is_apart(points: Points, bounds: Bounds) -> bool:
    """Whether an area has nothing in common with a box, by points that span it."""
    low, high = _span(points)
    margin = (high - low) / 4  # edges are curved
    (left, bottom), (right, top) = low - margin, high + margin
    west, south, east, north = bounds
    return bool(right < west or left > east or top < south or bottom > north)
