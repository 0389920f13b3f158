"""Sampling a local raster: weights by hand, voids, edges, and GDAL's warper as a second opinion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject

from hrdem.errors import OutputError
from hrdem.geo.grid import Grid, Window
from hrdem.geo.resampling import FixedSampling
from hrdem.processing.sample import SampledRaster

NODATA = -32767.0
NATIVE = "EPSG:3979"
BILINEAR = FixedSampling(max_source_pixel=10, kernel_radius=10)


def write(path: Path, pixels: NDArray[np.float32], left: float = 0, top: float = 0) -> Grid:
    """Write a raster of pixels of 10 m, and return its grid."""
    height, width = pixels.shape
    grid = Grid(NATIVE, Affine(10, 0, left, 0, -10, top), width, height)
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="float32",
        crs=NATIVE, transform=grid.transform, nodata=NODATA,
    ) as dataset:  # fmt: skip
        dataset.write(pixels, 1)
    return grid


def sample(
    path: Path, source: Grid, grid: Grid, sampling: FixedSampling = BILINEAR
) -> NDArray[np.float32]:
    found = np.full((grid.height, grid.width), np.nan, np.float32)
    SampledRaster(path, source, NODATA, sampling).fill(found, grid, grid.window)
    return found


def place_nodes(x: float, y: float, spacing: float, columns: int, rows: int) -> Grid:
    """Return the grid whose first pixel centre is at a point."""
    corner = Affine(spacing, 0, x - spacing / 2, 0, -spacing, y + spacing / 2)
    return Grid(NATIVE, corner, columns, rows)


def test_weights_fall_linearly_with_distance(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.array([[0, 8], [16, 40]], np.float32))
    # centres at x 5 and 15, y -5 and -15
    found = sample(tmp_path / "a.tif", source, place_nodes(7.5, -5, 2.5, 3, 1))
    np.testing.assert_array_equal(found, [[2, 4, 6]])
    found = sample(tmp_path / "a.tif", source, place_nodes(7.5, -7.5, 5, 2, 1))
    # 9/16, 3/16, 3/16, 1/16
    np.testing.assert_array_equal(found, [[(3 * 8 + 3 * 16 + 40) / 16, (9 * 8 + 16 + 3 * 40) / 16]])


def test_a_kernel_wider_than_pixels_is_normalised(tmp_path: Path) -> None:
    pixels = np.zeros((1, 5), np.float32)
    pixels[0, 2] = 7
    source = write(tmp_path / "a.tif", pixels)
    wide = FixedSampling(max_source_pixel=10, kernel_radius=25)
    # at a centre: weights 1/5, 3/5, 1, 3/5, 1/5
    found = sample(tmp_path / "a.tif", source, place_nodes(5, -5, 10, 5, 1), wide)
    weights = np.array([1, 3, 5, 3, 1]) / np.array([9, 12, 13, 12, 9])
    np.testing.assert_allclose(found, [7 * weights], rtol=1e-7)


def test_pixels_without_data_have_no_weight_and_leave_their_own_place_empty(tmp_path: Path) -> None:
    pixels = np.array([[10, NODATA, 30, 40]], np.float32)
    source = write(tmp_path / "a.tif", pixels)
    found = sample(tmp_path / "a.tif", source, place_nodes(7.5, -5, 5, 6, 1))
    # 7.5 beside the void; 12.5 and 17.5 in it; 22.5 beside it; 27.5 and 32.5 between 30 and 40
    np.testing.assert_array_equal(found, [[10, np.nan, np.nan, 30, 32.5, 37.5]])


def test_heights_that_are_known_stay_and_nothing_is_known_beyond_the_raster(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.full((3, 3), 5, np.float32))
    grid = place_nodes(-15, -15, 10, 6, 1)
    found = np.full((1, 6), np.nan, np.float32)
    found[0, 3] = 1
    SampledRaster(tmp_path / "a.tif", source, NODATA, BILINEAR).fill(found, grid, grid.window)
    np.testing.assert_array_equal(found, [[np.nan, np.nan, 5, 1, 5, np.nan]])
    far = place_nodes(1_000, 1_000, 10, 3, 3)
    assert np.isnan(sample(tmp_path / "a.tif", source, far)).all()


def test_a_raster_cut_elsewhere_gives_the_same_heights(tmp_path: Path) -> None:
    rng = np.random.default_rng(17)
    pixels = rng.uniform(0, 1_000, (90, 90)).astype(np.float32)
    pixels[rng.uniform(size=pixels.shape) < 0.02] = NODATA
    whole = write(tmp_path / "whole.tif", pixels, 1_500_000, -170_000)
    part = write(tmp_path / "part.tif", pixels[20:80, 30:80], 1_500_300, -170_200)
    wide = FixedSampling(max_source_pixel=10, kernel_radius=29)
    grid = place_nodes(1_500_340, -170_250, 7.3, 55, 65)
    expected = sample(tmp_path / "whole.tif", whole, grid, wide)
    np.testing.assert_array_equal(sample(tmp_path / "part.tif", part, grid, wide), expected)


def test_a_window_has_the_heights_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block by block, and pixel by pixel where a block has too many source pixels."""
    rng = np.random.default_rng(18)
    pixels = rng.uniform(0, 1_000, (60, 70)).astype(np.float32)
    pixels[rng.uniform(size=pixels.shape) < 0.02] = NODATA
    source = write(tmp_path / "a.tif", pixels)
    grid, window = place_nodes(40, -30, 8.3, 40, 50), Window(7, 13, 25, 20)
    whole = sample(tmp_path / "a.tif", source, grid)
    monkeypatch.setattr("hrdem.processing.sample.BLOCK_EDGE", 16)
    for most in (1_000_000, 3):
        monkeypatch.setattr("hrdem.processing.sample.MAX_SOURCE_PIXELS", most)
        found = np.full((window.height, window.width), np.nan, np.float32)
        SampledRaster(tmp_path / "a.tif", source, NODATA, BILINEAR).fill(found, grid, window)
        np.testing.assert_array_equal(found, whole[window.slices])


