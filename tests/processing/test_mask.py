"""Masks of areas on grids."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from affine import Affine

from hrdem.geo.grid import Grid
from hrdem.processing.mask import AoiMask

GRID = Grid("EPSG:3979", Affine(1, 0, 1_499_400, 0, -1, -199_400), 1_200, 1_200)


def make_ragged_polygon(seed: int) -> shapely.Polygon:
    """Return a star of 400 corners that are 400 to 600 m from its centre."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.random(400)) * 2 * np.pi
    radius = 400 + 200 * rng.random(400)
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return shapely.Polygon(np.array([1_500_000, -200_000]) + ring)


def test_threads_share_one_area() -> None:
    """GEOS 3.11 crashed the process here, usually within ten areas."""
    windows = list(GRID.window.split(128, 128))
    with ThreadPoolExecutor(8) as pool:
        for seed in range(10):
            area = make_ragged_polygon(seed)
            together = list(pool.map(AoiMask.of(area, GRID).rasterize, windows))
            alone = AoiMask.of(area, GRID)
            for window, inside in zip(windows, together, strict=True):
                np.testing.assert_array_equal(inside, alone.rasterize(window))
