"""Areas laid over grids."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from affine import Affine

from hrdem.geo.grid import Grid
from hrdem.processing.mask import AoiMask

GRID = Grid("EPSG:3979", Affine(1, 0, 1_499_400, 0, -1, -199_400), 1_200, 1_200)


def ragged(seed: int) -> shapely.Polygon:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.random(400)) * 2 * np.pi
    radius = 400 + 200 * rng.random(400)
    around = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return shapely.Polygon(np.array([1_500_000, -200_000]) + around)


def test_threads_may_look_at_one_area_at_once() -> None:
    """GEOS 3.11 ended the process here, within ten areas as a rule."""
    windows = list(GRID.window.split(128, 128))
    with ThreadPoolExecutor(8) as pool:
        for seed in range(10):
            area = ragged(seed)
            found = list(pool.map(AoiMask.of(area, GRID).rasterize, windows))
            alone = AoiMask.of(area, GRID)
            for window, inside in zip(windows, found, strict=True):
                np.testing.assert_array_equal(inside, alone.rasterize(window))
