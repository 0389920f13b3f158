"""Slope, aspect and hillshade compared with planes of known angles and with gdaldem."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform as transform_points

from hrdem.demo.terrain import NODATA, heights
from hrdem.geo.grid import Grid, Window
from hrdem.geo.ground import Ground, Steps
from hrdem.processing.terrain import (
    LEVEL_ASPECT,
    compute_aspect,
    compute_gradient,
    compute_hillshade,
    compute_illumination,
    compute_slope,
    compute_slope_percent,
)
from hrdem.request.options import Algorithm
from tests.gdaldem import needs_gdaldem
from tests.projections import to_lonlat, to_xy

NORTH_WEST_SUN = np.array([-0.5, 0.5, np.sqrt(0.5)])  # east, north, up
OBLONG = Steps(2.0, 0.0, 3.0)
UNIT = Steps(1.0, 0.0, 1.0)
NEIGHBOURS = {
    Algorithm.HORN: np.ones((3, 3), bool),
    Algorithm.ZEVENBERGEN_THORNE: np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool),
}
both_algorithms = pytest.mark.parametrize("algorithm", Algorithm)


def make_plane(east: float, north: float) -> np.ndarray:
    """Return heights on pixels of 2 x 3 m that rise by `east` and `north` metres per metre."""
    rows, columns = np.indices((6, 7))
    return (2000 + east * columns * 2 - north * rows * 3).astype("float32")


def angle_between(first: np.ndarray, second: np.ndarray | float) -> np.ndarray:
    """Return the angle between directions, in degrees."""
    return np.abs((first.astype(float) - second + 180) % 360 - 180)


@both_algorithms
@pytest.mark.parametrize(
    ("east", "north", "aspect"),
    [(0, -1, 0), (-1, -1, 45), (-1, 0, 90), (0, 1, 180), (1, 0, 270), (0.3, -0.3, 315)],
)
def test_plane_has_its_slope_aspect_and_hillshade(east, north, aspect, algorithm) -> None:
    surface = compute_gradient(make_plane(east, north), OBLONG, algorithm)
    assert surface.right.shape == (4, 5)
    assert {
        compute_slope(surface).dtype,
        compute_slope_percent(surface).dtype,
        compute_aspect(surface).dtype,
    } == {np.float32().dtype}
    rise = np.hypot(east, north)
    np.testing.assert_allclose(compute_slope(surface), np.degrees(np.arctan(rise)), 1e-4)
    np.testing.assert_allclose(compute_slope_percent(surface), 100 * rise, 1e-4)
    assert angle_between(compute_aspect(surface), aspect).max() < 1e-2
    assert angle_between(compute_aspect(surface, bearing=-25), aspect - 25).max() < 1e-2
    normal = np.array([-east, -north, 1]) / np.sqrt(1 + east**2 + north**2)
    lit = max(0, normal @ NORTH_WEST_SUN)
    np.testing.assert_allclose(compute_illumination(surface), lit, atol=1e-5)
    assert (np.abs(compute_hillshade(surface) - (1 + 254 * lit)) <= 0.501).all()


@both_algorithms
def test_level_ground_is_grey_and_has_no_aspect(algorithm: Algorithm) -> None:
    surface = compute_gradient(make_plane(0, 0), OBLONG, algorithm)
    assert (compute_slope(surface) == 0).all()
    assert (compute_aspect(surface, bearing=30) == LEVEL_ASPECT).all()
    assert (compute_hillshade(surface) == round(1 + 254 * math.sqrt(0.5))).all()


def test_aspect_stays_below_360() -> None:
    """In float32, the remainder of a tiny negative angle is 360."""
    level = np.zeros((3, 3), "float32")
    level[2, :] = 1e4
    level[1, 2] = 1e-6
    surface = compute_gradient(level, UNIT)
    assert surface.right[0, 0] > 0
    assert compute_aspect(surface)[0, 0] == 0


@both_algorithms
def test_nodata_spreads_to_its_kernel_only(algorithm: Algorithm) -> None:
    pixels = make_plane(1, 1)
    pixels[2, 2] = np.nan
    surface = compute_gradient(pixels, OBLONG, algorithm)
    expected = np.zeros((4, 5), bool)
    expected[:3, :3] = NEIGHBOURS[algorithm]
    for measure in (compute_slope, compute_slope_percent, compute_aspect, compute_illumination):
        np.testing.assert_array_equal(np.isnan(measure(surface)), expected)
    np.testing.assert_array_equal(compute_hillshade(surface) == 0, expected)


def test_large_heights_keep_their_precision() -> None:
    surface = compute_gradient(make_plane(0.01, 0) + np.float32(4000), OBLONG)
    np.testing.assert_allclose(surface.right, 0.01, atol=2e-4)
    assert surface.right.dtype == np.float32


def test_float32_suffices_for_the_highest_mountain() -> None:
    rough = heights(1_550_000, -150_000, 1, 300, 300)
    rough += 5900 + np.random.default_rng(1).normal(0, 3, rough.shape).astype("float32")
    exact = compute_gradient(rough.astype(float), UNIT)
    surface = compute_gradient(rough, UNIT)
    assert np.abs(compute_slope(surface) - compute_slope(exact)).max() < 1e-4
    steep = compute_slope(surface) > 0.1
    assert angle_between(compute_aspect(surface), compute_aspect(exact))[steep].max() < 1e-3


def to_geocentric(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Return geocentric coordinates in metres, shape (3, n)."""
    crs = "+proj=longlat +ellps=GRS80", "+proj=geocent +ellps=GRS80"
    return np.array(transform_points(*crs, lon, lat, 0 * lon))


