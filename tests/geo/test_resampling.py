"""Sampling: measured once, kernels as wide as output pixels, borders that cost nothing if zero."""

from __future__ import annotations

import pytest

from hrdem.errors import NoDataError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import snap_grid
from hrdem.geo.resampling import Resampling, Sampling, kernel_radius

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
