"""Ground geometry: distorted steps, tilted north, positions of pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.errors import NoDataError
from hrdem.geo.grid import Grid, Window
from hrdem.geo.ground import Ground, fit_grid
from hrdem.geo.transform import project_points
from tests.projections import to_lonlat, to_xy

RADIUS = 6_378_137.0  # metres, of the equator


def grid_at(crs: str, lon: float, lat: float, pixel: float, width: int, height: int) -> Grid:
    """Return a grid around a position, pixels in units of its CRS."""
    ((x, y),) = to_xy(np.array([[lon, lat]]), crs)
    corner = Affine(pixel, 0, x - width * pixel / 2, 0, -pixel, y + height * pixel / 2)
    return Grid(crs, corner, width, height)


def centres(grid: Grid, window: Window) -> np.ndarray:
    """Project each pixel to longitude and latitude; shape (2, rows, columns)."""
    columns, rows = np.meshgrid(
        np.arange(window.column, window.right) + 0.5, np.arange(window.row, window.bottom) + 0.5
    )
    x = grid.transform.c + columns * grid.transform.a
    y = grid.transform.f + rows * grid.transform.e
    lonlat = to_lonlat(np.column_stack([x.ravel(), y.ravel()]), grid.crs)
    return lonlat.T.reshape(2, window.height, window.width)


def test_a_degree_square_at_60_north_is_half_as_wide_as_tall() -> None:
    grid = fit_grid((-100, 60, -99, 61), "EPSG:4326", 1000)
    assert grid.height == 1000
    assert grid.width == pytest.approx(1000 * math.cos(math.radians(60.5)), abs=3)
    assert grid.bounds == pytest.approx((-100, 60, -99, 61))
    assert grid.crs == "EPSG:4326"


@pytest.mark.parametrize(
    ("box", "size"),
    [((0, 0, 2000, 1000), (64, 32)), ((0, 0, 1000, 3000), (21, 64)), ((0, 0, 9000, 10), (64, 1))],
)
def test_the_longer_edge_has_the_requested_size(box, size) -> None:
    grid = fit_grid(box, "EPSG:3979", 64)
    assert (grid.width, grid.height) == size


def test_a_crs_is_named_by_its_number() -> None:
    assert fit_grid((440_000, 5_020_000, 446_000, 5_024_000), "epsg:2959", 64).crs == "EPSG:2959"
    assert fit_grid((-76, 45, -75, 46), "OGC:CRS84", 64).crs == "OGC:CRS84"


def test_pixels_of_degrees_have_the_ellipsoids_lengths() -> None:
    grid = Grid("EPSG:4326", Affine(0.01, 0, -96, 0, -0.01, 62), 200, 2000)
    steps = Ground.of(grid).steps(grid.window)
    lat = np.radians(62 - 0.01 * (np.arange(2000) + 0.5))[:, None]
    eccentricity_squared = 0.0066943800229
    bent = 1 - eccentricity_squared * np.sin(lat) ** 2
    degree = math.radians(0.01) * RADIUS
    wide = degree * np.cos(lat) / np.sqrt(bent)
    high = degree * (1 - eccentricity_squared) / bent**1.5
    np.testing.assert_allclose(steps.width, np.broadcast_to(wide, (2000, 200)), 1e-6)
    np.testing.assert_allclose(steps.height, np.broadcast_to(high, (2000, 200)), 1e-6)
    np.testing.assert_allclose(steps.skew, 0, atol=1e-6)
    np.testing.assert_allclose(Ground.of(grid).bearing(grid.window), 0, atol=1e-6)


@pytest.mark.parametrize("place", [(-123.1, 49.25), (-52.7, 47.56), (-95, 75), (-62.3, 82.5)])
def test_native_pixels_have_lamberts_scale_and_north(place) -> None:
    """Two standard parallels: Snyder, Map Projections (1987), 14-15, 15-1, 15-3, 15-5."""
    eccentricity = math.sqrt(0.0066943800229)

    def m_and_t(lat: float) -> tuple[float, float]:
        sine = eccentricity * math.sin(lat)
        bent = ((1 - sine) / (1 + sine)) ** (eccentricity / 2)
        return math.cos(lat) / math.sqrt(1 - sine**2), math.tan(math.pi / 4 - lat / 2) / bent

    lon, lat = place
    (m, t), (m1, t1), (m2, t2) = (m_and_t(math.radians(each)) for each in (lat, 49, 77))
    cone = math.log(m1 / m2) / math.log(t1 / t2)
    scale = m1 * t**cone / (m * t1**cone)
    grid = grid_at("EPSG:3979", lon, lat, 2, 5, 5)
    ground = Ground.of(grid)
    steps = ground.steps(Window(2, 2, 1, 1))
    assert steps.width == pytest.approx(2 / scale, rel=1e-6)
    assert steps.height == pytest.approx(2 / scale, rel=1e-6)
    assert steps.skew == pytest.approx(0, abs=1e-6)
    assert ground.bearing(Window(2, 2, 1, 1)) == pytest.approx(cone * (lon + 95), abs=1e-4)


def test_pixels_of_an_equal_area_crs_are_skewed() -> None:
    grid = grid_at("EPSG:3573", -64, 47, 10, 5, 5)  # azimuthal, from the pole
    steps = Ground.of(grid).steps(grid.window)
    np.testing.assert_allclose(steps.width * steps.height, 100, 1e-5)
    assert (np.abs(steps.skew) > 0.5).all()


@pytest.mark.parametrize("crs", ["EPSG:3979", "EPSG:3857", "EPSG:3573", "EPSG:2962", "ESRI:102001"])
@pytest.mark.parametrize(("lat", "pixel"), [(46, 1), (46, 200), (80, 1), (80, 200)])
def test_positions_are_exact_to_five_centimetres(crs: str, lat: float, pixel: float) -> None:
    grid = grid_at(crs, -64, lat, pixel, 3000, 2000)
    ground = Ground.of(grid)
    for window in (Window(-1, -1, 40, 30), Window(1301, 977, 40, 30), Window(2961, 1971, 40, 30)):
        lon, lat_ = ground.lonlat(window)
        expected = centres(grid, window)
        degree = math.radians(1) * RADIUS
        assert np.abs(lat_ - expected[1]).max() * degree < 0.05
        east = (lon - expected[0]) * np.cos(np.radians(expected[1]))
        assert np.abs(east).max() * degree < 0.05


def test_a_grid_may_contain_pole_and_antimeridian() -> None:
    grid = grid_at("EPSG:3413", -45, 90, 5000, 401, 401)
    lon, lat = Ground.of(grid).lonlat(grid.window)
    expected = centres(grid, grid.window)
    np.testing.assert_allclose(lat, expected[1], atol=1e-6)
    apart = (lon - expected[0] + 180) % 360 - 180
    np.testing.assert_allclose(apart * np.cos(np.radians(lat)), 0, atol=1e-6)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 700), (4000, 50)])
def test_no_position_beyond_the_grid_is_projected(monkeypatch, width: int, height: int) -> None:
    """A grid may end where its projection ends."""
    grid = grid_at("EPSG:3979", -95, 62, 30, width, height)

    def inside(points: np.ndarray, source: str, target: str) -> np.ndarray:
        left, bottom, right, top = grid.bounds
        assert ((points >= (left, bottom)) & (points <= (right, top))).all()
        return project_points(points, source, target)

    monkeypatch.setattr("hrdem.geo.ground.project_points", inside)
    assert Ground.of(grid).nodes.shape[0] == 8


def test_a_grid_beyond_the_earth_is_an_error() -> None:
    sight = "+proj=ortho +lat_0=60 +lon_0=-95 +datum=NAD83"
    with pytest.raises(NoDataError, match="cannot be brought"):
        Ground.of(Grid(sight, Affine(100_000, 0, 4_500_000, 0, -100_000, 6_500_000), 10, 10))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3000), (3, 2), (5000, 1)])
def test_small_grids_have_steps_too(width: int, height: int) -> None:
    grid = grid_at("EPSG:2955", -115, 51, 5, width, height)
    steps = Ground.of(grid).steps(grid.window)
    np.testing.assert_allclose(steps.width, 5, 1e-3)
    np.testing.assert_allclose(steps.height, steps.width, 1e-6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:3979", "EPSG:4617", "EPSG:3857", "EPSG:3573"]),
    metres=st.sampled_from([1, 30, 5000, 40_000]),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    data=st.data(),
)
def test_a_value_does_not_depend_on_its_window(crs, metres, size, data) -> None:
    pixel = metres / 100_000 if crs == "EPSG:4617" else metres
    grid = grid_at(crs, -95, 62, pixel, *size)
    column = data.draw(st.integers(-1, grid.width))
    row = data.draw(st.integers(-1, grid.height))
    width = data.draw(st.integers(1, grid.width + 1 - column))
    height = data.draw(st.integers(1, grid.height + 1 - row))
    whole, part = (
        Window(-1, -1, grid.width + 2, grid.height + 2),
        Window(column, row, width, height),
    )
    for everywhere, here in zip(told(grid, whole), told(grid, part), strict=True):
        np.testing.assert_array_equal(here, everywhere[part.shifted(1, 1).slices])


def told(grid: Grid, window: Window) -> list[np.ndarray]:
    ground = Ground.of(grid)
    steps = ground.steps(window)
    return [steps.width, steps.skew, steps.height, ground.bearing(window), *ground.lonlat(window)]