def test_few_pixels_that_cover_many_source_pixels_are_sampled_in_parts(tmp_path: Path) -> None:
    """A plane stays one, 100 source pixels a step: there would be 100 million at once."""
    x = np.arange(2_000, dtype=np.float32) * 10 + 5
    source = write(tmp_path / "a.tif", np.broadcast_to(x, (2_000, 2_000)).copy())
    found = sample(tmp_path / "a.tif", source, place_nodes(1_005, -995, 100, 180, 180))
    np.testing.assert_allclose(found[7], 1_005 + 100.0 * np.arange(180), rtol=1e-6)


@pytest.mark.parametrize("kernel_radius", [10, 15.625, 29])
def test_gdal_computes_the_same_heights(tmp_path: Path, kernel_radius: float) -> None:
    """With the kernel given to its warper; within 0.01 m on slopes around 50 percent.

    Its positions are approximate.
    """
    rng = np.random.default_rng(5)
    down, across = np.cumsum(rng.normal(0, 5, (2, 150)), axis=1)
    pixels = (down[:, None] + across).astype(np.float32)
    pixels[40:60, 70:90] = NODATA
    source = write(tmp_path / "a.tif", pixels, 1_500_000, -170_000)
    grid = Grid("EPSG:2959", Affine(12, 0, 0, 0, -12, 0), 70, 60)
    (x,), (y,) = rasterio.warp.transform(NATIVE, grid.crs, [1_500_750], [-170_750])
    grid = Grid(grid.crs, Affine(12, 0, x - 400, 0, -12, y + 350), 70, 60)
    found = sample(tmp_path / "a.tif", source, grid, FixedSampling(10, kernel_radius))
    expected = np.full(found.shape, np.nan, np.float32)
    scale = str(10 / kernel_radius)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        reproject(
            rasterio.band(dataset, 1), expected, dst_transform=grid.transform, dst_crs=grid.crs,
            dst_nodata=np.nan, resampling=Resampling.bilinear, XSCALE=scale, YSCALE=scale,
            tolerance=1e-4,
        )  # fmt: skip
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


def test_a_raster_that_disappears_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.zeros((3, 3), np.float32))
    (tmp_path / "a.tif").unlink()
    with pytest.raises(OutputError, match=r"^The merged raster .*a\.tif cannot be read: .*disk"):
        sample(tmp_path / "a.tif", source, source)
