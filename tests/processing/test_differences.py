"""Statistics of differences, against numpy on all of them at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine

from hrdem.geo.grid import Grid, Window
from hrdem.processing.differences import DifferenceTally

GRID = Grid("EPSG:4269", Affine(0.5, 0, -76, 0, -0.5, 46), 40, 30)


def random_differences() -> np.ndarray:
    """Skewed, with an outlier at column 33 of row 22, and holes."""
    rng = np.random.default_rng(5)
    metres = (rng.gamma(2, 3, (30, 40)) - 4).astype(np.float32)
    metres[rng.random((30, 40)) < 0.2] = np.nan
    metres[22, 33] = -81.25
    return metres


def tally_in_blocks(metres: np.ndarray, edge: int) -> DifferenceTally:
    tally = DifferenceTally(GRID)
    for window in GRID.window.split(edge, edge):
        tally.add(window, metres[window.slices])
    return tally


@pytest.mark.parametrize("edge", [7, 16, 40])
def test_statistics_are_those_of_all_values_whatever_the_blocks(edge: int) -> None:
    metres = random_differences()
    values = metres[np.isfinite(metres)].astype(np.float64)
    found = tally_in_blocks(metres, edge).finish()
    assert found.statistics.pixels == 1200
    assert found.statistics.valid == values.size
    assert found.statistics.mean == pytest.approx(values.mean(), rel=1e-9)
    assert found.statistics.standard_deviation == pytest.approx(values.std(), rel=1e-9)
    assert (found.statistics.minimum, found.statistics.maximum) == (values.min(), values.max())
    expected = np.percentile(values, [5, 50, 95], method="inverted_cdf")
    assert found.percentiles == pytest.approx(expected, abs=0.0051)


def test_the_largest_difference_is_found_by_its_size_with_its_place() -> None:
    largest = tally_in_blocks(random_differences(), 16).finish().largest
    assert largest is not None
    assert (largest.metres, largest.x, largest.y) == (-81.25, -76 + 33.5 * 0.5, 46 - 22.5 * 0.5)


def test_without_a_value_there_are_no_statistics() -> None:
    found = tally_in_blocks(np.full((30, 40), np.nan, np.float32), 16).finish()
    assert (found.statistics.valid, found.largest) == (0, None)
    assert all(map(math.isnan, found.percentiles))
    assert found.as_dict()["largest"] is None


def test_one_small_difference_beside_a_void_is_everything() -> None:
    tally = DifferenceTally(GRID)
    tally.add(Window(3, 5, 2, 1), np.array([[np.nan, -0.25]], np.float32))
    found = tally.finish()
    assert found.percentiles == (-0.25, -0.25, -0.25)
    assert found.as_dict()["largest"] == {
        "metres": -0.25,
        "x": -76 + 4.5 * 0.5,
        "y": 46 - 5.5 * 0.5,
    }


def test_of_two_largest_differences_the_first_is_told() -> None:
    tally = DifferenceTally(GRID)
    for row, metres in enumerate((1.0, 7.0, -7.0, 2.0)):
        tally.add(Window(0, row, 1, 1), np.array([[metres]], np.float32))
    largest = tally.finish().largest
    assert largest is not None
    assert (largest.metres, largest.y) == (7, 46 - 1.5 * 0.5)


def test_percentiles_of_heights_that_are_no_heights_stay_in_bounds() -> None:
    """An old file without a nodata value may hold anything."""
    tally = DifferenceTally(GRID)
    tally.add(Window(0, 0, 2, 2), np.array([[32767, -32767], [1, 2]], np.float32))
    assert tally.finish().percentiles == (-5000, 1, 5000)