POINTS = [  # CRS, longitude, latitude, size of a pixel in units of the CRS
    ("EPSG:3979", -123.1, 49.25, 1),  # Vancouver: north is 25 degrees to the right
    ("EPSG:3979", -52.7, 47.56, 1),  # St. John's
    ("EPSG:3979", -95.0, 75.0, 30),
    ("EPSG:3979", -62.3, 82.5, 2),  # Alert, the last data before the pole
    ("EPSG:2955", -114.0, 51.0, 5),  # UTM zone 11
    ("EPSG:2959", -82.9, 70.0, 1),  # UTM zone 17
    ("EPSG:4617", -75.7, 45.4, 1e-5),
    ("EPSG:4326", -80.0, 80.0, 1e-4),
    ("EPSG:3857", -75.7, 45.4, 1),
    ("EPSG:3857", -80.0, 75.0, 20),
    ("EPSG:3573", -64.0, 47.0, 10),  # equal area: askew
    ("ESRI:102001", -123.1, 49.25, 10),  # equal area
    ("EPSG:3347", -64.0, 60.0, 10),
    ("EPSG:3413", -100.0, 70.0, 10),  # north is on the left
]


@both_algorithms
@pytest.mark.parametrize(("crs", "lon", "lat", "pixel"), POINTS)
def test_plane_on_the_ground_is_the_same_in_every_crs(crs, lon, lat, pixel, algorithm) -> None:
    """The plane is defined in geocentric coordinates by PROJ alone, independent of our code."""
    east, north = 0.5, -0.2  # rises to the east, falls to the north
    ((x, y),) = to_xy(np.array([[lon, lat]]), crs)
    window = Window(4301, 977, 5, 4)  # around the point, far from the centre of the grid
    corner = (x - (window.column + 2.5) * pixel, y + (window.row + 2) * pixel)
    grid = Grid(crs, Affine(pixel, 0, corner[0], 0, -pixel, corner[1]), 5000, 4000)

    columns, rows = np.meshgrid(np.arange(4300, 4307) + 0.5, np.arange(976, 982) + 0.5)
    points = np.column_stack(
        [(corner[0] + columns * pixel).ravel(), (corner[1] - rows * pixel).ravel()]
    )
    space = to_geocentric(*to_lonlat(points, crs).T)
    lam, phi = math.radians(lon), math.radians(lat)
    east_axis = np.array([-math.sin(lam), math.cos(lam), 0])
    up_axis = np.array(
        [math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)]
    )
    offsets = space - to_geocentric(np.array([lon]), np.array([lat]))
    rises = east * east_axis + north * np.cross(up_axis, east_axis)
    sampled = (rises @ offsets).reshape(6, 7).astype("float32")

    ground = Ground.of(grid)
    surface = compute_gradient(sampled, ground.steps(window), algorithm)
    np.testing.assert_allclose(
        compute_slope_percent(surface), 100 * math.hypot(east, north), rtol=2e-5
    )
    falls = math.degrees(math.atan2(-east, -north))
    # meridians converge: 150 m from the point, at 82.5 degrees, north is 0.01 degrees off
    assert angle_between(compute_aspect(surface, ground.bearing(window)), falls).max() < 0.02


