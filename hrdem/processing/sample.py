"""Sample a local raster at the pixel centres of any grid, by a kernel of one radius.

`hrdem.processing.warp` computes one output from one raster. Here many grids are computed from one,
and a position has the same height in all of them: it depends on the source pixels around it alone.
Nothing is left to GDAL, whose results depend on blocks and versions in the last digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from hrdem.geo.grid import Grid, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.nodata import valid_mask
from hrdem.geo.positions import Positions
from hrdem.geo.resampling import FixedSampling
from hrdem.processing.merged_raster import translate_read_errors

BLOCK_EDGE = 128  # pixels: arrays of a block stay in the processor's cache
MAX_SOURCE_PIXELS = 1 << 20  # around a block, unless it is a single pixel

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SampledRaster:
    """A local raster that is sampled bilinearly, with a kernel of one radius.

    A height is the mean of the source pixels around a position. Their weights fall linearly along
    each axis, to zero at the radius of the kernel; pixels without data have none. There is a height
    only where the pixel at the position itself has data. Several threads can read it at the same
    time.

    Attributes:
        path: The raster, of one band.
        source: Its grid.
        nodata: Its nodata value.
        sampling: Radius of the kernel.
    """

    path: Path
    source: Grid
    nodata: float
    sampling: FixedSampling

    def fill(self, heights: NDArray[np.float32], grid: Grid, window: Window) -> None:
        """Fill the pixels of an array that are NaN, where the raster has data.

        Args:
            heights: Array of shape (window.height, window.width).
            grid: Any grid.
            window: Window of the grid.

        Raises:
            OutputError: If the raster cannot be read.
            NoDataError: If a position has no coordinates in the CRS of the raster.
        """
        positions = Positions.of(grid, window, self.source.crs)
        with translate_read_errors(self.path), rasterio.open(self.path) as dataset:
            for block in window.split(BLOCK_EDGE, BLOCK_EDGE, window.column, window.row):
                part = heights[block.shifted(-window.column, -window.row).slices]
                self._fill_block(dataset, part, positions, block)

    def _fill_block(
        self,
        dataset: DatasetReader,
        heights: NDArray[np.float32],
        positions: Positions,
        block: Window,
    ) -> None:
        empty = np.isnan(heights)
        if not empty.any():
            return
        lattice = Lattice.of(self.source)
        scales = self.sampling.kernel_scale(self.source.resolution)
        x, y = positions.at(block)
        columns, rows = (
            _Taps(along / float(size) - float(offset + Fraction(1, 2)), scale)
            for along, size, offset, scale in zip(
                (x[empty], -y[empty]), lattice.pixel, lattice.offset, scales, strict=True
            )
        )
        left, right = columns.bounds
        top, bottom = rows.bounds
        if (right - left) * (bottom - top) > MAX_SOURCE_PIXELS and block.pixels > 1:
            width, height = -(-block.width // 2), -(-block.height // 2)
            for part in block.split(width, height, block.column, block.row):
                within = part.shifted(-block.column, -block.row).slices
                self._fill_block(dataset, heights[within], positions, part)
            return
        window = Window(left - lattice.column, top - lattice.row, right - left, bottom - top)
        source = self._read(dataset, window)
        if source is not None:
            heights[empty] = _average(source, columns, rows, left, top)

    def _read(self, dataset: DatasetReader, window: Window) -> _Source | None:
        """Read source pixels; None if none of them has data.

        The raster ends where no pixel affects the area that it was merged for.
        """
        shared = window.intersection(self.source.window)
        if shared is None:
            return None
        where = rasterio.windows.Window(shared.column, shared.row, shared.width, shared.height)
        found = dataset.read(1, window=where)
        known = valid_mask(found, self.nodata)
        if not known.any():
            return None
        pixels = np.zeros((window.height, window.width))
        valid = np.zeros(pixels.shape, np.bool_)
        within = shared.shifted(-window.column, -window.row).slices
        valid[within] = known
        np.copyto(pixels[within], found, where=known)
        return _Source(pixels, valid)


@dataclass(frozen=True, slots=True)
class _Source:
    """Source pixels around a block.

    Attributes:
        pixels: Heights, 0 without data; array of shape (rows, columns).
        valid: Which of them have data.
    """

    pixels: Array
    valid: NDArray[np.bool_]

    @property
    def width(self) -> int:
        """Pixels of a row."""
        return int(self.pixels.shape[1])

    def has_void(self, first: Indices, rows: int, columns: int) -> NDArray[np.bool_]:
        """Return whether a pixel without data is among some rows and columns.

        Args:
            first: Index of the first pixel of the first row, in the flattened array.
            rows: Number of rows from there.
            columns: Number of columns from there.
        """
        above = np.zeros((self.valid.shape[0] + 1, self.width + 1), np.int32)  # and to the left
        np.cumsum(np.cumsum(~self.valid, axis=0, dtype=np.int32), axis=1, out=above[1:, 1:])
        corner = first + first // self.width  # rows are longer by one
        below = corner + rows * (self.width + 1)
        flat = above.ravel()
        count = flat[below + columns] - flat[below] - flat[corner + columns] + flat[corner]
        found: NDArray[np.bool_] = count > 0
        return found


@dataclass(frozen=True, slots=True)
class _Taps:
    """The source pixels along one axis that affect each position.

    Attributes:
        places: Positions in pixels of the lattice; centres of pixels are whole numbers.
        scale: Radius of the kernel, pixels.
    """

    places: Array
    scale: float

    @property
    def count(self) -> int:
        """Number of pixels."""
        return math.ceil(2 * self.scale)

    @property
    def first(self) -> Indices:
        """The first pixel."""
        return (np.floor(self.places - self.scale) + 1).astype(np.intp)

    @property
    def nearest(self) -> Indices:
        """The pixel at the position."""
        return np.floor(self.places + 0.5).astype(np.intp)

    @property
    def bounds(self) -> tuple[int, int]:
        """The first pixel of all positions, and the one after the last."""
        ends = np.floor(np.array([self.places.min(), self.places.max()]) - self.scale) + 1
        return int(ends[0]), int(ends[1]) + self.count

    def weigh(self) -> list[Array]:
        """Return the weight of the first pixel, of the next one, and so on."""
        weights = []
        first = np.floor(self.places - self.scale) + 1
        for n in range(self.count):
            weight = np.abs(self.places - (first + n))
            weight /= -self.scale
            weight += 1
            weights.append(np.maximum(weight, 0, out=weight))
        return weights


def _average(
    source: _Source, columns: _Taps, rows: _Taps, left: int, top: int
) -> NDArray[np.float32]:
    """Return the weighted means of source pixels; NaN where the pixel at a position has no data.

    Args:
        source: Source pixels around all positions.
        columns: Those that affect each position, by column of the lattice.
        rows: The same by row.
        left: Column of the lattice of the first source pixel.
        top: Row of the same.
    """
    first = (rows.first - top) * source.width + (columns.first - left)
    across, down = columns.weigh(), rows.weigh()
    total = _sum_taps(source.pixels, first, down, across)
    weight = np.zeros(total.shape)
    of_row = sum(across[1:], across[0])
    for each in down:
        weight += each * of_row
    if not source.valid.all():
        known = source.valid[rows.nearest - top, columns.nearest - left]
        partly = known & source.has_void(first, rows.count, columns.count)
        weight[partly] = _sum_taps(
            source.valid.astype(np.float64),
            first[partly],
            [each[partly] for each in down],
            [each[partly] for each in across],
        )
        weight[~known] = np.nan
    return (total / weight).astype(np.float32)


def _sum_taps(
    pixels: Array, first: Indices, down: Sequence[Array], across: Sequence[Array]
) -> Array:
    """Sum up pixels times their weights, always in the same order.

    Args:
        pixels: Source pixels, array of shape (rows, columns).
        first: Index of the first pixel of each sum, in the flattened array.
        down: Weights of the rows from there, arrays of the shape of ``first``.
        across: Weights of the columns from there.

    Returns:
        Array of the same shape.
    """
    flat = pixels.ravel()
    index = np.empty_like(first)
    total, row, tap = np.zeros(first.shape), np.empty(first.shape), np.empty(first.shape)
    for line, weight in enumerate(down):
        row.fill(0)
        for n, each in enumerate(across):
            np.add(first, line * pixels.shape[1] + n, out=index)
            np.take(flat, index, out=tap, mode="clip")  # unlike "raise", it needs no buffer
            tap *= each
            row += tap
        row *= weight
        total += row
    return total
