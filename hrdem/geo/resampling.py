"""How pixels come from those of another grid: kernels, and what they look at."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import assume_nad83, project_points
from hrdem.geo.grid import Bounds, Grid

_SEGMENTS = 10_000  # of each edge of a grid, at most: one of 5000 km then bulges by a centimetre


class Resampling(StrEnum):
    """How the pixels of the output come from those of the source.

    Bilinear, cubic, cubicspline and lanczos interpolate at the centre of the output pixel. Where
    that is larger than the source's, the first three smooth as wide as it is; lanczos does not, as
    GDAL's is wrong when it does (3.9: shifted; 3.10 to 3.12: noise where centres coincide).
    Average to rms look at the source pixels in the upright box between the upper left and the
    lower right corner of the output pixel, which is not all of a pixel that lies askew. Mode to
    rms do so at full resolution: the largest of means is not the largest height.
    """

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    CUBIC = "cubic"
    CUBICSPLINE = "cubicspline"
    LANCZOS = "lanczos"
    AVERAGE = "average"
    MODE = "mode"
    MIN = "min"
    MAX = "max"
    MED = "med"
    Q1 = "q1"
    Q3 = "q3"
    RMS = "rms"

    @property
    def takes_overviews(self) -> bool:
        """Whether it may begin from pixels that were made coarser already."""
        return self not in _OF_ALL_PIXELS


_RADII = {  # of the kernels, in pixels
    Resampling.BILINEAR: 1,
    Resampling.CUBIC: 2,
    Resampling.CUBICSPLINE: 2,
    Resampling.LANCZOS: 3,
}
_OF_ALL_PIXELS = (
    Resampling.MODE,
    Resampling.MIN,
    Resampling.MAX,
    Resampling.MED,
    Resampling.Q1,
    Resampling.Q3,
    Resampling.RMS,
)
_WIDENED = (Resampling.BILINEAR, Resampling.CUBIC, Resampling.CUBICSPLINE)


def spacing(grid: Grid, source_crs: str) -> float:
    """Return the smallest distance between the centres of neighbouring pixels of a grid.

    Args:
        grid: The grid.
        source_crs: CRS to measure in.

    Returns:
        Distance in units of `source_crs`, the smallest of nine places over the grid.

    Raises:
        NoDataError: If the grid reaches where that CRS has no coordinates.
    """
    return float(np.linalg.norm(pixel_vectors(grid, source_crs), axis=2).min())


def source_bounds(
    grid: Grid, source_crs: str, source_resolution: float, resampling: Resampling
) -> Bounds:
    """Return the bounds of everything that the pixels of a grid depend on.

    Args:
        grid: The grid to warp onto.
        source_crs: CRS of what is warped.
        source_resolution: Edge of its pixels in units of its CRS.
        resampling: How it is resampled.

    Returns:
        Left, bottom, right, top in `source_crs`.

    Raises:
        NoDataError: If the grid reaches where that CRS has no coordinates.
    """
    columns = np.linspace(0, grid.width, min(grid.width, _SEGMENTS) + 1)
    rows = np.linspace(0, grid.height, min(grid.height, _SEGMENTS) + 1)
    outline = np.concatenate(
        [
            _places(grid, columns, 0 * columns),
            _places(grid, columns, 0 * columns + grid.height),
            _places(grid, 0 * rows, rows),
            _places(grid, 0 * rows + grid.width, rows),
        ]
    )
    x, y = project_points(outline, assume_nad83(grid.crs), source_crs).T
    square = source_resolution, source_resolution
    reach = source_resolution * kernel_radius(
        resampling, kernel_scale(grid, source_crs, square, resampling)
    )
    return (
        float(x.min() - reach),
        float(y.min() - reach),
        float(x.max() + reach),
        float(y.max() + reach),
    )


def _places(
    grid: Grid, columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coordinates of places on a grid, counted in pixels from its corner; shape (n, 2)."""
    dx, dy = grid.resolution
    return np.column_stack([grid.transform.c + columns * dx, grid.transform.f - rows * dy])


def pixel_vectors(grid: Grid, source_crs: str) -> NDArray[np.float64]:
    """Where a step to the right and a step down lead from nine pixels; shape (9, 2, 2)."""
    middles = [
        axis.ravel()
        for axis in np.meshgrid(
            np.array([0.5, grid.width / 2, grid.width - 0.5]),
            np.array([0.5, grid.height / 2, grid.height - 0.5]),
        )
    ]
    stops = [(0, 0), (1, 0), (0, 1)]
    points = [_places(grid, middles[0] + right, middles[1] + down) for right, down in stops]
    projected = project_points(np.concatenate(points), assume_nad83(grid.crs), source_crs)
    here, right, below = projected.reshape(3, -1, 2)
    return np.stack([right - here, below - here], axis=1)


def kernel_scale(
    grid: Grid, source_crs: str, source_resolution: tuple[float, float], resampling: Resampling
) -> tuple[float, float]:
    """How many times wider than its radius a kernel is, along x and y of the source.

    As wide as an output pixel in the middle of the grid, in two figures so that neighbouring
    grids agree.

    Args:
        grid: The grid to warp onto.
        source_crs: CRS of what is warped.
        source_resolution: Width and height of its pixels in units of its CRS.
        resampling: How it is resampled.
    """
    if resampling not in _WIDENED:
        return 1.0, 1.0
    middle = pixel_vectors(grid, source_crs)[4]
    across, down = np.linalg.norm(middle, axis=0) / source_resolution
    return max(1.0, float(f"{across:.2g}")), max(1.0, float(f"{down:.2g}"))


def kernel_radius(resampling: Resampling, kernel_scale: tuple[float, float]) -> int:
    """How many source pixels beyond the output's outline are looked at, and one to be sure."""
    return math.ceil(_RADII.get(resampling, 0) * max(kernel_scale)) + 1
