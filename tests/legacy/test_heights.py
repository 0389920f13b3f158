"""Heights of the older products: what is requested, and whole metres in CGVD28."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from hrdem.errors import RequestError
from hrdem.geo.datum import link_crs
from hrdem.geo.grid import Grid, Window
from hrdem.geo.resampling import FixedSampling
from hrdem.legacy.heights import make_height_request, shift_to_cgvd28, to_cgvd28
from hrdem.processing.vertical.shift_grid import ShiftGrid

CDED_50K = FixedSampling(max_source_pixel=8, kernel_radius=23.2)
LONLAT = "EPSG:4617"
VOID = -32767  # CDED 2.1, 2.8.3


def make_node_grid(
    west: float, south: float, width: float, height: float, spacing: tuple[float, float]
) -> Grid:
    """Return the grid whose pixel centres are nodes, from a corner node and sizes in degrees."""
    dx, dy = (Fraction(each) / 3600 for each in spacing)  # arc seconds
    columns, rows = int(Fraction(width) / dx) + 1, int(Fraction(height) / dy) + 1
    left, top = Fraction(west) - dx / 2, Fraction(south) + Fraction(height) + dy / 2
    transform = Affine(float(dx), 0, float(left), 0, -float(dy), float(top))
    return Grid(LONLAT, transform, columns, rows)


def make_shift_grid(millimetres: NDArray[np.float32]) -> ShiftGrid:
    """Return differences at nodes every 2 minutes from 76 W 46 N to the south-east."""
    transform = Affine(1 / 30, 0, -76 - 1 / 60, 0, -1 / 30, 46 + 1 / 60)
    return ShiftGrid(Path("shift.tif"), "0" * 64, transform, millimetres, 0.001, 0.0)


LEVEL_SHIFTS = make_shift_grid(np.full((4, 4), 250, np.float32))


def test_halves_of_a_metre_are_rounded_up() -> None:
    grid = make_node_grid(-76, 45.95, 0.01, 0.05, (0.75, 0.75))
    heights = np.array([[-1.75, -0.76, -0.75, 0.24, 0.25, 11.25, np.nan]], np.float32)
    found, unknown = to_cgvd28(heights, grid, Window(3, 5, 7, 1), LEVEL_SHIFTS)
    assert found.dtype == np.int16
    assert found.tolist() == [[-1, -1, 0, 0, 1, 12, VOID]]
    assert not unknown.any()


def test_nodes_without_a_shift_are_void_and_told_apart() -> None:
    stored = np.full((4, 4), 250, np.float32)
    stored[:, 1] = np.nan  # at 75 58' W: unknown from 76 W, which has it itself, to 75 56'
    grid = make_node_grid(-76, 45.95, 0.1, 0.05, (60, 60))
    heights = np.full((1, 7), 10, np.float32)
    heights[0, 2] = np.nan
    found, unknown = to_cgvd28(heights, grid, Window(0, 0, 7, 1), make_shift_grid(stored))
    assert found.tolist() == [[10, VOID, VOID, VOID, 10, 10, 10]]
    assert unknown.tolist() == [[False, True, False, True, False, False, False]]


def test_shifts_are_interpolated_between_longitudes_and_latitudes() -> None:
    """On a UTM grid: at each pixel the four nodes around it, weighted by hand."""
    columns, rows = np.meshgrid(np.arange(4.0), np.arange(4.0))
    shifts = make_shift_grid((400 * columns * rows + 300 * columns).astype(np.float32))
    grid = Grid("EPSG:2959", Affine(25, 0, 425_012.5, 0, -25, 5_090_012.5), 100, 100)
    x, y = 425_025 + 25.0 * np.arange(100), 5_090_000 - 25.0 * np.arange(100)
    project = Transformer.from_crs("EPSG:2959", LONLAT, always_xy=True).transform
    lon, lat = project(*np.meshgrid(x, y))
    east, south = (lon + 76) * 30, (46 - lat) * 30
    heights = np.full(east.shape, 7, np.float32)
    found, _ = to_cgvd28(heights, grid, grid.window, shifts)
    expected = np.floor(7 + 0.4 * east * south + 0.3 * east + 0.5)
    assert {*np.unique(expected)} == {8, 9}
    np.testing.assert_array_equal(found, expected)


def test_shifts_are_those_of_the_place_on_another_datum_too() -> None:
    """A datum whose origin lies 2 km off: longitudes differ by a fifth of a step of the shifts."""
    crs = "+proj=longlat +ellps=GRS80 +towgs84=0,2000,0 +no_defs +type=crs"
    grid = Grid(crs, Affine(1 / 600, 0, -75.95, 0, -1 / 600, 45.98), 20, 10)
    linked = replace(grid, crs=link_crs(crs, grid.bounds, crs))
    shifts = make_shift_grid(np.tile(np.arange(4, dtype=np.float32) * 900, (4, 1)))
    lon = -75.95 + (np.arange(20) + 0.5) / 600
    lat = 45.98 - (np.arange(10)[:, None] + 0.5) / 600
    helmert = Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        "+step +proj=cart +ellps=GRS80 +step +proj=helmert +y=2000 "
        "+step +inv +proj=cart +ellps=GRS80 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    east = (helmert.transform(*np.broadcast_arrays(lon, lat))[0] + 76) * 30
    found = shift_to_cgvd28(np.zeros((10, 20), np.float32), linked, linked.window, shifts)
    assert (lon[0] + 76) * 30 - east[0, 0] < -0.15
    np.testing.assert_allclose(found, 0.9 * east, atol=1e-5)


def test_a_height_request_reads_all_collections_inside_the_area() -> None:
    area = shapely.box(-76, 45, -75.9, 45.1)
    request = make_height_request(area, CDED_50K)
    assert [tier.name for tier in request.tiers] == ["1m", "2m", "30m"]
    assert (request.product.name, request.crop, request.sampling) == ("dtm", True, CDED_50K)
    assert request.aoi.crs == LONLAT
    only = make_height_request(area, CDED_50K, collection="2m", fill="30m", via="cog")
    assert [tier.name for tier in only.tiers] == ["2m", "30m"]


@pytest.mark.parametrize(
    ("given", "tiers"),
    [
        ({}, ["1m", "2m", "30m"]),
        ({"fill": None}, ["1m", "2m", "30m"]),
        ({"fill": ""}, ["1m"]),
        ({"collection": "2m"}, ["2m", "30m"]),
        ({"collection": "30m"}, ["30m"]),
        ({"via": "wcs"}, ["1m"]),
    ],
)
def test_what_is_coarser_fills_by_default(
    given: dict, tiers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The WCS has one collection."""
    request = make_height_request(shapely.box(-76.5, 46, -76, 46.25), CDED_50K, **given)
    assert [tier.name for tier in request.tiers] == tiers
    assert not caplog.records


def test_a_height_request_refuses_to_read_full_resolution() -> None:
    """Sheets would take gigabytes, and not match those that are made from overviews."""
    with pytest.raises(RequestError, match=r"`via=vrt` reads full resolution\. Leave it out\.$"):
        make_height_request(shapely.box(-76, 45, -75.9, 45.1), CDED_50K, via="vrt")
