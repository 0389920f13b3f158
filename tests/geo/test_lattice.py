"""Lattices: the same pixel has the same numbers in every window, whatever binary can hold."""

from __future__ import annotations

from fractions import Fraction

import pytest
from affine import Affine

from hrdem.geo.grid import Grid, Window, snap_grid
from hrdem.geo.lattice import Lattice


@pytest.mark.parametrize("resolution", [0.001, 0.1, 1 / 3600, 1.2, 2.7, 12.3456789, 500])
def test_windows_of_a_snapped_grid_are_on_one_lattice(resolution: float) -> None:
    x, y = (2e6, -1e6) if resolution != 1 / 3600 else (-75, 45)
    whole = snap_grid("EPSG:3979", resolution, (x, y, x + resolution, y + resolution))
    first = Lattice.of(whole)
    assert first.offset == (0, 0)
    for columns, rows in [(1, 0), (977, -3_001), (-123_456, 654_321)]:
        part = Lattice.of(whole.crop(Window(columns, rows, 5, 5)))
        assert (part.column, part.row) == (first.column + columns, first.row + rows)
        assert (part.pixel, part.offset) == (first.pixel, first.offset)
        assert part.transform(7, 8) == first.transform(7, 8)


def test_a_resolution_is_the_decimal_number_that_was_written() -> None:
    lattice = Lattice.of(snap_grid("EPSG:3979", 1.2, (0, 0, 12, 12)))
    assert lattice.pixel == (Fraction(6, 5), Fraction(6, 5))
    assert lattice.transform(5, -10) == Affine(1.2, 0, 6, 0, -1.2, 12)
    assert Lattice.of(Grid("EPSG:3979", Affine(1.2000000000000002, 0, 0, 0, -1.2, 0), 1, 1)) == (
        Lattice.of(Grid("EPSG:3979", Affine(1.2, 0, 0, 0, -1.2, 0), 1, 1))
    )


def test_a_lattice_that_misses_the_origin_keeps_its_offset() -> None:
    grid = Grid("EPSG:2961", Affine(2.5, 0, 400_001, 0, -2.5, 5_000_000.5), 10, 10)
    lattice = Lattice.of(grid)
    assert (lattice.column, lattice.row) == (160_000, -2_000_001)
    found = lattice.transform(lattice.column, lattice.row)
    assert found.almost_equals(grid.transform, 3e-6)
    shifted = Lattice.of(grid.crop(Window(31, 17, 1, 1)))
    assert shifted.offset == lattice.offset
    assert (shifted.column, shifted.row) == (lattice.column + 31, lattice.row + 17)
