"""Pixel grids and windows: exact, immutable values; pixels are counted in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.crs import get_unit

Bounds = tuple[float, float, float, float]
Pixels = NDArray[Any]  # of shape (rows, columns)

SNAP_TOLERANCE_PIXELS = 1e-6  # pixels: positions closer than this are equal


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open rectangle of pixels; it may extend beyond the grid that it refers to.

    Attributes:
        column: First column.
        row: First row.
        width: Number of columns, at least 1.
        height: Number of rows, at least 1.
    """

    column: int
    row: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a window needs at least one pixel, not {self.width}x{self.height}")

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.column + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.row + self.height

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as an index into an array of shape (rows, columns)."""
        return slice(self.row, self.bottom), slice(self.column, self.right)

    def shifted(self, columns: int, rows: int) -> Window:
        """Return the window moved by some columns and rows."""
        return Window(self.column + columns, self.row + rows, self.width, self.height)

    def grown(self, border: int) -> Window:
        """Return the window with pixels added on each side; removed if the border is negative."""
        return Window(
            self.column - border,
            self.row - border,
            self.width + 2 * border,
            self.height + 2 * border,
        )

    def intersection(self, other: Window) -> Window | None:
        """Return the pixels that two windows share; None if there are none."""
        column, row = max(self.column, other.column), max(self.row, other.row)
        width = min(self.right, other.right) - column
        height = min(self.bottom, other.bottom) - row
        return Window(column, row, width, height) if width > 0 and height > 0 else None

    def expand_to_blocks(self, width: int, height: int) -> Window:
        """Return the window of all blocks that it touches; blocks start at column 0, row 0.

        Args:
            width: Width of a block, pixels.
            height: Height of a block, pixels.
        """
        left, top = self.column // width * width, self.row // height * height
        right, bottom = -(-self.right // width) * width, -(-self.bottom // height) * height
        return Window(left, top, right - left, bottom - top)

    def split(self, width: int, height: int, column: int = 0, row: int = 0) -> Iterator[Window]:
        """Split the window into blocks, row by row.

        Args:
            width: Width of a block, pixels.
            height: Height of a block, pixels.
            column: Column at which a block starts.
            row: Row at which a block starts.
        """
        for top, bottom in _cuts(self.row, self.bottom, height, row):
            for left, right in _cuts(self.column, self.right, width, column):
                yield Window(left, top, right - left, bottom - top)


def _cuts(start: int, stop: int, step: int, origin: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min(stop, origin + ((start - origin) // step + 1) * step)
        yield start, end
        start = end


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up grid of square or oblong pixels.

    Attributes:
        crs: Coordinate reference system: ``EPSG:n`` if it has a number, else WKT.
        transform: Affine transform from (column, row) of pixel corners to (x, y) in the CRS.
        width: Number of columns.
        height: Number of rows.
    """

    crs: str
    transform: Affine
    width: int
    height: int

    @property
    def window(self) -> Window:
        """Window of the whole grid."""
        return Window(0, 0, self.width, self.height)

    @property
    def resolution(self) -> tuple[float, float]:
        """Width and height of a pixel, both positive, in units of the CRS."""
        return self.transform.a, -self.transform.e

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in units of the CRS."""
        left, top = self.transform.c, self.transform.f
        dx, dy = self.resolution
        return left, top - self.height * dy, left + self.width * dx, top

    def as_dict(self) -> dict[str, Any]:
        """Return the grid as JSON-ready values."""
        return {
            "crs": self.crs,
            "unit": get_unit(self.crs).name,
            "width": self.width,
            "height": self.height,
            "resolution": list(self.resolution),
            "bounds": list(self.bounds),
        }

    def centre(self, column: int, row: int) -> tuple[float, float]:
        """Return the coordinates of the centre of a pixel."""
        dx, dy = self.resolution
        return self.transform.c + (column + 0.5) * dx, self.transform.f - (row + 0.5) * dy

    def touched_by(self, bounds: Bounds) -> Window:
        """Return the window of every pixel that a box touches, not clipped to the grid.

        An edge of the box within 1e-6 pixels of a pixel edge counts as being on it, so a box made
        of pixel edges gives exactly these pixels.

        Args:
            bounds: Left, bottom, right, top in units of the grid's CRS.
        """
        left, bottom, right, top = bounds
        dx, dy = self.resolution
        first_column = math.floor((left - self.transform.c) / dx + SNAP_TOLERANCE_PIXELS)
        first_row = math.floor((self.transform.f - top) / dy + SNAP_TOLERANCE_PIXELS)
        end_column = math.ceil((right - self.transform.c) / dx - SNAP_TOLERANCE_PIXELS)
        end_row = math.ceil((self.transform.f - bottom) / dy - SNAP_TOLERANCE_PIXELS)
        return Window(
            first_column,
            first_row,
            max(end_column - first_column, 1),
            max(end_row - first_row, 1),
        )

    def crop(self, window: Window) -> Grid:
        """Return the grid of a window on this lattice; the window may extend beyond the grid."""
        dx, dy = self.resolution
        left = self.transform.c + window.column * dx
        top = self.transform.f - window.row * dy
        return Grid(self.crs, Affine(dx, 0, left, 0, -dy, top), window.width, window.height)

    def locate(self, other: Grid) -> Window | None:
        """Return the window of another grid on this one's lattice, not clipped.

        Returns:
            Window in pixels of this grid; None if CRS, pixel size or pixel edges differ.
        """
        dx, dy = self.resolution
        odx, ody = other.resolution
        if self.crs != other.crs or abs(odx - dx) * other.width > SNAP_TOLERANCE_PIXELS * dx:
            return None
        if abs(ody - dy) * other.height > SNAP_TOLERANCE_PIXELS * dy:
            return None
        column = (other.transform.c - self.transform.c) / dx
        row = (self.transform.f - other.transform.f) / dy
        if (
            abs(column - round(column)) > SNAP_TOLERANCE_PIXELS
            or abs(row - round(row)) > SNAP_TOLERANCE_PIXELS
        ):
            return None
        return Window(round(column), round(row), other.width, other.height)


def snap_grid(
    crs: str, resolution: float, bounds: Bounds, origin: tuple[float, float] = (0.0, 0.0)
) -> Grid:
    """Return the grid of square pixels that covers a box, aligned to an origin.

    All such grids of one CRS, resolution and origin share one lattice.

    Args:
        crs: Coordinate reference system.
        resolution: Edge of a pixel in units of the CRS.
        bounds: Left, bottom, right, top in units of the CRS. The grid contains every pixel that
            it touches, by the rule of `Grid.touched_by`.
        origin: A point that is a corner of pixels, x and y in units of the CRS.
    """
    x, y = origin
    lattice = Grid(crs, Affine(resolution, 0, x, 0, -resolution, y), 1, 1)
    return lattice.crop(lattice.touched_by(bounds))
