"""Nodata: the value for pixels without data, and which pixels are valid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels

#: Nodata value of outputs, where the sources declare none; that of the published files.
DEFAULT_NODATA = -32767.0
#: Height of nodes without data in the older products: CDED 2.1, 2.8.3; BC 2.0, 3.2.
VOID = -32767


def choose_nodata(declared: Iterable[float | None], dtype: str) -> float | None:
    """Return the nodata value of pixels that come from several files.

    Args:
        declared: Nodata values of the files, the first in order of preference.
        dtype: Type of the pixels, as numpy names it.

    Returns:
        The first declared value, or `DEFAULT_NODATA`; None if the type cannot hold that.
    """
    for nodata in declared:
        if nodata is not None:
            return nodata
    kind = np.dtype(dtype)
    if kind.kind != "f" and np.iinfo(kind).min > DEFAULT_NODATA:
        return None
    return DEFAULT_NODATA


def round_nodata(declared: float | None, dtype: str) -> float | None:
    """Round a declared nodata value to a pixel type; None if no pixel can have it.

    Args:
        declared: Number that a raster declares; None for none.
        dtype: Type of the pixels, as numpy names it.
    """
    if declared is None:
        return None
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            return float(np.dtype(dtype).type(declared))
    limits = np.iinfo(dtype)
    fits = float(declared).is_integer() and limits.min <= declared <= limits.max
    return int(declared) if fits else None


@overload
def valid_mask(pixels: Pixels, nodata: float | None) -> NDArray[np.bool_]: ...


@overload
def valid_mask(pixels: Any, nodata: float | None) -> Any: ...


def valid_mask(pixels: Any, nodata: float | None) -> Any:
    """Return which pixels hold data.

    Args:
        pixels: Array of any shape: numpy's, or xarray's, which stays lazy.
        nodata: Value of pixels without data; None if it is not declared.

    Returns:
        Boolean array of the same shape. NaN and infinite values are never valid, even if there is
        another nodata value.
    """
    if pixels.dtype.kind == "f":
        valid = np.isfinite(pixels)
        if nodata is not None and math.isfinite(nodata):
            valid &= pixels != pixels.dtype.type(nodata)
        return valid
    if nodata is None or not math.isfinite(nodata):
        return np.ones(pixels.shape, np.bool_)
    return pixels != pixels.dtype.type(nodata)


def is_all_valid(pixels: Pixels, nodata: float | None) -> bool:
    """Return whether all pixels hold data: `valid_mask`, mostly decided by the extremes.

    Args:
        pixels: Array of any shape, not empty.
        nodata: Value of pixels without data; None if it is not declared.
    """
    lowest, highest = pixels.min(), pixels.max()
    if pixels.dtype.kind == "f" and not (np.isfinite(lowest) and np.isfinite(highest)):
        return False
    if nodata is None or not math.isfinite(nodata):
        return True
    value = pixels.dtype.type(nodata)
    return bool(value < lowest or value > highest) or bool((pixels != value).all())


def avoid_nodata(pixels: Pixels, nodata: float) -> Pixels:
    """Move values that equal the nodata value by chance to the next number.

    Args:
        pixels: Computed values; integers are returned unchanged.
        nodata: Nodata value.
    """
    value = np.array(nodata, pixels.dtype)
    if pixels.dtype.kind != "f" or not (pixels == value).any():
        return pixels
    away = np.array(-math.inf if nodata > 0 else math.inf, pixels.dtype)
    return np.where(pixels == value, np.nextafter(value, away), pixels)
