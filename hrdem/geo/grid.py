"""Pixel grids and windows on them: exact, immutable, whole numbers wherever pixels are counted."""

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

_SAME = 1e-6  # pixels: two positions closer than this are the same position


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels; half-open, may lie outside the grid that it refers to.

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
        """Return the same rectangle, moved."""
        return Window(self.column + columns, self.row + rows, self.width, self.height)

    def grown(self, border: int) -> Window:
        """Return the same rectangle with so many pixels more on each side; fewer if negative."""
        return Window(
            self.column - border,
            self.row - border,
            self.width + 2 * border,
            self.height + 2 * border,
        )

    def intersection(self, other: Window) -> Window | None:
        """Return the pixels that both hold; None if they share no area."""
        column, row = max(self.column, other.column), max(self.row, other.row)
        width = min(self.right, other.right) - column
        height = min(self.bottom, other.bottom) - row
        return Window(column, row, width, height) if width > 0 and height > 0 else None

    def expand_to_blocks(self, width: int, height: int) -> Window:
        """Return the window of all blocks that it touches, of a lattice that begins at 0, 0.

        Args:
            width: Of a block, pixels.
            height: Likewise.
        """
        left, top = self.column // width * width, self.row // height * height
        right, bottom = -(-self.right // width) * width, -(-self.bottom // height) * height
        return Window(left, top, right - left, bottom - top)

    def split(self, width: int, height: int, column: int = 0, row: int = 0) -> Iterator[Window]:
        """Cut into rectangles at the lines of a lattice, row by row.

        Args:
            width: Distance of the vertical lines, pixels.
            height: Distance of the horizontal lines, pixels.
            column: A column at which a vertical line lies.
            row: A row at which a horizontal line lies.
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
        crs: Coordinate reference system, as ``EPSG:n`` where it has a number, else as WKT.
        transform: From (column, row) of pixel corners to (x, y) in units of the CRS.
        width: Columns.
        height: Rows.
    """

    crs: str
    transform: Affine
    width: int
    height: int

    @property
    def window(self) -> Window:
        """All of it."""
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
        """Return the window of every pixel that a box touches, on this lattice but unclipped.

        A box edge within 1e-6 of a pixel of a pixel edge counts as lying on it, so that a box
        given by pixel edges is exactly these pixels.

        Args:
            bounds: Left, bottom, right, top in units of the grid's CRS.
        """
        left, bottom, right, top = bounds
        dx, dy = self.resolution
        first_column = math.floor((left - self.transform.c) / dx + _SAME)
        first_row = math.floor((self.transform.f - top) / dy + _SAME)
        end_column = math.ceil((right - self.transform.c) / dx - _SAME)
        end_row = math.ceil((self.transform.f - bottom) / dy - _SAME)
        return Window(
            first_column,
            first_row,
            max(end_column - first_column, 1),
            max(end_row - first_row, 1),
        )

    def crop(self, window: Window) -> Grid:
        """Return the grid of a window of this lattice; the window may reach beyond the grid."""
        dx, dy = self.resolution
        left = self.transform.c + window.column * dx
        top = self.transform.f - window.row * dy
        return Grid(self.crs, Affine(dx, 0, left, 0, -dy, top), window.width, window.height)

    def locate(self, other: Grid) -> Window | None:
        """Return where another grid lies on this one's lattice, unclipped.

        Returns:
            The window that the other grid fills, counted in this grid's pixels; None if CRS or
            pixel size differ or its pixels are not this lattice's pixels.
        """
        dx, dy = self.resolution
        odx, ody = other.resolution
        if self.crs != other.crs or abs(odx - dx) * other.width > _SAME * dx:
            return None
        if abs(ody - dy) * other.height > _SAME * dy:
            return None
        column = (other.transform.c - self.transform.c) / dx
        row = (self.transform.f - other.transform.f) / dy
        if abs(column - round(column)) > _SAME or abs(row - round(row)) > _SAME:
            return None
        return Window(round(column), round(row), other.width, other.height)


def snap_grid(crs: str, resolution: float, bounds: Bounds) -> Grid:
    """Return the grid of square pixels that covers a box, its origin on multiples of their size.

    Grids of one CRS and resolution share one lattice, whatever their areas.

    Args:
        crs: Coordinate reference system.
        resolution: Edge of a pixel in units of the CRS.
        bounds: Left, bottom, right, top in units of the CRS; every pixel that it touches is in
            the grid, by the rule of `Grid.touched_by`.
    """
    lattice = Grid(crs, Affine(resolution, 0, 0, 0, -resolution, 0), 1, 1)
    return lattice.crop(lattice.touched_by(bounds))
