"""Compute slope, aspect and hillshade of heights.

The formulas are those of ``gdaldem``, which takes pixels as square and on a plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels
from hrdem.geo.ground import Steps
from hrdem.request.options import Algorithm

LEVEL_ASPECT = -1.0  # degrees; level ground has no aspect
_SUN_AZIMUTH_DEGREES = 315.0  # degrees clockwise from the upper edge: upper left, as on maps
_SUN_ALTITUDE_DEGREES = 45.0  # degrees above the horizon


@dataclass(frozen=True, slots=True)
class Gradient:
    """Gradient of heights, in metres per metre of ground.

    Attributes:
        right: Rise to the right, perpendicular to ``down``; shape (rows, columns); NaN where it is
            unknown.
        down: Rise towards the bottom, same shape.
    """

    right: Pixels
    down: Pixels


def compute_gradient(
    heights: Pixels, steps: Steps, algorithm: Algorithm = Algorithm.HORN
) -> Gradient:
    """Compute the gradient of heights from the neighbours of each pixel.

    It is unknown if the pixel or one of the neighbours that the algorithm uses has no height: eight
    for Horn, four for Zevenbergen-Thorne. ``gdaldem`` requires eight for both.

    Heights are subtracted before they are summed, so that float32 is enough: the rounding error is
    that of steps of some ten metres, not of heights of thousands.

    Args:
        heights: float32 array of shape (rows, columns), metres; NaN where there is no data.
        steps: Ground distances between pixels, of shape (rows - 2, columns - 2).
        algorithm: Algorithm.

    Returns:
        A gradient of shape (rows - 2, columns - 2), without the border.
    """
    a, b, c = heights[:-2, :-2], heights[:-2, 1:-1], heights[:-2, 2:]
    d, e, f = heights[1:-1, :-2], heights[1:-1, 1:-1], heights[1:-1, 2:]
    g, h, i = heights[2:, :-2], heights[2:, 1:-1], heights[2:, 2:]
    match algorithm:
        case Algorithm.HORN:
            across = ((c - a) + 2 * (f - d) + (i - g)) / 8
            along = ((g - a) + 2 * (h - b) + (i - c)) / 8
        case Algorithm.ZEVENBERGEN_THORNE:
            across, along = (f - d) / 2, (h - b) / 2
    down = along / steps.height
    right = (across - steps.skew * down) / steps.width
    unknown = np.isnan(e) | np.isnan(right) | np.isnan(down)
    right[unknown] = down[unknown] = np.nan
    return Gradient(right, down)


def compute_slope(surface: Gradient) -> Pixels:
    """Compute the angle between the surface and the horizontal: float32, degrees, 0 to 90."""
    degrees: Pixels = np.degrees(np.arctan(_compute_rise(surface)))
    return degrees


def compute_slope_percent(surface: Gradient) -> Pixels:
    """Compute the rise of the surface in percent: float32, 0 and more."""
    rise: Pixels = 100 * _compute_rise(surface)
    return rise


def compute_aspect(surface: Gradient, bearing: float | Pixels = 0.0) -> Pixels:
    """Compute the direction of the steepest descent.

    Args:
        surface: Gradient.
        bearing: Direction of the upper edge, degrees clockwise from true north. With 0, aspects are
            relative to the upper edge.

    Returns:
        float32, degrees clockwise from true north, 0 to below 360; -1 for level ground; NaN where
        the gradient is unknown.
    """
    aspect: Pixels = (np.degrees(np.arctan2(-surface.right, surface.down)) + bearing) % 360
    aspect[aspect == 360] = 0  # rounded from just below 0
    aspect[(surface.right == 0) & (surface.down == 0)] = LEVEL_ASPECT
    return aspect


def compute_illumination(
    surface: Gradient,
    azimuth: float = _SUN_AZIMUTH_DEGREES,
    altitude: float = _SUN_ALTITUDE_DEGREES,
) -> Pixels:
    """Compute the brightness of a Lambertian surface in sunlight (Horn 1981, 26).

    Args:
        surface: Gradient.
        azimuth: Azimuth of the sun, degrees clockwise from the upper edge, not from true north:
            relief that is lit from below looks inverted.
        altitude: Altitude of the sun above the horizon, degrees.

    Returns:
        float32, 0 in the shade to 1; NaN where the gradient is unknown.
    """
    direction, up = np.radians(azimuth), np.radians(altitude)
    right, down = float(-np.sin(direction) * np.cos(up)), float(np.cos(direction) * np.cos(up))
    normal = np.sqrt(1 + surface.right**2 + surface.down**2)
    shine = (float(np.sin(up)) + right * surface.right + down * surface.down) / normal
    lit: Pixels = np.clip(shine, 0, 1)
    return lit


def compute_hillshade(
    surface: Gradient,
    azimuth: float = _SUN_AZIMUTH_DEGREES,
    altitude: float = _SUN_ALTITUDE_DEGREES,
) -> NDArray[np.uint8]:
    """Scale `compute_illumination` to bytes, 1 to 255 as ``gdaldem`` does; 0 is nodata."""
    shine = compute_illumination(surface, azimuth, altitude)
    return np.where(np.isnan(shine), 0, np.floor(1.5 + 254 * shine)).astype(np.uint8)


def _compute_rise(surface: Gradient) -> Pixels:
    rise: Pixels = np.sqrt(surface.right**2 + surface.down**2)
    return rise
