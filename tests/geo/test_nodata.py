"""Which pixels are valid."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hrdem.geo.nodata import (
    avoid_nodata,
    choose_nodata,
    is_all_valid,
    round_nodata,
    valid_mask,
)


@pytest.mark.parametrize(
    ("nodata", "expected"),
    [
        (-32767.0, [True, False, False]),
        (math.nan, [True, True, False]),
        (None, [True, True, False]),
        (-9999.0, [True, True, False]),
    ],
)
def test_floats(nodata: float | None, expected: list[bool]) -> None:
    pixels = np.array([1.5, -32767, math.nan], np.float32)
    assert valid_mask(pixels, nodata).tolist() == expected


def test_a_nodata_value_beyond_float32_is_rounded_as_the_pixels_are() -> None:
    pixels = np.array([1.0, -3.4028234663852886e38], np.float32)
    assert valid_mask(pixels, -3.4028234663852886e38).tolist() == [True, False]


@pytest.mark.parametrize(
    ("nodata", "expected"),
    [(-1.0, [True, False]), (None, [True, True]), (math.nan, [True, True])],
)
def test_whole_numbers(nodata: float | None, expected: list[bool]) -> None:
    assert valid_mask(np.array([5, -1], np.int16), nodata).tolist() == expected


@pytest.mark.parametrize("nodata", [None, -1.0, 0.0, 5.0, math.nan, -math.inf])
@pytest.mark.parametrize(
    "values", [[5, 6], [-1, 5], [-2, 5], [5, math.nan], [math.nan, 5], [5, math.inf], [-math.inf]]
)
def test_extremes_tell_whether_all_pixels_are_valid(
    values: list[float], nodata: float | None
) -> None:
    kinds = [np.float32, np.int16] if np.isfinite(values).all() else [np.float32]
    for kind in kinds:
        pixels = np.array([values], kind)
        assert is_all_valid(pixels, nodata) == valid_mask(pixels, nodata).all()


@pytest.mark.parametrize(
    ("declared", "dtype", "expected"),
    [
        ([None, -9999.0, 0.0], "float32", -9999.0),
        ([None], "float32", -32767.0),
        ([], "int16", -32767.0),
        ([None], "uint8", None),
        ([255.0], "uint8", 255.0),
    ],
)
def test_the_nodata_value_of_several_files(
    declared: list[float | None], dtype: str, expected: float | None
) -> None:
    assert choose_nodata(declared, dtype) == expected


@pytest.mark.parametrize(
    ("declared", "dtype", "expected"),
    [
        (None, "int16", None),
        (-32768.0, "int16", -32768),
        (-32769.0, "int16", None),
        (32767.0, "int16", 32767),
        (32768.0, "int16", None),
        (0.5, "int16", None),
        (math.nan, "uint8", None),
        (0.0, "uint8", 0),
        (0.1, "float32", 0.100000001490116119384765625),
        (1e39, "float32", math.inf),
    ],
)
def test_a_declared_value_is_one_that_pixels_can_have(
    declared: float | None, dtype: str, expected: float | None
) -> None:
    assert round_nodata(declared, dtype) == expected


@pytest.mark.parametrize(
    ("nodata", "moved"),
    [
        (-32767.0, -32767 + 2.0**-9),
        (-1.0, -1 + 2.0**-24),
        (0.0, 2.0**-149),
        (1.0, 1 - 2.0**-24),
        (9999.0, 9999 - 2.0**-10),
    ],
)
def test_a_height_that_equals_nodata_by_chance_moves_to_the_next_number(
    nodata: float, moved: float
) -> None:
    pixels = np.array([nodata, 5.0, nodata], np.float32)
    assert avoid_nodata(pixels, nodata).tolist() == [moved, 5.0, moved]


def test_whole_numbers_and_heights_that_differ_from_nodata_stay_as_they_are() -> None:
    for pixels in (np.array([-1, 5], np.int16), np.array([0.0, 5.0], np.float32)):
        assert avoid_nodata(pixels, -1.0) is pixels


def test_xarray() -> None:
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(np.array([[1.0, -1.0, math.nan]], np.float32), dims=("y", "x"))
    found = valid_mask(array, -1.0)
    assert found.dims == ("y", "x")
    assert found.values.tolist() == [[True, False, False]]
