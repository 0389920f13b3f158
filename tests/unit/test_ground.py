"""Sizes on the ground: a degree of longitude is no degree of latitude."""

from __future__ import annotations

import math

import pytest
from affine import Affine

from hrdem.grid import Grid
from hrdem.ground import grid_of_box, pixel_sizes


def test_a_degree_square_at_60_north_is_half_as_wide_as_tall() -> None:
    grid = grid_of_box((-100, 60, -99, 61), "EPSG:4326", 1000)
    assert grid.height == 1000
    assert grid.width == pytest.approx(1000 * math.cos(math.radians(60.5)), abs=3)
    assert grid.bounds == pytest.approx((-100, 60, -99, 61))
    assert grid.crs == "EPSG:4326"


@pytest.mark.parametrize(
    ("box", "size"),
    [((0, 0, 2000, 1000), (64, 32)), ((0, 0, 1000, 3000), (21, 64)), ((0, 0, 9000, 10), (64, 1))],
)
def test_the_longer_edge_has_the_size_and_the_other_at_least_a_pixel(box, size) -> None:
    grid = grid_of_box(box, "EPSG:3979", 64)
    assert (grid.width, grid.height) == size


def test_a_crs_is_called_by_its_number_if_it_has_one() -> None:
    assert grid_of_box((440_000, 5_020_000, 446_000, 5_024_000), "epsg:2959", 64).crs == "EPSG:2959"
    assert grid_of_box((-76, 45, -75, 46), "OGC:CRS84", 64).crs == "OGC:CRS84"


def test_pixels_of_degrees_shrink_towards_the_pole() -> None:
    grid = Grid("EPSG:4326", Affine(0.01, 0, -96, 0, -0.01, 62), 200, 2000)
    width, height = pixel_sizes(grid)
    assert width.shape == height.shape == (2000, 1)
    expected = math.cos(math.radians(62)) / math.cos(math.radians(42))
    scale = height[0, 0] / height[-1, 0]  # of the projection, which is the same both ways
    assert width[0, 0] / width[-1, 0] / scale == pytest.approx(expected, rel=3e-3)
    assert width[1000, 0] == pytest.approx(1113.2 * math.cos(math.radians(52)), rel=0.04)


def test_pixels_of_metres_are_what_they_are() -> None:
    width, height = pixel_sizes(Grid("EPSG:3979", Affine(2, 0, 0, 0, -3, 0), 5, 4))
    assert (width == 2).all()
    assert (height == 3).all()
