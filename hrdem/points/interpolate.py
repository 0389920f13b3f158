"""Interpolate values at points between the pixels of an array, as GDAL does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.grid import Pixels
from hrdem.request.options import Interpolation
from hrdem.request.products import Product

Array = NDArray[np.float64]

MIN_WEIGHT = 1e-10  # in all, of the pixels with data; GDAL's figure


#: pixels on each side of the one that holds a point
REACH = {Interpolation.NEAREST: 0, Interpolation.BILINEAR: 1, Interpolation.CUBIC: 2}


def choose_interpolation(requested: Interpolation | None, product: Product) -> Interpolation:
    """Return how a product is interpolated; None takes what avoids steps of pixels.

    Raises:
        RequestError: If it would average directions: between 350 and 10 degrees they give south.
    """
    if product.is_averageable:
        return requested or Interpolation.BILINEAR
    if requested not in (None, Interpolation.NEAREST):
        raise RequestError(
            f"`interpolation={requested}` averages pixels, and those of {product.name} are "
            "directions: the mean of two around north is south. Use `interpolation=nearest`."
        )
    return Interpolation.NEAREST


def interpolate(
    pixels: Pixels, valid: NDArray[np.bool_], x: Array, y: Array, method: Interpolation
) -> Array:
    """Interpolate values at points.

    Values are those of ``GDALRasterInterpolateAtPoint``. Nearest is the value of the pixel that
    holds the point. Bilinear weighs 2 x 2 pixel centres, of which all must have data. Cubic (the
    convolution of Keys with a = -0.5) weighs 4 x 4; those without data are left out and the other
    weights scaled up.

    Args:
        pixels: Array of shape (height, width).
        valid: Which of them have data, same shape.
        x: Columns from the left edge of the array, in pixels, shape (n,).
        y: Rows from its upper edge, likewise. All pixels within `REACH` of a point are in
            the array.
        method: Method.

    Returns:
        float64 array of shape (n,); NaN where no pixel has data.
    """
    if method is Interpolation.NEAREST:
        columns, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        nearest: Array = np.where(valid[rows, columns], pixels[rows, columns], np.nan)
        return nearest.astype(np.float64)
    size = 2 if method is Interpolation.BILINEAR else 4
    weigh = _weigh_linear if method is Interpolation.BILINEAR else _weigh_cubic
    first = 1 - size // 2  # of the pixels, from the one whose centre is before the point
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    total, weights, count = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x), np.intp)
    for down in range(first, first + size):
        rows = top.astype(np.intp) + down
        row_weights = weigh(y - 0.5 - top - down)
        for across in range(first, first + size):
            columns = left.astype(np.intp) + across
            present = valid[rows, columns]
            each = np.where(present, row_weights * weigh(x - 0.5 - left - across), 0.0)
            total += each * np.where(present, pixels[rows, columns], 0.0)
            weights += each
            count += present
    needed = 4 if method is Interpolation.BILINEAR else 1
    enough = (count >= needed) & (np.abs(weights) >= MIN_WEIGHT)
    values: Array = np.divide(total, weights, out=np.full(len(x), np.nan), where=enough)
    return values


def _weigh_linear(distance: Array) -> Array:
    return 1 - np.abs(distance)


def _weigh_cubic(distance: Array) -> Array:
    t = np.abs(distance)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    weights: Array = np.where(t <= 1, near, np.where(t < 2, far, 0.0))
    return weights
