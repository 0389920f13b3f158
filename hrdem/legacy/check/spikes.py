"""Nodes that stand out from all their neighbours (CDED 2.1, 2.8.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID

METRES_PER_ARC_SECOND = 30.9  # along a meridian, to a percent
STEEPEST = 2.0  # rise over run: steeper on all sides is no terrain


@dataclass(frozen=True, slots=True)
class Spikes:
    """Nodes above or below all four neighbours.

    Attributes:
        count: Their number.
        limit: Height above or below the neighbours from which they count, metres.
        profile: Profile of the first, from 0.
        point: Point of the first in its profile, from 0.
    """

    count: int
    limit: float
    profile: int = 0
    point: int = 0


def find_spikes(heights: NDArray[np.int16], spacing: float) -> Spikes:
    """Find nodes that are far above or below all four neighbours; those beside voids are left out.

    Args:
        heights: Of shape (points, profiles), from the south-west.
        spacing: Spacing of nodes along a profile, arc seconds.
    """
    limit = STEEPEST * spacing * METRES_PER_ARC_SECOND
    around = (heights[:-2, 1:-1], heights[2:, 1:-1], heights[1:-1, :-2], heights[1:-1, 2:])
    inner = heights[1:-1, 1:-1]
    highest, lowest = np.maximum.reduce(around), np.minimum.reduce(around)
    is_whole = (inner != VOID) & (lowest != VOID)
    stands_out = (inner - highest.astype(np.int32) > limit) | (
        lowest - inner.astype(np.int32) > limit
    )
    places = np.argwhere((is_whole & stands_out).T)  # profile by profile
    if not len(places):
        return Spikes(0, limit)
    profile, point = places[0].tolist()
    return Spikes(len(places), limit, profile + 1, point + 1)
