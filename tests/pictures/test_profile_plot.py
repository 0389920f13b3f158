"""Plots of profiles show gaps as gaps."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.io import MemoryFile

from hrdem.pictures.profile_plot import Quantity, draw_profile, find_gaps

pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"  # PNGs have no place
)

GREY = 0xE6
HEIGHTS = Quantity("dtm", "m")


def count_grey_columns(content: bytes) -> int:
    with MemoryFile(content, ext=".png") as file, file.open() as dataset:
        picture = dataset.read([1, 2, 3])
    return int(((picture == GREY).all(axis=0).mean(axis=0) > 0.5).sum())


def test_gaps_reach_from_station_to_station_with_data() -> None:
    distance = np.arange(6) * 10.0
    known = np.array([False, True, False, False, True, False])
    assert find_gaps(distance, known) == [(0, 10), (10, 40), (40, 50)]


@pytest.mark.slow
def test_a_gap_is_shaded_over_its_share_of_the_line() -> None:
    distance = np.arange(101) * 30.0
    values = np.sin(distance / 300)
    values[41:60] = np.nan
    whole = count_grey_columns(draw_profile(distance, np.sin(distance / 300), "a $x$", HEIGHTS))
    assert count_grey_columns(draw_profile(distance, values, "a $x$", HEIGHTS)) - whole > 150


@pytest.mark.slow
def test_equal_profiles_make_equal_plots() -> None:
    distance = np.arange(9) * 1000.0
    first, second = (draw_profile(distance, distance, "a", HEIGHTS) for _ in range(2))
    assert first == second
