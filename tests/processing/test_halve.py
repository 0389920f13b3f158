"""Halves of tiles, compared with sums of four pixels in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hrdem.processing.halve import Halving, halve

NODATA = {"float32": -32767.0, "int16": -32767, "uint8": 0}


def expect(pixels: np.ndarray, nodata: float, halving: Halving) -> list[list[float]]:
    rows, columns = pixels.shape
    lines = []
    for row in range(0, rows, 2):
        line = []
        for column in range(0, columns, 2):
            four = pixels[row : row + 2, column : column + 2]
            valid = [Fraction(each) for each in four.ravel().tolist() if each != nodata]
            if halving is Halving.NEAREST:
                line.append(four[0, 0].item())
            elif not valid:
                line.append(nodata)
            else:
                mean = sum(valid) / len(valid)
                line.append(float(mean) if pixels.dtype.kind == "f" else round(mean))
        lines.append(line)
    return lines


@pytest.mark.parametrize("halving", Halving)
@pytest.mark.parametrize("dtype", NODATA)
@pytest.mark.parametrize("shape", [(6, 8), (5, 8), (6, 7), (1, 1)])
@pytest.mark.parametrize("void", [0, 0.4])
def test_a_pixel_is_of_the_valid_ones_of_four(
    dtype: str, halving: Halving, shape: tuple[int, int], void: float
) -> None:
    """Also where the last row or column has no second one; negative means of integers too."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(1 if dtype == "uint8" else -9, 9, shape).astype(dtype)
    pixels[rng.random(shape) < void] = NODATA[dtype]
    half = halve(pixels, NODATA[dtype], halving)
    assert half.dtype == pixels.dtype
    assert half.flags.c_contiguous
    expected = np.array(expect(pixels, NODATA[dtype], halving), dtype)
    np.testing.assert_array_equal(half, expected)


def test_a_mean_that_rounds_to_nodata_stays_valid() -> None:
    """The next number stands for it."""
    nodata = 0.1
    pixels = np.array([[0, np.float32(0.2)], [np.float32(0.05), np.float32(0.15)]], "float32")
    assert halve(pixels, float(np.float32(nodata)), Halving.AVERAGE)[0, 0] != np.float32(nodata)
