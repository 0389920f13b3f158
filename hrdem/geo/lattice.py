"""Lattices: exact positions of pixels, measured from the origin of the CRS.

Two windows of one lattice have other corners, and floating-point arithmetic from other corners
rounds otherwise. Counted in whole pixels from the origin, a pixel has the same number and the same
coordinates in every window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from affine import Affine

from hrdem.geo.grid import SNAP_TOLERANCE_PIXELS, Grid

_OFFSET_STEPS = 2**20  # in a pixel: lattices that are nearer to each other are one
_SIGNIFICANT_DIGITS = 15  # of a pixel's size: all that a float holds of a decimal number
_MAX_DENOMINATOR = 10**6  # of a size meant as a fraction: 0.75 arc seconds are 1/4800 degree


@dataclass(frozen=True, slots=True)
class Lattice:
    """The endless lattice of a grid, and where on it the grid starts.

    Attributes:
        pixel: Width and height of a pixel, as the number that was written.
        offset: Corner of pixel 0, 0 from the origin of the CRS, to the right and downwards, in
            pixels: from 0 up to 1.
        column: Column of the grid's upper left corner.
        row: Row of the grid's upper left corner; rows are counted downwards.
    """

    pixel: tuple[Fraction, Fraction]
    offset: tuple[Fraction, Fraction]
    column: int
    row: int

    @classmethod
    def of(cls, grid: Grid) -> Lattice:
        """Find the lattice of a grid whose pixel size was written as a decimal number."""
        width, height = (Fraction(f"{size:.{_SIGNIFICANT_DIGITS}g}") for size in grid.resolution)
        return cls._of_size(grid, width, height)

    @classmethod
    def of_fractions(cls, grid: Grid) -> Lattice:
        """Find the lattice of a grid whose pixel size may be a fraction, such as 1/4800 degree."""
        width, height = (_find_fraction(size) for size in grid.resolution)
        return cls._of_size(grid, width, height)

    @classmethod
    def _of_size(cls, grid: Grid, width: Fraction, height: Fraction) -> Lattice:
        column, right = _locate(grid.transform.c, width)
        row, down = _locate(-grid.transform.f, height)
        return cls((width, height), (right, down), column, row)

    def transform(self, column: int, row: int) -> Affine:
        """Return the affine transform of a window that starts at a pixel of the lattice."""
        (width, height), (right, down) = self.pixel, self.offset
        left, top = float((column + right) * width), float(-(row + down) * height)
        return Affine(float(width), 0, left, 0, -float(height), top)

    @property
    def unit(self) -> tuple[float, float]:
        """Units along x and y in which `count` counts: a pixel's size times a power of two.

        Lattices of pixels of single, double and fourfold size have the same units.
        """
        width, height = (math.frexp(float(size))[0] for size in self.pixel)
        return width, height

    def count(self, column: int, row: int) -> Affine:
        """Return the transform of a window to positions counted in units, all of them exact."""
        across, down = (2.0 ** math.frexp(float(size))[1] for size in self.pixel)
        left, top = float(column + self.offset[0]) * across, -float(row + self.offset[1]) * down
        return Affine(across, 0, left, 0, -down, top)


def _find_fraction(size: float) -> Fraction:
    """Return the simple fraction that a size was rounded from, or the decimal number."""
    simple = Fraction(size).limit_denominator(_MAX_DENOMINATOR)
    if abs(simple - Fraction(size)) <= Fraction(math.ulp(size)):
        return simple
    return Fraction(f"{size:.{_SIGNIFICANT_DIGITS}g}")


def _locate(position: float, size: Fraction) -> tuple[int, Fraction]:
    """Return a position in whole pixels from the origin, and the rest."""
    pixels = Fraction(position) / size
    whole = round(pixels)
    if abs(pixels - whole) * size <= size * SNAP_TOLERANCE_PIXELS + 2 * math.ulp(position):
        return whole, Fraction(0)
    whole, rest = divmod(round(pixels * _OFFSET_STEPS), _OFFSET_STEPS)
    return whole, Fraction(rest, _OFFSET_STEPS)
