"""Sampling: measured once, kernels as wide as output pixels, borders that cost nothing if zero."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from affine import Affine
from rasterio import warp

from hrdem.errors import NoDataError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, snap_grid
from hrdem.geo.resampling import FixedSampling, Resampling, Sampling, kernel_radius

COARSE = snap_grid(NATIVE_CRS, 8, (1_500_000, -171_200, 1_500_800, -170_000))


def sampling(resampling: Resampling) -> Sampling:
    return Sampling(COARSE, NATIVE_CRS, resampling)


def test_the_same_crs_has_the_spacing_of_the_pixels() -> None:
    cubic = sampling(Resampling.CUBIC)
    assert cubic.min_spacing == pytest.approx(8)
    assert cubic.max_spacing == pytest.approx(8)
    assert cubic.middle_pixel_size == pytest.approx((8, 8))
    assert cubic.outline_bounds == pytest.approx(COARSE.bounds)


@pytest.mark.parametrize(
    ("resampling", "scale"),
    [
        (Resampling.NEAREST, (1, 1)),
        (Resampling.BILINEAR, (8, 4)),
        (Resampling.CUBIC, (8, 4)),
        (Resampling.LANCZOS, (1, 1)),
        (Resampling.AVERAGE, (1, 1)),
    ],
)
def test_scaled_kernels_are_as_wide_as_an_output_pixel(
    resampling: Resampling, scale: tuple[float, float]
) -> None:
    assert sampling(resampling).max_kernel_scale((1, 2)) == scale


def test_a_kernel_is_never_narrower_than_its_radius() -> None:
    assert sampling(Resampling.CUBIC).max_kernel_scale((100, 100)) == (1, 1)


def test_source_bounds_add_the_kernel() -> None:
    left, bottom, right, top = COARSE.bounds
    margin = kernel_radius(Resampling.CUBIC, (8, 8))
    assert margin == 17
    expected = (left - margin, bottom - margin, right + margin, top + margin)
    assert sampling(Resampling.CUBIC).source_bounds(1) == pytest.approx(expected)


def test_no_border_is_the_same_value() -> None:
    bilinear = sampling(Resampling.BILINEAR)
    assert bilinear.grow(0) is bilinear
    assert bilinear.grow(2).grid == COARSE.crop(COARSE.window.grown(2))


def test_geometry_is_projected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bilinear = sampling(Resampling.BILINEAR)
    first = bilinear.source_bounds(1), bilinear.min_spacing
    monkeypatch.delattr("hrdem.geo.resampling.project_points")
    assert (bilinear.source_bounds(1), bilinear.min_spacing) == first


def test_a_grid_beyond_the_source_crs_is_an_error() -> None:
    polar = Sampling(snap_grid("EPSG:4326", 1, (-100, 80, -90, 95)), NATIVE_CRS, Resampling.NEAREST)
    with pytest.raises(NoDataError):
        polar.source_bounds(1)


def place_grid(crs: str, lon: float, lat: float, size: float) -> Grid:
    """Return ten by ten pixels at a place."""
    (x,), (y,) = warp.transform("EPSG:4617", crs, [lon], [lat])
    return snap_grid(crs, size, (x, y, x + 10 * size, y + 10 * size))


@pytest.mark.parametrize(
    ("crs", "size", "places", "expected"),
    [
        ("EPSG:2959", 6, [(-81, 42), (-79, 50), (-83, 62)], 6),
        ("EPSG:2953", 6, [(-66, 45), (-65, 48)], 6),
        ("EPSG:3005", 6, [(-126, 48.5), (-130, 59.9)], 6),
        ("EPSG:3979", 6, [(-63, 44), (-100, 70)], 6),
        ("EPSG:4326", 6 / 111_000, [(-63, 43), (-123, 52)], 6 / 2**0.5),
        ("EPSG:3857", 6, [(-63, 54), (-123, 63)], 6 / 2),
    ],
)
def test_the_level_to_read_does_not_depend_on_the_place(
    crs: str, size: float, places: list[tuple[float, float]], expected: float
) -> None:
    """At 6 m in UTM, 4 m pixels were read in the south and 2 m pixels in the north."""
    for place in places:
        found = Sampling(place_grid(crs, *place, size), NATIVE_CRS, Resampling.BILINEAR)
        assert found.nominal_spacing == pytest.approx(expected, rel=1e-12)
        assert 0.84 < found.min_spacing / found.nominal_spacing < 1.21


def test_large_pixels_share_a_cell() -> None:
    """Cells of 100 km would have 4 pixels of 25 km each; a picture of Canada took 100 seconds."""
    grid = snap_grid("EPSG:3347", 25_000, (3_600_000, 600_000, 9_000_000, 5_200_000))
    cells = list(Sampling(grid, NATIVE_CRS, Resampling.BILINEAR).cells(grid.window))
    assert sum(cell.part.width * cell.part.height for cell in cells) == grid.width * grid.height
    assert {cell.window.width for cell in cells} == {16}


def test_fixed_sampling_has_a_kernel_as_wide_as_the_product_says() -> None:
    """Or as a source pixel, if that is larger; and all that it reaches is read."""
    fixed = FixedSampling(max_source_pixel=16, kernel_radius=25)
    assert fixed.kernel_scale((16, 8)) == (1.5625, 3.125)
    assert fixed.kernel_scale((30, 30)) == (1, 1)
    assert fixed.margin(16) >= 25 + 16 + 8  # from a centre at a pixel's edge to the last pixel's
    assert fixed.margin(30) >= 30 + 30 + 15


def test_the_box_around_an_oblong_pixel_is_that_of_its_corners() -> None:
    """Of 40 by 10 m, turned; corners by pyproj."""
    grid = Grid("EPSG:2959", Affine(40, 0, 600_000, 0, -10, 5_000_000), 10, 10)
    found = Sampling(grid, NATIVE_CRS, Resampling.NEAREST).max_pixel_extent
    project = pyproj.Transformer.from_crs("EPSG:2959", "EPSG:3979", always_xy=True)
    west, east, north, south = 600_200, 600_240, 4_999_950, 4_999_940
    x, y = project.transform([west, east, east, west], [north, north, south, south])
    assert found == pytest.approx([np.ptp(x), np.ptp(y)], rel=1e-4)
