"""Resampling: kernels, and the source pixels that the pixels of a grid depend on."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Bounds, Grid
from hrdem.geo.transform import project_points

MAX_EDGE_SEGMENTS = 10_000  # of each edge of a grid: one of 5000 km then bulges by a centimetre


class Resampling(StrEnum):
    """How the pixels of the output are computed from those of the source.

    Bilinear, cubic, cubicspline and lanczos interpolate at the centre of the output pixel. Where
    that pixel is larger than the source's, the first three smooth over its width. Lanczos does not,
    as GDAL's widened kernel is wrong (3.9: shifted; 3.10 to 3.12: noise where centres coincide).
    Average to rms use the source pixels in the upright box between the upper left and the lower
    right corner of the output pixel, which is not all of a rotated pixel. Mode to rms always start
    from full resolution: the largest of means is not the largest height.
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
        """Whether it may start from an overview instead of full resolution."""
        return self not in _NEEDS_FULL_RESOLUTION


_KERNEL_RADII = {  # pixels
    Resampling.BILINEAR: 1,
    Resampling.CUBIC: 2,
    Resampling.CUBICSPLINE: 2,
    Resampling.LANCZOS: 3,
}
_NEEDS_FULL_RESOLUTION = (
    Resampling.MODE,
    Resampling.MIN,
    Resampling.MAX,
    Resampling.MED,
    Resampling.Q1,
    Resampling.Q3,
    Resampling.RMS,
)
_SCALED_KERNELS = (Resampling.BILINEAR, Resampling.CUBIC, Resampling.CUBICSPLINE)


@dataclass(frozen=True)
class Sampling:
    """How the pixels of a grid sample a source in another CRS.

    Everything is measured on first use and then remembered, so one value serves a whole tier. (It
    has no slots because `functools.cached_property` needs a ``__dict__``.)

    Attributes:
        grid: Grid to warp onto.
        source_crs: CRS of the source.
        resampling: Kernel.
    """

    grid: Grid
    source_crs: str
    resampling: Resampling

    @functools.cached_property
    def pixel_vectors(self) -> NDArray[np.float64]:
        """Steps to the next pixel on the right and below, at nine pixels spread over the grid.

        Array of shape (9, 2, 2): pixel, direction, (x, y), in units of the source CRS. Pixel 4 is
        in the middle.

        Raises:
            NoDataError: If the grid extends to where the source CRS has no coordinates.
        """
        middles = [
            axis.ravel()
            for axis in np.meshgrid(
                np.array([0.5, self.grid.width / 2, self.grid.width - 0.5]),
                np.array([0.5, self.grid.height / 2, self.grid.height - 0.5]),
            )
        ]
        stops = [(0, 0), (1, 0), (0, 1)]
        points = [_positions(self.grid, middles[0] + dx, middles[1] + dy) for dx, dy in stops]
        projected = self._project(np.concatenate(points))
        here, right, below = projected.reshape(3, -1, 2)
        return np.stack([right - here, below - here], axis=1)

    @functools.cached_property
    def outline_bounds(self) -> Bounds:
        """Left, bottom, right, top of the outline of the grid in the source CRS.

        Raises:
            NoDataError: If the grid extends to where the source CRS has no coordinates.
        """
        width, height = self.grid.width, self.grid.height
        columns = np.linspace(0, width, min(width, MAX_EDGE_SEGMENTS) + 1)
        rows = np.linspace(0, height, min(height, MAX_EDGE_SEGMENTS) + 1)
        outline = np.concatenate(
            [
                _positions(self.grid, columns, 0 * columns),
                _positions(self.grid, columns, 0 * columns + height),
                _positions(self.grid, 0 * rows, rows),
                _positions(self.grid, 0 * rows + width, rows),
            ]
        )
        x, y = self._project(outline).T
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    @functools.cached_property
    def min_spacing(self) -> float:
        """Smallest distance between neighbouring pixel centres, in units of the source CRS."""
        return float(self._distances.min())

    @functools.cached_property
    def max_spacing(self) -> float:
        """Largest distance between neighbouring pixel centres, in units of the source CRS."""
        return float(self._distances.max())

    @property
    def middle_pixel_size(self) -> tuple[float, float]:
        """Width and height of the pixel in the middle, in units of the source CRS."""
        width, height = np.linalg.norm(self.pixel_vectors[4], axis=1).tolist()
        return width, height

    @property
    def max_pixel_extent(self) -> NDArray[np.float64]:
        """Width and height of the upright box around the largest pixel, in the source CRS."""
        extent: NDArray[np.float64] = np.abs(self.pixel_vectors).sum(axis=1).max(axis=0)
        return extent

    def kernel_scale(self, source_resolution: tuple[float, float]) -> tuple[float, float]:
        """Return how many times wider than its radius the kernel is, along x and y of the source.

        As wide as an output pixel in the middle of the grid, rounded to two figures so that
        neighbouring grids agree.

        Args:
            source_resolution: Width and height of the source's pixels in units of its CRS.
        """
        if self.resampling not in _SCALED_KERNELS:
            return 1.0, 1.0
        across, down = np.linalg.norm(self.pixel_vectors[4], axis=0) / source_resolution
        return max(1.0, float(f"{across:.2g}")), max(1.0, float(f"{down:.2g}"))

    def source_bounds(self, source_resolution: float) -> Bounds:
        """Return the bounds of all source pixels that the pixels of the grid depend on.

        Args:
            source_resolution: Edge of the source's pixels in units of its CRS.

        Returns:
            Left, bottom, right, top in the source CRS.
        """
        scale = self.kernel_scale((source_resolution, source_resolution))
        margin = source_resolution * kernel_radius(self.resampling, scale)
        left, bottom, right, top = self.outline_bounds
        return left - margin, bottom - margin, right + margin, top + margin

    def grow(self, border: int) -> Sampling:
        """Return the sampling of the same grid with pixels added on each side."""
        if not border:
            return self
        grown = self.grid.crop(self.grid.window.grown(border))
        return Sampling(grown, self.source_crs, self.resampling)

    @property
    def _distances(self) -> NDArray[np.float64]:
        distances: NDArray[np.float64] = np.linalg.norm(self.pixel_vectors, axis=2)
        return distances

    def _project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return project_points(points, self.grid.crs, self.source_crs)


def kernel_radius(resampling: Resampling, kernel_scale: tuple[float, float]) -> int:
    """Return how far beyond the output's outline source pixels are read, pixels, plus one."""
    return math.ceil(_KERNEL_RADII.get(resampling, 0) * max(kernel_scale)) + 1


def _positions(
    grid: Grid, columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return coordinates of grid positions, in pixels from the grid's corner; shape (n, 2)."""
    dx, dy = grid.resolution
    return np.column_stack([grid.transform.c + columns * dx, grid.transform.f - rows * dy])
