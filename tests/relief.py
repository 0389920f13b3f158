"""Rasters of artificial hills, with holes, for each collection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.stores import NODATA, RESOLUTIONS

LEFT, TOP = 1_700_010, -200_010  # a pixel corner in all three collections, EPSG:3979
TIERS = {"1m": "hrdem-mosaic-1m", "2m": "hrdem-mosaic-2m", "30m": "mrdem-30"}

Array = NDArray[np.float32]


def make_relief(tier: str, width: int, height: int, step: float = 0.0) -> Array:
    """Return hills on the grid of a tier; width, height and the added step are in metres."""
    size = RESOLUTIONS[TIERS[tier]]
    x = (np.arange(width // size) + 0.5) * size
    y = (np.arange(height // size)[:, None] + 0.5) * size
    hills = 300 + 20 * np.sin(x / 41) * np.cos(y / 53) + 0.3 * np.sin(x / 3.1) + step
    return hills.astype(np.float32)


def punch_holes(pixels: Array, seed: int, share: float) -> Array:
    """Return a copy with random rectangles of nodata, some of them single pixels."""
    rng = np.random.default_rng(seed)
    holed = pixels.copy()
    for _ in range(int(12 * share) + 1):
        row, column = rng.integers(0, pixels.shape[0]), rng.integers(0, pixels.shape[1])
        size = rng.integers(1, max(2, int(pixels.shape[0] * share)))
        holed[row : row + size, column : column + size] = NODATA
    return holed