@both_algorithms
@settings(max_examples=20, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:3979", "EPSG:4617", "EPSG:3573"]),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_blocks_of_any_size_give_the_same_bits(algorithm, crs, size, seed, data) -> None:
    pixel = 1e-5 if crs == "EPSG:4617" else 1.0
    ((x, y),) = to_xy(np.array([[-75.7, 45.4]]), crs)
    grid = Grid(crs, Affine(pixel, 0, x, 0, -pixel, y), *size)
    pixels = (
        np.random.default_rng(seed).normal(100, 1, (size[1] + 2, size[0] + 2)).astype("float32")
    )
    pixels[pixels > 101.8] = np.nan
    ground = Ground.of(grid)

    def derive(window: Window) -> list[np.ndarray]:
        halo = Window(window.column, window.row, window.width + 2, window.height + 2)
        surface = compute_gradient(pixels[halo.slices], ground.steps(window), algorithm)
        bearing = ground.bearing(window)
        return [
            compute_slope(surface),
            compute_slope_percent(surface),
            compute_aspect(surface, bearing),
            compute_hillshade(surface),
        ]

    whole = derive(grid.window)
    width, height = data.draw(st.integers(1, size[0])), data.draw(st.integers(1, size[1]))
    for window in grid.window.split(width, height):
        for expected, block in zip(whole, derive(window), strict=True):
            np.testing.assert_array_equal(block, expected[window.slices])


def run_gdaldem(
    folder: Path, pixels: np.ndarray, *command: str, pixel_height: float = 1.0
) -> np.ndarray:
    """Run gdaldem on pixels 1 m wide; return the result without its edge, NaN for nodata."""
    size = {"width": pixels.shape[1], "height": pixels.shape[0]}
    with rasterio.open(
        folder / "z.tif", "w", driver="GTiff", count=1, dtype="float32", nodata=NODATA,
        crs="EPSG:3979", transform=Affine(1, 0, 9, 0, -pixel_height, 0), **size,
    ) as dataset:  # fmt: skip
        dataset.write(pixels, 1)
    mode, *options = command
    subprocess.run(["gdaldem", mode, "z.tif", "out.tif", "-q", *options], cwd=folder, check=True)
    with rasterio.open(folder / "out.tif") as dataset:
        return dataset.read(1, masked=True).astype(float).filled(np.nan)[1:-1, 1:-1]


def make_rounded_heights(left: float = 1_550_000, top: float = -150_000) -> np.ndarray:
    """Return heights with few digits, so that gdaldem's float32 sums are exact."""
    z = heights(left, top, 1, 300, 200)
    z = (np.round((z - z.mean()) * 64) / 64).astype("float32")
    z[100:120, 100:130] = 7  # a lake
    z[50:60, 70:80] = NODATA
    return z


ALG = {Algorithm.HORN: (), Algorithm.ZEVENBERGEN_THORNE: ("-alg", "ZevenbergenThorne")}
MEASURES = {
    "slope": (("slope",), compute_slope, 1.5),
    "percent": (("slope", "-p"), compute_slope_percent, 1.5),
    "aspect": (
        ("aspect",),
        compute_aspect,
        1.0,
    ),  # gdaldem assumes square pixels for aspect
}


@needs_gdaldem
@both_algorithms
@pytest.mark.parametrize("name", MEASURES)
def test_measures_equal_gdaldems(tmp_path: Path, name: str, algorithm: Algorithm) -> None:
    command, measure, pixel_height = MEASURES[name]
    z = make_rounded_heights()
    expected = run_gdaldem(tmp_path, z, *command, *ALG[algorithm], pixel_height=pixel_height)
    known = np.where(z == NODATA, np.float32(np.nan), z)
    ours = measure(compute_gradient(known, Steps(1.0, 0.0, pixel_height), algorithm)).astype(float)
    ours[ours == LEVEL_ASPECT] = np.nan  # nodata to gdaldem
    if algorithm is Algorithm.HORN:
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    both = ~np.isnan(expected)
    assert not np.isnan(ours[both]).any()
    assert np.abs(ours - expected)[both].max() < 1e-4


@needs_gdaldem
@both_algorithms
@pytest.mark.parametrize(("azimuth", "altitude"), [(315.0, 45.0), (225.0, 30.0), (10.0, 80.0)])
def test_hillshades_equal_gdaldems_except_ties(
    tmp_path: Path, azimuth: float, altitude: float, algorithm: Algorithm
) -> None:
    """Bytes differ only where the exact value is halfway between two greys."""
    z = make_rounded_heights()
    sun = ("-az", str(azimuth), "-alt", str(altitude))
    expected = np.nan_to_num(run_gdaldem(tmp_path, z, "hillshade", *sun, *ALG[algorithm]))
    known = np.where(z == NODATA, np.nan, z.astype(float))
    ours = compute_hillshade(
        compute_gradient(known.astype("float32"), UNIT, algorithm), azimuth, altitude
    )
    exact = 1 + 254 * compute_illumination(
        compute_gradient(known, UNIT, algorithm), azimuth, altitude
    )
    both = expected > 0
    assert (ours[both] > 0).all()
    if algorithm is Algorithm.HORN:
        np.testing.assert_array_equal(ours > 0, both)
    differ = both & (ours != expected)
    assert differ.sum() < 1e-4 * both.sum()
    np.testing.assert_allclose(exact[differ] % 1, 0.5, atol=1e-4)


@needs_gdaldem
@pytest.mark.parametrize("corner", [(1_550_000, -150_000), (-2_000_000, 500_000)])
def test_mosaic_slopes_equal_gdaldems_at_local_scale(tmp_path, corner) -> None:
    """A single map scale is passed to gdaldem; ours is computed for each pixel."""
    left, top = corner
    z = 10 * make_rounded_heights(left, top)
    z[z == 10 * NODATA] = NODATA
    grid = Grid("EPSG:3979", Affine(1, 0, left + 1, 0, -1, top - 1), 298, 198)
    (x0, x1), (y0, y1) = (left + 140, left + 160), (top - 100, top - 100)
    ends = to_lonlat(np.array([[x0, y0], [x1, y1]]), "EPSG:3979")
    start, end = to_geocentric(*ends.T).T
    scale = 20 / float(np.linalg.norm(start - end))
    assert abs(scale - 1) > 1e-3
    expected = run_gdaldem(tmp_path, z, "slope", "-s", repr(1 / scale))
    known = np.where(z == NODATA, np.float32(np.nan), z)
    ours = compute_slope(compute_gradient(known, Ground.of(grid).steps(grid.window)))
    assert np.nanmax(np.abs(ours - expected)) < 3e-4  # over 300 m the scale changes by 5e-6
    assert np.nanmax(np.abs(compute_slope(compute_gradient(known, UNIT)) - expected)) > 1e-2
