"""How large boxes and pixels of any CRS are on the ground.

Lengths are those of EPSG:3979, whose scale is within some 4 percent of 1 in all of Canada.
"""

from __future__ import annotations

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from hrdem.crs import in_nad83, project
from hrdem.grid import Bounds, Grid
from hrdem.products import NATIVE_CRS

_SEGMENTS = 100  # of a line through a box


def grid_of_box(bounds: Bounds, crs: str, longest: int) -> Grid:
    """Lay a grid exactly over a box, with pixels about as wide as high on the ground.

    Args:
        bounds: Left, bottom, right, top in units of the CRS.
        crs: Anything PROJ knows.
        longest: Pixels of the longer edge.

    Raises:
        NoDataError: If the box lies far outside Canada.
    """
    left, bottom, right, top = bounds
    across = np.linspace(left, right, _SEGMENTS), np.full(_SEGMENTS, (bottom + top) / 2)
    upward = np.full(_SEGMENTS, (left + right) / 2), np.linspace(bottom, top, _SEGMENTS)
    wide, high = (float(_steps(x, y, crs).sum()) for x, y in (across, upward))
    width = max(1, round(longest * min(1.0, wide / high)))
    height = max(1, round(longest * min(1.0, high / wide)))
    pixel = Affine((right - left) / width, 0, left, 0, (bottom - top) / height, top)
    with rasterio.Env():
        code = CRS.from_user_input(crs).to_epsg()
    return Grid(f"EPSG:{code}" if code else crs, pixel, width, height)


def pixel_sizes(grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure the pixels of a grid, row by row, half way between its left and its right.

    Returns:
        Their width and their height on the ground, metres, each of shape (rows, 1).

    Raises:
        NoDataError: If the grid reaches far outside Canada.
    """
    dx, dy = grid.resolution
    left, _, right, top = grid.bounds
    x = np.full(grid.height, (left + right) / 2)
    y = top - (np.arange(grid.height) + 0.5) * dy
    ends = (x - dx / 2, x + dx / 2, y, y), (x, x, y - dy / 2, y + dy / 2)
    sizes = []
    for from_x, to_x, from_y, to_y in ends:
        line = np.stack([from_x, to_x], 1).ravel(), np.stack([from_y, to_y], 1).ravel()
        sizes.append(_steps(*line, grid.crs)[::2, None].astype(np.float32))
    return sizes[0], sizes[1]


def _steps(x: NDArray[np.float64], y: NDArray[np.float64], crs: str) -> NDArray[np.float64]:
    """The distance of each point of a line from the one before, metres."""
    points = project(np.column_stack([x, y]), in_nad83(crs), NATIVE_CRS)
    lengths: NDArray[np.float64] = np.hypot(*np.diff(points, axis=0).T)
    return lengths
