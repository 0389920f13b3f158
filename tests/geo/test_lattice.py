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
    counted = lattice.count(lattice.column, lattice.row)  # in units of 2.5 / 4
    assert (counted.c * 0.625, counted.f * 0.625) == pytest.approx((400_001, 5_000_000.5), abs=3e-6)
    shifted = Lattice.of(grid.crop(Window(31, 17, 1, 1)))
    assert shifted.offset == lattice.offset
    assert (shifted.column, shifted.row) == (lattice.column + 31, lattice.row + 17)


def test_nodes_of_single_and_double_spacing_have_equal_positions() -> None:
    """Counted in one unit, without rounding: 0.75, 1.5 and 3 arc seconds, and 6 of them."""
    found = []
    for step in (1, 2, 4, 8):
        size = step * 0.75 / 3600
        west, north = Fraction(-137), Fraction(70)
        half = Fraction(step * 3, 4 * 7200)
        transform = Affine(size, 0, float(west - half), 0, -size, float(north + half))
        lattice = Lattice.of_fractions(Grid("EPSG:4617", transform, 9, 9))
        counted = lattice.count(lattice.column, lattice.row)
        columns = range(0, 16 // step, 1)
        x = {n * step: counted.c + (n + 0.5) * counted.a for n in columns}
        y = {n * step: counted.f + (n + 0.5) * counted.e for n in columns}
        found.append((lattice.unit, x, y))
    unit, x, y = found[0]
    assert x[0] * unit[0] == -137
    assert y[0] * unit[1] == 70
    for other, columns, rows in found[1:]:
        assert other == unit
        assert columns.items() <= x.items()
        assert rows.items() <= y.items()


def test_sizes_that_are_no_simple_fraction_are_decimal_numbers() -> None:
    grid = Grid("EPSG:3979", Affine(0.123456789123, 0, 0, 0, -25, 0), 1, 1)
    assert Lattice.of_fractions(grid).pixel == (Fraction("0.123456789123"), Fraction(25))
