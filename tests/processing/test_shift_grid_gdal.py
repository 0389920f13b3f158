"""Vertical shifts compared with GDAL's bilinear warp of the same grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from hrdem.processing.vertical.shift_grid import read_user_grid
from tests.shift_grids import NORTH, STEP, WEST, millimetres, node, write_grid


@pytest.mark.parametrize("finer", [7, 16])
def test_shifts_equal_gdals_bilinear_warp(tmp_path: Path, finer: int) -> None:
    rows, columns = 9, 13
    path = write_grid(tmp_path / "a.tif", millimetres(rows, columns))
    transform = Affine(STEP / finer, 0, WEST, 0, -STEP / finer, NORTH)
    height, width = (rows - 1) * finer, (columns - 1) * finer
    with (
        rasterio.open(path) as dataset,
        WarpedVRT(
            dataset, crs=dataset.crs, transform=transform, width=width, height=height,
            resampling=Resampling.bilinear, dtype="float64",
        ) as warped,
    ):  # fmt: skip
        expected = warped.read(1) * 0.001
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    shifts = read_user_grid(path).shift(*node(column / finer, row / finer))
    np.testing.assert_allclose(shifts, expected, rtol=0, atol=1e-9)
