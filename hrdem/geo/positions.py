"""Positions of the pixels of a grid in another CRS, equal in all grids that share them.

They are interpolated between knots whose places follow from the size of the pixels alone, in whole
numbers from the origin of the CRS. So a position does not depend on the corner or the size of a
grid, nor on the window that it is computed in, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import get_unit
from hrdem.geo.grid import Grid, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.transform import project_points

MAX_KNOT_DISTANCE_METRES = 8_000.0  # a cubic between them is exact to a hundredth of a millimetre

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of the pixel centres of a window.

    Attributes:
        window: The window.
        across: First of the four knots around each column, shape (columns,), and weights of the
            four, shape (4, columns).
        down: The same for each row.
        knots: Coordinates at the knots around the window, shape (2, rows, columns).
    """

    window: Window
    across: tuple[NDArray[np.intp], Array]
    down: tuple[NDArray[np.intp], Array]
    knots: Array

    @classmethod
    def of(cls, grid: Grid, window: Window, crs: str) -> Self:
        """Compute the knots around a window.

        Args:
            grid: Grid in any CRS that counts as NAD83(CSRS), or a linked one.
            window: Window of the grid; it may extend beyond it.
            crs: CRS of the positions, likewise.

        Raises:
            NoDataError: If a position has no coordinates in it.
        """
        lattice = Lattice.of_fractions(grid)
        counted = lattice.count(lattice.column + window.column, lattice.row + window.row)
        metres = get_unit(grid.crs).metres
        x, across = _place_knots(counted.c, counted.a, window.width, lattice.unit[0], metres)
        y, down = _place_knots(counted.f, counted.e, window.height, lattice.unit[1], metres)
        points = np.column_stack([each.ravel() for each in np.meshgrid(x, y)])
        knots = project_points(points, grid.crs, crs).T.reshape(2, len(y), len(x))
        return cls(window, across, down, knots)

    def at(self, window: Window) -> tuple[Array, Array]:
        """Return x and y of the pixel centres of a window inside the first one.

        Returns:
            Arrays of shape (window.height, window.width).
        """
        rows, columns = window.shifted(-self.window.column, -self.window.row).slices
        first_column, across = self.across[0][columns], self.across[1][:, columns]
        first_row, down = self.down[0][rows], self.down[1][:, rows]
        x, y = (_interpolate(knots, first_column, across, first_row, down) for knots in self.knots)
        return x, y


def _place_knots(
    start: float, step: float, count: int, unit: float, metres: float
) -> tuple[Array, tuple[NDArray[np.intp], Array]]:
    """Place knots along an axis.

    Args:
        start: Edge of the first pixel, in units; exact.
        step: Size of a pixel in units, a power of two; negative if pixels run against the axis.
        count: Number of pixels.
        unit: Unit of the axis, in units of the CRS.
        metres: Length of a unit of the CRS, about.

    Returns:
        Coordinates of the knots in the CRS, and `Positions.across` or `Positions.down`.
    """
    distance = 2.0 ** math.floor(math.log2(MAX_KNOT_DISTANCE_METRES / (unit * metres)))
    places = (start + (np.arange(count) + 0.5) * step) / distance
    before = np.floor(places)
    a = places - before + 1  # from the first of four knots, 1 to 2
    b, c, d = a - 1, a - 2, a - 3
    weights = np.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6])
    numbers = np.arange(before.min() - 1, before.max() + 3)
    first = (before - before.min()).astype(np.intp)
    return numbers * distance * unit, (first, weights)


def _interpolate(
    knots: Array,
    first_column: NDArray[np.intp],
    across: Array,
    first_row: NDArray[np.intp],
    down: Array,
) -> Array:
    """Interpolate between knots; terms are added in one order, as a product of matrices is not."""
    known = knots[:, first_column] * across[0]
    for n in (1, 2, 3):
        known += knots[:, first_column + n] * across[n]
    found: Array = known[first_row] * down[0][:, None]
    for n in (1, 2, 3):
        found += known[first_row + n] * down[n][:, None]
    return found
