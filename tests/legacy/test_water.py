"""Water on the grids of products."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import VOID
from hrdem.legacy.lakes import Lakes, make_lattice, measure_lakes
from hrdem.legacy.water import Water

LAND = 999
LAKE = shapely.Point(-129, 59.5).buffer(0.02)
ISLAND = shapely.Point(-129, 59.5).buffer(0.005)
UTM = Grid("EPSG:3156", Affine(25, 0, 497_987.5, 0, -25, 6_599_012.5), 160, 200)
ALBERS = Grid("EPSG:3153", Affine(25, 0, 827_987.5, 0, -25, 1_621_012.5), 160, 200)


def give(*lakes: tuple[shapely.Polygon, int]) -> Lakes:
    polygons = shapely.MultiPolygon([polygon for polygon, _ in lakes])
    heights = np.array([height for _, height in lakes], np.int16)
    return Lakes(polygons, heights, 0, 0, 0, np.zeros(len(lakes), np.int64))


def flatten(
    grid: Grid, lakes: Lakes | None = None, sea: shapely.Geometry | None = None, land: int = LAND
) -> NDArray[np.int16]:
    sea = None if sea is None else shapely.MultiPolygon([sea])
    heights = np.full((grid.height, grid.width), land, np.int16)
    Water.of(lakes, sea, grid).flatten(heights, grid.window)
    return heights


def find_inside(polygon: shapely.Geometry, grid: Grid) -> NDArray[np.bool_]:
    """Nodes inside, by shapely, in longitude and latitude."""
    columns, rows = np.meshgrid(np.arange(grid.width), np.arange(grid.height))
    a, _, left, _, e, top, *_ = grid.transform
    x, y = left + a * (columns + 0.5), top + e * (rows + 0.5)
    lonlat = pyproj.Transformer.from_crs(grid.crs, 4617, always_xy=True).transform(x, y)
    return shapely.contains_xy(polygon, *lonlat)


@pytest.mark.parametrize("grid", [UTM, ALBERS], ids=["utm", "albers"])
def test_a_lake_is_level_and_its_island_keeps_its_heights(grid: Grid) -> None:
    lake = LAKE.difference(ISLAND)
    flat = flatten(grid, give((lake, 612)))
    inside = find_inside(lake, grid)
    assert 1_000 < inside.sum() < inside.size
    np.testing.assert_array_equal(flat, np.where(inside, 612, LAND))


def test_a_lake_has_one_height_in_both_projections() -> None:
    """Measured on the lattice of BC Albers; the heights rise to the east."""

    def read(window: Window) -> NDArray[np.int16]:
        row = np.arange(window.column, window.right) // 10
        return np.tile(row, (window.height, 1)).astype(np.int16)

    lakes = measure_lakes(shapely.MultiPolygon([LAKE]), make_lattice("EPSG:3153", 25), read)
    levels = {int(each) for grid in (UTM, ALBERS) for each in np.unique(flatten(grid, lakes))}
    assert len(levels - {LAND}) == 1


def test_void_nodes_of_water_get_its_height() -> None:
    flat = flatten(UTM, give((LAKE, 612)), land=VOID)
    assert set(np.unique(flat).tolist()) == {VOID, 612}


def test_the_sea_is_0_where_a_lake_overlaps_it_too() -> None:
    west = shapely.box(-130, 59, -129.001, 60)
    flat = flatten(UTM, give((LAKE, 612)), west)
    sea, lake = find_inside(west, UTM), find_inside(LAKE, UTM)
    assert (sea & lake).any()
    np.testing.assert_array_equal(flat, np.where(sea, 0, np.where(lake, 612, LAND)))


def test_a_lake_without_a_height_is_left_as_it_is() -> None:
    other = shapely.box(-129.02, 59.521, -129.01, 59.53)
    flat = flatten(UTM, give((LAKE, VOID), (other, 5)))
    assert not (flat == VOID).any()
    assert (flat == 5).sum() == find_inside(other, UTM).sum() > 0


def test_strips_give_the_same_as_the_whole() -> None:
    lakes = give((LAKE, 612))
    whole = flatten(UTM, lakes)
    water = Water.of(lakes, None, UTM)
    for window in UTM.window.split(160, 7):
        strip = np.full((window.height, window.width), LAND, np.int16)
        water.flatten(strip, window)
        np.testing.assert_array_equal(strip, whole[window.slices])


@pytest.mark.parametrize("west", [-76.0, -66.25, -136.5])
@pytest.mark.parametrize("lake_is_west", [True, False])
def test_cells_agree_on_a_lake_that_ends_on_their_common_profile(
    west: float, lake_is_west: bool
) -> None:
    """Lakes are often cut where sheets meet, exactly on nodes."""
    step = 0.75 / 3600
    edge = west + 0.25
    lake = shapely.box(edge - 0.1 * lake_is_west, 46.1, edge + 0.1 * (not lake_is_west), 46.2)
    cells = [
        flatten(
            Grid(
                "EPSG:4617",
                Affine(step, 0, left - step / 2, 0, -step, 46.25 + step / 2),
                1201,
                1201,
            ),
            give((lake, 100)),
        )
        for left in (west, edge)
    ]
    np.testing.assert_array_equal(cells[0][:, -1], cells[1][:, 0])
    assert (cells[0][:, -1] == 100).sum() == (480 if lake_is_west else 0)
