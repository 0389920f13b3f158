"""Slope, aspect and shade of a surface of heights.

``gdaldem`` computes the same from the same formulas, for square pixels on a plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels
from hrdem.geo.ground import Steps
from hrdem.request.options import Algorithm

LEVEL_ASPECT = -1.0  # aspect of level ground
_SUN_AZIMUTH = 315.0  # degrees clockwise from the upper edge: upper left, as maps have it
_SUN_ALTITUDE = 45.0  # degrees above the horizon


@dataclass(frozen=True, slots=True)
class Gradient:
    """How heights rise, in metres a metre of ground.

    Attributes:
        right: Towards the right, at right angles to the way down; shape (rows, columns); NaN where
            it is not known.
        down: Towards the bottom, likewise.
    """

    right: Pixels
    down: Pixels


def compute_gradient(
    heights: Pixels, steps: Steps, algorithm: Algorithm = Algorithm.HORN
) -> Gradient:
    """Compute the gradient of heights from the neighbours of each pixel.

    A pixel has none if it has no height itself, or one of the neighbours that the algorithm looks
    at has none: eight, or four. What is not looked at makes nothing unknown, though ``gdaldem``
    asks for eight in either case.

    Differences of heights come first, so that float32 is enough: the error of their sum is that of
    steps of some ten metres, not of heights of thousands.

    Args:
        heights: float32 array of shape (rows, columns), metres; NaN where there is no data.
        steps: From the pixels that have neighbours, of shape (rows - 2, columns - 2).
        algorithm: How.

    Returns:
        A gradient of shape (rows - 2, columns - 2): pixels at the edge lack neighbours.
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
    """Return the angle between the surface and the horizontal: float32, degrees, 0 to 90."""
    degrees: Pixels = np.degrees(np.arctan(_steepness(surface)))
    return degrees


def compute_slope_percent(surface: Gradient) -> Pixels:
    """Return how much the surface rises in 100 of ground: float32, 0 and more."""
    rise: Pixels = 100 * _steepness(surface)
    return rise


def compute_aspect(surface: Gradient, bearing: float | Pixels = 0.0) -> Pixels:
    """Return where the surface falls to.

    Args:
        surface: Its gradient.
        bearing: Where the upper edge is, degrees clockwise from true north. With 0, aspects are
            counted from the upper edge.

    Returns:
        float32, degrees clockwise from true north, 0 to below 360; -1 where the ground is level
        and falls nowhere; NaN where nothing is known.
    """
    towards: Pixels = (np.degrees(np.arctan2(-surface.right, surface.down)) + bearing) % 360
    towards[towards == 360] = 0  # of what is less than 0 by next to nothing
    towards[(surface.right == 0) & (surface.down == 0)] = LEVEL_ASPECT
    return towards


def compute_illumination(
    surface: Gradient, azimuth: float = _SUN_AZIMUTH, altitude: float = _SUN_ALTITUDE
) -> Pixels:
    """Return how bright a matt surface is under the sun (Horn 1981, 26).

    Args:
        surface: Its gradient.
        azimuth: Where the sun stands, degrees clockwise from the upper edge wherever true north
            is, since relief that is lit from below looks inverted.
        altitude: Its height above the horizon, degrees.

    Returns:
        float32, 0 in the shade to 1; NaN where nothing is known.
    """
    towards, up = np.radians(azimuth), np.radians(altitude)
    right, down = float(-np.sin(towards) * np.cos(up)), float(np.cos(towards) * np.cos(up))
    normal = np.sqrt(1 + surface.right**2 + surface.down**2)
    shine = (float(np.sin(up)) + right * surface.right + down * surface.down) / normal
    lit: Pixels = np.clip(shine, 0, 1)
    return lit


def compute_hillshade(
    surface: Gradient, azimuth: float = _SUN_AZIMUTH, altitude: float = _SUN_ALTITUDE
) -> NDArray[np.uint8]:
    """Scale `compute_illumination` to bytes, 1 to 255 as ``gdaldem`` does; 0 is nodata."""
    shine = compute_illumination(surface, azimuth, altitude)
    return np.where(np.isnan(shine), 0, np.floor(1.5 + 254 * shine)).astype(np.uint8)


def _steepness(surface: Gradient) -> Pixels:
    rise: Pixels = np.sqrt(surface.right**2 + surface.down**2)
    return rise
