"""Valid pixels: those that are neither nodata nor NaN."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels


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
        Boolean array of the same shape. NaN is never valid, whatever the nodata value.
    """
    if pixels.dtype.kind == "f":
        valid = ~np.isnan(pixels)
        if nodata is not None and not math.isnan(nodata):
            valid &= pixels != pixels.dtype.type(nodata)
        return valid
    if nodata is None or math.isnan(nodata):
        return np.ones(pixels.shape, np.bool_)
    return pixels != pixels.dtype.type(nodata)
