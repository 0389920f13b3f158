"""Shaded relief of the synthetic terrain, equal to that of ``gdaldem hillshade``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.demo.terrain import NODATA, heights

UInt8 = NDArray[np.uint8]


def hillshade(
    left: float, top: float, resolution: float, width: int, height: int, **surface: Any
) -> UInt8:
    """Shade the heights at the pixel centres of a grid, the sun in the north-west, half way up.

    The gradient is Horn's; `heights` gives the pixels beyond the edges too.

    Args:
        left: x of the grid's upper left corner, metres, EPSG:3979.
        top: y of the same corner.
        resolution: Pixel size in metres.
        width: Columns.
        height: Rows.
        surface: ``product``, ``collection`` and ``edition``, as for `heights`.

    Returns:
        uint8 array of shape (height, width), 1 for dark to 255; 0 where one of the nine heights
        around is nodata.
    """
    z = heights(
        left - resolution, top + resolution, resolution, width + 2, height + 2, **surface
    ).astype(np.float64)
    z[z == NODATA] = np.nan
    a, b, c = z[:-2, :-2], z[:-2, 1:-1], z[:-2, 2:]
    d, e, f = z[1:-1, :-2], z[1:-1, 1:-1], z[1:-1, 2:]
    g, h, i = z[2:, :-2], z[2:, 1:-1], z[2:, 2:]
    east = (c + 2 * f + i - a - 2 * d - g) / (8 * resolution)
    north = (a + 2 * b + c - g - 2 * h - i) / (8 * resolution)
    light = (math.sqrt(0.5) + (east - north) / 2) / np.sqrt(1 + east**2 + north**2)
    grey = (1 + 254 * np.maximum(light, 0)).astype(np.float32)  # gdaldem rounds twice
    shade: UInt8 = np.where(np.isnan(light + e), 0, np.floor(grey + np.float32(0.5))).astype(
        np.uint8
    )
    return shade
