"""Colour ramps meet values the way their legends say."""

from __future__ import annotations

import numpy as np
import pytest

from hrdem.output.colours import get_source_colour
from hrdem.pictures import ramps
from hrdem.pictures.ramps import ASPECT, CANOPY, DIFFERENCE, ELEVATION, SLOPE
from hrdem.request.products import get_product


def test_a_value_between_two_stops_has_a_colour_between_theirs() -> None:
    (_, first), (value, second), *_ = SLOPE.stops(0, 60)
    between = SLOPE.colour(np.array([value / 2]), 0, 60)[0]
    assert np.abs(between - np.mean([first, second], axis=0)).max() <= 0.5


def test_values_beyond_the_ends_have_the_colours_of_the_ends() -> None:
    low, high = SLOPE.colour(np.array([-5.0, 90.0]), 0, 60)
    assert tuple(low) == SLOPE.colours[0]
    assert tuple(high) == SLOPE.colours[-1]


def test_north_from_both_sides_has_one_colour() -> None:
    assert ASPECT.colours[0] == ASPECT.colours[-1]


def test_no_change_has_the_middle_colour_of_a_difference() -> None:
    low, high = DIFFERENCE.fit(np.array([-1.0, 0.0, 7.0]))
    assert low == -high
    assert dict(DIFFERENCE.stops(low, high))[0.0] == (247, 247, 247)


def test_a_stretched_ramp_leaves_out_outliers_and_nodata() -> None:
    values = np.append(np.linspace(200, 300, 1001), [np.nan, 9000.0])
    assert ELEVATION.fit(values) == pytest.approx((202, 298.1), abs=0.5)
    assert CANOPY.fit(values)[0] == 0


@pytest.mark.parametrize("values", [np.full((2, 2), np.nan), np.full((2, 2), 71.0)])
def test_nodata_and_level_ground_have_a_range_too(values: np.ndarray) -> None:
    low, high = ELEVATION.fit(values)
    assert low < high
    assert ELEVATION.colour(values, low, high).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("product", "ramp"),
    [
        ("dtm", "elevation"),
        ("dsm", "elevation"),
        ("chm", "chm"),
        ("dtm-slope", "slope"),
        ("dsm-aspect", "aspect"),
        ("dtm-hillshade", "hillshade"),
    ],
)
def test_each_product_has_its_ramp(product: str, ramp: str) -> None:
    assert ramps.get_ramp(get_product(product)) is ramps.RAMPS[ramp]


def test_colours_of_sources_repeat_after_the_last() -> None:
    assert get_source_colour(1) == get_source_colour(9) != get_source_colour(2)
    assert ramps.format_colour(get_source_colour(1)) == "#0072b2"
