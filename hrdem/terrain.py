"""Slope, aspect and shade of a surface of heights, by Horn's gradient.

B. K. P. Horn, "Hill shading and the reflectance map", Proceedings of the IEEE 69 (1981), 14-47.
``gdaldem`` computes the same from the same formulas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.grid import Pixels

_SUN_AZIMUTH = 315.0  # degrees clockwise from the upper edge: upper left, as maps have it
_SUN_ALTITUDE = 45.0  # degrees above the horizon


@dataclass(frozen=True, slots=True)
class Gradient:
    """How heights rise, in metres a metre.

    Attributes:
        right: Towards the right, shape (rows, columns); NaN where it is not known.
        down: Towards the bottom, likewise.
    """

    right: Pixels
    down: Pixels


def gradient(
    heights: Pixels, width: float | NDArray[np.floating], height: float | NDArray[np.floating]
) -> Gradient:
    """Compute the gradient of heights from the eight neighbours of each pixel (Horn 1981, 29).

    Args:
        heights: Floating-point array of shape (rows, columns), metres; NaN where there is no data.
        width: Width of a pixel on the ground, metres; a number, or an array of shape
            (rows - 2, 1) where it changes from row to row.
        height: Height of a pixel, likewise.

    Returns:
        A gradient of shape (rows - 2, columns - 2): pixels at the edge have no eight neighbours.
        It is NaN where one of the nine pixels has no data.
    """
    a, b, c = heights[:-2, :-2], heights[:-2, 1:-1], heights[:-2, 2:]
    d, e, f = heights[1:-1, :-2], heights[1:-1, 1:-1], heights[1:-1, 2:]
    g, h, i = heights[2:, :-2], heights[2:, 1:-1], heights[2:, 2:]
    # differences first: heights far above zero keep their digits in float32
    right = ((c - a) + 2 * (f - d) + (i - g)) / (8 * width)
    down = ((g - a) + 2 * (h - b) + (i - c)) / (8 * height)
    unknown = np.isnan(e) | np.isnan(right) | np.isnan(down)
    right[unknown] = down[unknown] = np.nan
    return Gradient(right, down)


def slope(surface: Gradient) -> Pixels:
    """Return the angle between the surface and the horizontal, degrees, 0 to 90."""
    steepest: Pixels = np.degrees(np.arctan(np.hypot(surface.right, surface.down)))
    return steepest


def aspect(surface: Gradient) -> Pixels:
    """Return where the surface falls to: degrees clockwise from the upper edge, 0 to 360.

    Flat ground falls nowhere: NaN.
    """
    towards: Pixels = np.degrees(np.arctan2(-surface.right, surface.down)) % 360
    towards[(surface.right == 0) & (surface.down == 0)] = np.nan
    return towards


def hillshade(
    surface: Gradient, azimuth: float = _SUN_AZIMUTH, altitude: float = _SUN_ALTITUDE
) -> Pixels:
    """Return how bright a matt surface is under the sun, 0 to 1 (Horn 1981, 26).

    Args:
        surface: Its gradient.
        azimuth: Where the sun stands, degrees clockwise from the upper edge.
        altitude: Its height above the horizon, degrees.
    """
    towards, up = np.radians(azimuth), np.radians(altitude)
    right, down = -np.sin(towards) * np.cos(up), np.cos(towards) * np.cos(up)
    normal = np.sqrt(1 + surface.right**2 + surface.down**2)
    light: Pixels = (np.sin(up) + right * surface.right + down * surface.down) / normal
    return np.clip(light, 0, 1)
