"""Areas around which source pixels are read."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from hrdem.planning.mosaic import MAX_BUFFERED_CORNERS, MAX_CELLS_ACROSS, surround


def make_star(corners: int) -> shapely.Polygon:
    """Return a star of 1,000 m with spikes of 300 m."""
    angle = 2 * np.pi * np.arange(corners) / corners
    radius = 1_000 - 300 * np.random.default_rng(0).random(corners)
    return shapely.Polygon(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))


@pytest.mark.parametrize("corners", [100, 5_000])
@pytest.mark.parametrize("metres", [3, 200])
def test_all_that_is_near_is_surrounded_and_little_more(corners: int, metres: float) -> None:
    """An outline of close corners is surrounded by cells: its buffer takes gigabytes."""
    star = make_star(corners)
    around = surround(star, metres)
    rim = shapely.get_coordinates(star)[:: max(1, corners // 500)]
    for turn in np.linspace(0, 2 * np.pi, 9):
        step = metres * np.array([np.cos(turn), np.sin(turn)])
        assert shapely.contains_xy(around, rim + step).all()
    cell = 2_000 / MAX_CELLS_ACROSS
    assert shapely.Point(0, 0).buffer(1_000 + 3 * (metres + cell)).contains(around)
    assert shapely.get_num_coordinates(around) < 5 * MAX_BUFFERED_CORNERS
