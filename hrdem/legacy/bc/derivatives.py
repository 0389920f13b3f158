"""Slope, aspect and hillshade of whole-metre heights, as BC 2.0 defines them (3.5.3, 3.5.4).

The normal of a pixel is the cross product of the vectors between its western and eastern, and its
southern and northern neighbours, on the plane: the gradient of Zevenbergen and Thorne (1987).
Everything follows from the delivered heights, so that it can be recomputed from the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import SPACING_METRES

MIN_ASPECT_SLOPE_DEGREES = 2  # a pixel of less slope is flat (BC 2.0, 3.5.3)
FLAT_ASPECT = -1
SUN_ALTITUDE_DEGREES = 45
MIN_SHADE, MAX_SHADE = 1, 255  # 0, black, is no data (BC 2.0, 3.2)
MAX_SLOPE_PERCENT = 32_767  # steeper only where heights are wrong
_RUN_METRES = 2 * SPACING_METRES  # between the neighbours

Heights = NDArray[np.int16]
Whole = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Rise:
    """Differences of height across each pixel, metres over 50 m.

    Where one neighbour has no height, it is twice the difference to the other; where both have
    none, 0: every pixel with a height has a value in every product (BC 2.0, 3.2).

    Attributes:
        east: Height of the eastern neighbour less that of the western one, float64 array of shape
            (rows, columns); 0 where the pixel itself has no height.
        north: The same northwards.
        square: East squared plus north squared.
        void: Which pixels have no height.
    """

    east: NDArray[np.float64]
    north: NDArray[np.float64]
    square: NDArray[np.float64]
    void: NDArray[np.bool_]


def compute_rise(heights: Heights) -> Rise:
    """Compute the differences of height across pixels.

    Args:
        heights: int16 array of shape (rows + 2, columns + 2), metres, with one ring of neighbours
            around the pixels; `VOID` where there is none.
    """
    centre = heights[1:-1, 1:-1]
    void = centre == VOID
    east = _subtract(centre, void, heights[1:-1, 2:], heights[1:-1, :-2])
    north = _subtract(centre, void, heights[:-2, 1:-1], heights[2:, 1:-1])
    return Rise(east, north, east * east + north * north, void)


def _subtract(
    centre: Heights, void: NDArray[np.bool_], ahead: Heights, behind: Heights
) -> NDArray[np.float64]:
    """Return the height ahead less the one behind; one-sided and doubled beside a void."""
    rise = np.subtract(ahead, behind, dtype=np.float64)
    no_ahead, no_behind = ahead == VOID, behind == VOID
    if no_ahead.any() or no_behind.any():
        beside = np.flatnonzero((no_ahead | no_behind) & ~void)
        at, front, back = (each.ravel()[beside].astype(float) for each in (centre, ahead, behind))
        front = np.where(front == VOID, at, front)
        back = np.where(back == VOID, at, back)
        sides = 2 - no_ahead.ravel()[beside] - no_behind.ravel()[beside]
        rise.ravel()[beside] = (front - back) * np.where(sides == 1, 2, 1)
    rise[void] = 0
    return rise


def compute_slope_percent(rise: Rise) -> Whole:
    """Compute the rise over run in whole percent; `VOID` where there is no height."""
    percent = np.sqrt(rise.square) * (100 / _RUN_METRES)
    return _round(np.minimum(percent, MAX_SLOPE_PERCENT), rise.void)


def compute_slope_degrees(rise: Rise) -> Whole:
    """Compute the angle to the horizontal in whole degrees; `VOID` where there is no height."""
    tangent = np.sqrt(rise.square) / _RUN_METRES
    return _round(np.degrees(np.arctan(tangent)), rise.void)


def compute_aspect(rise: Rise, north: float) -> Whole:
    """Compute the direction that the surface faces.

    Args:
        rise: Differences of height.
        north: Angle from grid north to true north, degrees clockwise.

    Returns:
        Whole degrees clockwise from true north, 0 to 359; -1 where the slope is less than 2
        degrees; `VOID` where there is no height.
    """
    angle = np.degrees(np.arctan2(-rise.east, -rise.north)) - north
    angle[angle < 0] += 360
    angle[angle >= 360] -= 360
    aspect = _round(angle, rise.void)
    aspect[aspect == 360] = 0
    limit = _RUN_METRES * np.tan(np.radians(MIN_ASPECT_SLOPE_DEGREES))
    aspect[(rise.square < limit * limit) & ~rise.void] = FLAT_ASPECT
    return aspect


def compute_hillshade(rise: Rise, azimuth: float) -> NDArray[np.uint8]:
    """Compute the brightness in the light of a sun 45 degrees above the horizon.

    Args:
        rise: Differences of height.
        azimuth: Azimuth of the sun, degrees clockwise from grid north.

    Returns:
        1 (in the shade) to 255; 0 where there is no height.
    """
    altitude, direction = np.radians(SUN_ALTITUDE_DEGREES), np.radians(azimuth)
    across = np.cos(altitude) * np.sin(direction)
    along = np.cos(altitude) * np.cos(direction)
    upward = np.sin(altitude) * _RUN_METRES
    length = np.sqrt(rise.square + _RUN_METRES**2)
    shine = (upward - across * rise.east - along * rise.north) / length
    shade = MIN_SHADE + (MAX_SHADE - MIN_SHADE) * np.maximum(shine, 0)
    brightness: NDArray[np.uint8] = np.floor(shade + 0.5).astype(np.uint8)
    brightness[rise.void] = 0
    return brightness


def _round(values: NDArray[np.floating[Any]], void: NDArray[np.bool_]) -> Whole:
    """Round to whole numbers, halves up; `VOID` where there is no height."""
    whole: Whole = np.floor(values + 0.5).astype(np.int16)
    whole[void] = VOID
    return whole
