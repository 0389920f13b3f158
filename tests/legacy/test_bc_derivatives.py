"""Slope, aspect and hillshade of BC Gridded DEM: by hand, by formulas, by gdaldem."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.derivatives import (
    compute_aspect,
    compute_hillshade,
    compute_rise,
    compute_slope_degrees,
    compute_slope_percent,
)
from tests.gdaldem import needs_gdaldem

NORTH = 2.4281  # 104P, BC Albers


def surround(centre: int, west: int, east: int, north: int, south: int) -> NDArray[np.int16]:
    return np.array([[0, north, 0], [west, centre, east], [0, south, 0]], np.int16)


def make_hills(rows: int, columns: int, seed: int = 4) -> NDArray[np.int16]:
    """Rough hills with cliffs, in whole metres."""
    rng = np.random.default_rng(seed)
    x, y = np.arange(columns) / 9, np.arange(rows)[:, None] / 7
    hills = 900 + 300 * np.sin(x) * np.cos(y) + 60 * np.sin(3 * x + 2 * y)
    return np.rint(hills + rng.normal(0, 6, (rows, columns))).astype(np.int16)


def test_the_worked_example() -> None:
    """N 110, W 100, E 114, S 102: dx 14, dy 8; tangent 0.322490."""
    rise = compute_rise(surround(105, 100, 114, 110, 102))
    assert compute_slope_percent(rise).tolist() == [[32]]
    assert compute_slope_degrees(rise).tolist() == [[18]]  # 17.874
    assert compute_aspect(rise, 0).tolist() == [[240]]  # 240.255
    assert compute_aspect(rise, NORTH).tolist() == [[238]]  # 237.827
    assert compute_hillshade(rise, 315).tolist() == [[186]]  # 186.44
    assert compute_hillshade(rise, 225).tolist() == [[225]]  # 225.12


@pytest.mark.parametrize(
    ("east", "north", "percent", "degrees", "aspect"),
    [
        (0, 0, 0, 0, -1),
        (1, 0, 2, 1, -1),  # 1.146 degrees
        (1, 1, 3, 2, -1),  # 1.620 degrees, which rounds to 2
        (2, 0, 4, 2, 270),  # 2.291 degrees: it faces west
        (-2, 0, 4, 2, 90),
        (0, 2, 4, 2, 180),
        (0, -2, 4, 2, 0),
        (50, 0, 100, 45, 270),
        (0, -4000, 8000, 89, 0),
    ],
)
def test_ground_of_less_than_two_degrees_faces_nowhere(
    east: int, north: int, percent: int, degrees: int, aspect: int
) -> None:
    rise = compute_rise(surround(0, 0, east, north, 0))
    assert compute_slope_percent(rise)[0, 0] == percent
    assert compute_slope_degrees(rise)[0, 0] == degrees
    assert compute_aspect(rise, 0)[0, 0] == aspect


@pytest.mark.parametrize(("north", "aspect"), [(0.3, 0), (-0.3, 0), (0.6, 359), (-10.52, 11)])
def test_aspects_around_north(north: float, aspect: int) -> None:
    rise = compute_rise(surround(0, 0, 0, -20, 0))
    assert compute_aspect(rise, north)[0, 0] == aspect


def test_level_ground_has_brightness_181() -> None:
    assert compute_hillshade(compute_rise(surround(7, 7, 7, 7, 7)), 315)[0, 0] == 181


def test_the_shady_side_of_a_cliff_is_not_black() -> None:
    faces_south_east = compute_rise(surround(0, 4000, 0, 4000, 0))
    assert compute_hillshade(faces_south_east, 315)[0, 0] == 1


def test_no_height_overflows() -> None:
    """Damaged sources have spikes; a spike beside a void counts twice."""
    spike = compute_rise(surround(-32766, VOID, 32767, 32767, VOID))
    assert compute_slope_percent(spike)[0, 0] == 32767
    assert compute_slope_degrees(spike)[0, 0] == 90
    assert compute_aspect(spike, 0)[0, 0] == 225


@pytest.mark.parametrize("azimuth", [315, 225])
def test_every_pixel_follows_the_formulas(azimuth: int) -> None:
    """Normals as cross products of the vectors between neighbours, pixel by pixel."""
    heights = make_hills(22, 31)
    rise = compute_rise(heights)
    percent, degrees = compute_slope_percent(rise), compute_slope_degrees(rise)
    aspect, shade = compute_aspect(rise, NORTH), compute_hillshade(rise, azimuth)
    sun = np.array([math.sin(math.radians(azimuth)), math.cos(math.radians(azimuth)), 1])
    sun[:2] *= math.cos(math.radians(45))
    sun[2] = math.sin(math.radians(45))
    z = heights.astype(float)
    for row in range(20):
        for column in range(29):
            across = np.array([50, 0, z[row + 1, column + 2] - z[row + 1, column]])
            along = np.array([0, 50, z[row, column + 1] - z[row + 2, column + 1]])
            normal = np.cross(across, along)
            tangent = math.hypot(*normal[:2]) / normal[2]
            assert percent[row, column] == math.floor(100 * tangent + 0.5)
            slope = math.degrees(math.atan(tangent))
            assert degrees[row, column] == math.floor(slope + 0.5)
            faces = math.degrees(math.atan2(normal[0], normal[1])) - NORTH
            expected = -1 if slope < 2 else math.floor(faces % 360 + 0.5) % 360
            assert aspect[row, column] == expected
            shine = max(0, normal @ sun / math.sqrt(normal @ normal))
            assert shade[row, column] == math.floor(1 + 254 * shine + 0.5)


@needs_gdaldem
@pytest.mark.slow
def test_gdaldem_computes_the_same(tmp_path: Path) -> None:
    heights = make_hills(600, 602)
    dem = tmp_path / "dem.tif"
    with rasterio.open(
        dem, "w", driver="GTiff", width=602, height=600, count=1, dtype="int16", nodata=VOID,
        crs="EPSG:3005", transform=Affine(25, 0, 1e6, 0, -25, 1e6),
    ) as made:  # fmt: skip
        made.write(heights, 1)
    method = ("-alg", "ZevenbergenThorne")

    def run(*arguments: str) -> NDArray[np.float64]:
        out = tmp_path / "out.tif"
        subprocess.run(["gdaldem", arguments[0], dem, out, *arguments[1:], *method], check=True)
        with rasterio.open(out) as opened:
            return opened.read(1).astype(float)[1:-1, 1:-1]

    rise = compute_rise(heights)
    percent = np.floor(run("slope", "-p") + 0.5)
    np.testing.assert_array_equal(compute_slope_percent(rise), percent)
    degrees = run("slope")
    # in float32, 1 pixel in 360,000 is half a degree from both of its neighbours
    assert (compute_slope_degrees(rise) != np.floor(degrees + 0.5)).sum() <= 1
    steep = degrees > 2.01
    aspect = np.floor(run("aspect") + 0.5) % 360
    np.testing.assert_array_equal(compute_aspect(rise, 0)[steep], aspect[steep])
    for azimuth in (315, 225):
        shade = run("hillshade", "-az", str(azimuth), "-alt", "45")
        assert np.abs(compute_hillshade(rise, azimuth) - shade).max() <= 1
        assert (compute_hillshade(rise, azimuth) != shade).mean() < 1e-4


def test_beside_a_void_the_difference_is_one_sided() -> None:
    """A plane that rises 6 m a pixel to the east and falls 8 m to the north stays a plane."""
    plane = (100 + 6 * np.arange(5) + 8 * np.arange(5)[:, None]).astype(np.int16)
    holed = plane.copy()
    holed[1, 2] = holed[2, 1] = holed[4, 4] = VOID
    rise, whole = compute_rise(holed), compute_rise(plane)
    there = holed[1:-1, 1:-1] != VOID
    for compute in (compute_slope_percent, compute_slope_degrees):
        np.testing.assert_array_equal(compute(rise)[there], compute(whole)[there])
    np.testing.assert_array_equal(
        compute_aspect(rise, 1.5)[there], compute_aspect(whole, 1.5)[there]
    )
    shade = compute_hillshade(rise, 315)
    np.testing.assert_array_equal(shade[there], compute_hillshade(whole, 315)[there])
    assert (shade[~there] == 0).all()
    assert (compute_slope_percent(rise)[~there] == VOID).all()
    assert (compute_slope_degrees(rise)[~there] == VOID).all()
    assert (compute_aspect(rise, 1.5)[~there] == VOID).all()


def test_a_pixel_between_voids_is_level() -> None:
    alone = compute_rise(surround(500, VOID, VOID, VOID, VOID))
    assert compute_slope_percent(alone)[0, 0] == 0
    assert compute_aspect(alone, 0)[0, 0] == -1
    assert compute_hillshade(alone, 225)[0, 0] == 181
