"""Halve the resolution of tiles, for overviews."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import avoid_nodata, is_all_valid, valid_mask


class Halving(StrEnum):
    """What a pixel of an overview is."""

    AVERAGE = "average"  # the mean of the valid ones of four
    NEAREST = "nearest"  # the upper left of four


def halve(pixels: Pixels, nodata: float, halving: Halving) -> Pixels:
    """Return a tile in half the resolution.

    Args:
        pixels: Array of shape (rows, columns); beyond odd numbers of them there is no data.
        nodata: Value of pixels without data.
        halving: What a pixel of the result is.
    """
    if halving is Halving.NEAREST:
        return np.ascontiguousarray(pixels[::2, ::2])
    rows, columns = pixels.shape
    if rows % 2 or columns % 2:
        pixels = np.pad(pixels, ((0, rows % 2), (0, columns % 2)), constant_values=nodata)
    quarters = [pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    if is_all_valid(pixels, nodata):
        total = np.add(*quarters[:2], dtype=np.float64)
        for quarter in quarters[2:]:
            total += quarter
        total /= 4
        return _round(total, pixels.dtype, nodata)
    total = np.zeros(quarters[0].shape)
    count = np.zeros(total.shape, np.uint8)
    for quarter in quarters:
        valid = valid_mask(quarter, nodata)
        np.add(total, quarter, out=total, where=valid)
        count += valid
    mean = np.divide(total, count, out=np.full(total.shape, float(nodata)), where=count > 0)
    return np.where(count > 0, _round(mean, pixels.dtype, nodata), pixels.dtype.type(nodata))


def _round(means: Pixels, dtype: np.dtype[np.generic], nodata: float) -> Pixels:
    if dtype.kind != "f":
        return np.rint(means).astype(dtype)
    return avoid_nodata(means.astype(dtype), nodata)
