"""Resampling: kernels, and the source pixels that the pixels of a grid depend on."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.crs import get_unit
from hrdem.geo.grid import Bounds, Grid, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.transform import project_points

MAX_CELL_EDGE = 4096  # pixels
MIN_CELL_EDGE = 16  # pixels, whatever they measure: each cell is opened as a raster of its own
MAX_CELL_EDGE_METRES = 100_000.0
MAX_EDGE_SEGMENTS = 10_000  # of each edge of a grid: one of 5000 km then bulges by a centimetre
EDGE_SEGMENT_METRES = 250.0  # shorter ones bulge by less


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
_MIN_UNIT_SCALE = 0.85  # of a CRS: pixels of 1 m are at least 0.85 m in EPSG:3979
_SCALE_DECIMALS = 6  # of a ratio of pixel sizes; the rest is noise of the projection


@dataclass(frozen=True, slots=True)
class FixedSampling:
    """A level and a kernel that are constants of a product, whatever grid is computed.

    Otherwise both follow from the grid, and neighbouring sheets differ at their common edge.

    Attributes:
        max_source_pixel: Edge of the largest source pixel that may be read, metres.
        kernel_radius: Distance along each axis of the source at which a pixel's weight falls to
            zero, metres; a source pixel if that is larger.
    """

    max_source_pixel: float
    kernel_radius: float

    def kernel_scale(self, source_resolution: tuple[float, float]) -> tuple[float, float]:
        """Return the radius of the kernel in source pixels along x and y, at least 1.

        Args:
            source_resolution: Width and height of the source's pixels, metres.
        """
        across, down = (max(1.0, self.kernel_radius / size) for size in source_resolution)
        return across, down

    def margin(self, source_resolution: float) -> float:
        """Return how far around an area source pixels are read, metres; rounded up generously.

        Args:
            source_resolution: Edge of the source's pixels, metres.
        """
        return max(self.kernel_radius, source_resolution) + 2 * source_resolution


@dataclass(frozen=True, slots=True)
class Cell:
    """A square of output pixels that are computed from the same numbers in every grid.

    Cells start at multiples of their edge, measured from the origin of the CRS. A pixel's position
    and kernel follow from its cell, so they do not depend on the grid that is requested.

    Attributes:
        window: Pixels of the cell, on the grid; it may extend beyond it.
        part: Pixels of the cell that are wanted, on the grid.
        transform: Affine transform from (column, row) in the cell to the grid's CRS.
        pixel_size: Width and height of the pixel in its middle along the axes of the source CRS.
    """

    window: Window
    part: Window
    transform: Affine
    pixel_size: tuple[float, float]


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
        across, down = (
            min(count, MAX_EDGE_SEGMENTS, math.ceil(count * size / EDGE_SEGMENT_METRES))
            for count, size in zip((width, height), self._pixel_metres, strict=True)
        )
        columns, rows = np.linspace(0, width, across + 1), np.linspace(0, height, down + 1)
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

    @property
    def nominal_spacing(self) -> float:
        """The smallest distance, rounded so that grids of one CRS and pixel size agree, metres.

        It is the size of a pixel times the scale of its CRS against that of the source. A scale
        from 0.85 counts as 1: that of a projection for a province or a zone changes by a few
        percent. Below, each band from 0.85 times a power of the square root of 2 counts as that
        power: for longitude and latitude, bands end near 53, 64, 72, 78 and 82 degrees north.
        """
        size = min(self.grid.resolution) * get_unit(self.grid.crs).metres
        steps = math.ceil(2 * math.log2(_MIN_UNIT_SCALE * size / self.min_spacing))
        return size * math.sqrt(2.0) ** -max(0, steps)

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

    def cells(self, window: Window) -> Iterator[Cell]:
        """Return the cells that a window touches.

        Args:
            window: Window of the grid.

        Raises:
            NoDataError: If a cell extends to where the source CRS has no coordinates.
        """
        lattice, edge, sizes = self._lattice, self._cell_edge, self._cell_pixel_sizes
        first_column, first_row = lattice.column // edge, lattice.row // edge
        for part in window.split(edge, edge, -lattice.column, -lattice.row):
            column, row = part.column + lattice.column, part.row + lattice.row
            across, down = sizes[row // edge - first_row, column // edge - first_column].tolist()
            column, row = column // edge * edge, row // edge * edge
            yield Cell(
                Window(column - lattice.column, row - lattice.row, edge, edge),
                part,
                lattice.transform(column, row),
                (across, down),
            )

    def kernel_scale(
        self, pixel_size: tuple[float, float], source_resolution: tuple[float, float]
    ) -> tuple[float, float]:
        """Return how many times wider than its radius a kernel is, along x and y of the source.

        As wide as an output pixel, rounded to two figures.

        Args:
            pixel_size: Width and height of the output pixel along the axes of the source CRS.
            source_resolution: Width and height of the source's pixels in units of its CRS.
        """
        if self.resampling not in _SCALED_KERNELS:
            return 1.0, 1.0
        across, down = (
            max(1.0, float(f"{round(size / pixel, _SCALE_DECIMALS):.2g}"))
            for size, pixel in zip(pixel_size, source_resolution, strict=True)
        )
        return across, down

    def max_kernel_scale(self, source_resolution: tuple[float, float]) -> tuple[float, float]:
        """Return the largest kernel scale of any cell.

        Args:
            source_resolution: Width and height of the source's pixels in units of its CRS.

        Raises:
            NoDataError: If a cell extends to where the source CRS has no coordinates.
        """
        if self.resampling not in _SCALED_KERNELS:
            return 1.0, 1.0
        across, down = self._cell_pixel_sizes.max(axis=(0, 1)).tolist()
        return self.kernel_scale((across, down), source_resolution)

    def source_bounds(self, source_resolution: float) -> Bounds:
        """Return the bounds of all source pixels that the pixels of the grid depend on.

        Args:
            source_resolution: Edge of the source's pixels in units of its CRS.

        Returns:
            Left, bottom, right, top in the source CRS.
        """
        scale = self.max_kernel_scale((source_resolution, source_resolution))
        margin = source_resolution * kernel_radius(self.resampling, scale)
        left, bottom, right, top = self.outline_bounds
        return left - margin, bottom - margin, right + margin, top + margin

    def grow(self, border: int) -> Sampling:
        """Return the sampling of the same grid with pixels added on each side."""
        if not border:
            return self
        grown = self.grid.crop(self.grid.window.grown(border))
        return Sampling(grown, self.source_crs, self.resampling)

    @functools.cached_property
    def _lattice(self) -> Lattice:
        return Lattice.of(self.grid)

    @property
    def _pixel_metres(self) -> tuple[float, float]:
        """Width and height of a pixel in metres; about, where degrees are the unit."""
        width, height = self.grid.resolution
        metres = get_unit(self.grid.crs).metres
        return width * metres, height * metres

    @functools.cached_property
    def _cell_edge(self) -> int:
        """Edge of a cell, pixels: a power of two; it depends on CRS and pixel size alone."""
        fitting = int(MAX_CELL_EDGE_METRES / max(self._pixel_metres)) or 1
        return min(max(1 << (fitting.bit_length() - 1), MIN_CELL_EDGE), MAX_CELL_EDGE)

    @functools.cached_property
    def _cell_pixel_sizes(self) -> NDArray[np.float64]:
        """Size of the pixel in the middle of each cell along x and y of the source CRS.

        Array of shape (rows, columns, 2), in units of the source CRS.
        """
        lattice, edge = self._lattice, self._cell_edge
        columns = np.arange(
            lattice.column // edge, (lattice.column + self.grid.width - 1) // edge + 1
        )
        rows = np.arange(lattice.row // edge, (lattice.row + self.grid.height - 1) // edge + 1)
        pixel = lattice.transform(0, 0)
        middles = np.meshgrid(columns * edge + edge // 2, rows * edge + edge // 2)
        stops = [(0, 0), (1, 0), (0, 1)]
        x = pixel.c + np.stack([middles[0] + right for right, _ in stops]) * pixel.a
        y = pixel.f + np.stack([middles[1] + below for _, below in stops]) * pixel.e
        points = np.column_stack([x.ravel(), y.ravel()])
        here, right, below = self._project(points).reshape(3, len(rows), len(columns), 2)
        sizes: NDArray[np.float64] = np.hypot(right - here, below - here)
        return sizes

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
