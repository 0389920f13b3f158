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


@overload
def valid_mask(pixels: Pixels, nodata: float | None) -> NDArray[np.bool_]: ...


@overload
def valid_mask(pixels: Any, nodata: float | None) -> Any: ...


def valid_mask(pixels: Any, nodata: float | None) -> Any:
    """Return which pixels hold data.

    Args:
        pixels: Array of any shape: numpy's, or xarray's, which stays lazy.
        nodata: Value of pixels without data; None if only NaN marks them.

    Returns:
        Boolean array of the same shape. NaN is never valid, even if there is another nodata value.
    """
    if pixels.dtype.kind == "f":
        valid = ~np.isnan(pixels)
        if nodata is not None and not math.isnan(nodata):
            valid &= pixels != pixels.dtype.type(nodata)
        return valid
    if nodata is None or math.isnan(nodata):
        return np.ones(pixels.shape, np.bool_)
    return pixels != pixels.dtype.type(nodata)
