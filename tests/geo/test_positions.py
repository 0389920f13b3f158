"""Positions of pixels: those of PROJ, and the same numbers in every grid and window."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer

from hrdem.geo.grid import Grid, Window
from hrdem.geo.positions import Positions

NATIVE = "EPSG:3979"


def make_node_grid(west: int, north: int, step: int, columns: int, rows: int) -> Grid:
    """Return nodes that are ``step`` times 0.75 arc seconds apart, the first at a whole degree."""
    size = Fraction(3 * step, 4 * 3600)
    left, top = float(west - size / 2), float(north + size / 2)
    return Grid("EPSG:4617", Affine(float(size), 0, left, 0, -float(size), top), columns, rows)


GRIDS = {
    "Albers": Grid("EPSG:3005", Affine(25, 0, 769_762.5, 0, -25, 1_675_137.5), 4_745, 4_659),
    "UTM": Grid("EPSG:3155", Affine(25, 0, 555_512.5, 0, -25, 6_655_487.5), 4_683, 4_611),
    "degrees": make_node_grid(-76, 46, 1, 2_401, 1_201),
    "degrees, far north": make_node_grid(-64, 84, 4, 2_401, 1_201),
    "large pixels": Grid("EPSG:3347", Affine(20_000, 0, 4e6, 0, -20_000, 3e6), 60, 50),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("crs", [NATIVE, "EPSG:4617"])
def test_positions_are_those_of_proj(name: str, crs: str) -> None:
    """Within 0.05 mm."""
    grid = GRIDS[name]
    window = Window(grid.width // 3, grid.height // 2, 20, 15)
    found = np.stack(Positions.of(grid, grid.window, crs).at(window))
    corner = grid.transform
    x = corner.c + (window.column + np.arange(20) + 0.5) * corner.a
    y = corner.f + (window.row + np.arange(15) + 0.5) * corner.e
    project = Transformer.from_crs(grid.crs.replace("3005", "3153"), crs, always_xy=True).transform
    expected = np.stack(project(*np.meshgrid(x, y)))
    assert found.shape == (2, 15, 20)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5 if crs == NATIVE else 5e-10)


@pytest.mark.parametrize("name", GRIDS)
def test_positions_are_equal_in_all_windows_and_grids(name: str) -> None:
    grid = GRIDS[name]
    window = Window(grid.width - 50, 5, 40, 30)
    whole = np.stack(Positions.of(grid, grid.window, NATIVE).at(window))
    alone = np.stack(Positions.of(grid, window, NATIVE).at(window))
    other = grid.crop(Window(grid.width - 57, 2, 57, 45))
    moved = np.stack(Positions.of(other, other.window, NATIVE).at(Window(7, 3, 40, 30)))
    np.testing.assert_array_equal(alone, whole)
    np.testing.assert_array_equal(moved, whole)


@pytest.mark.parametrize("step", [2, 4])
def test_positions_are_equal_on_lattices_of_single_and_double_spacing(step: int) -> None:
    """As at 68 N, where profiles are 0.75 arc seconds apart to the south, 1.5 to the north."""
    fine, coarse = make_node_grid(-101, 68, 1, 4_801, 9), make_node_grid(-101, 68, step, 1_200, 2)
    found = np.stack(Positions.of(coarse, coarse.window, NATIVE).at(coarse.window))
    expected = np.stack(Positions.of(fine, fine.window, NATIVE).at(fine.window))
    shared = expected[:, ::step, ::step][:, :2, :1_200]
    np.testing.assert_array_equal(found, shared)
