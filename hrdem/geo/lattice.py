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


@dataclass(frozen=True, slots=True)
class Lattice:
    """The endless lattice of a grid, and where on it the grid starts.

    Attributes:
        pixel: Width and height of a pixel, as the decimal number that was written.
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
        """Find the lattice of a grid."""
        width, height = (Fraction(f"{size:.{_SIGNIFICANT_DIGITS}g}") for size in grid.resolution)
        column, right = _locate(grid.transform.c, width)
        row, down = _locate(-grid.transform.f, height)
        return cls((width, height), (right, down), column, row)

    def transform(self, column: int, row: int) -> Affine:
        """Return the affine transform of a window that starts at a pixel of the lattice."""
        (width, height), (right, down) = self.pixel, self.offset
        left, top = float((column + right) * width), float(-(row + down) * height)
        return Affine(float(width), 0, left, 0, -float(height), top)


def _locate(position: float, size: Fraction) -> tuple[int, Fraction]:
    """Return a position in whole pixels from the origin, and the rest."""
    pixels = Fraction(position) / size
    whole = round(pixels)
    if abs(pixels - whole) * size <= size * SNAP_TOLERANCE_PIXELS + 2 * math.ulp(position):
        return whole, Fraction(0)
    whole, rest = divmod(round(pixels * _OFFSET_STEPS), _OFFSET_STEPS)
    return whole, Fraction(rest, _OFFSET_STEPS)
