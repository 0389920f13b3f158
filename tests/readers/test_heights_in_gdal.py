"""GDAL's tools leave heights as they are when they warp our files, and stack them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.geoids import GEOID_METRES, write_geoid
from tests.readers.conftest import require_program

NAMES = "source", "dtm", "CGVD28", "chm", "dtm-slope"


def warp(source: Path, folder: Path) -> np.ndarray:
    """Warp a raster with the nearest pixels and a geoid in PROJ; return the valid ones."""
    geoid = {"PROJ_USER_WRITABLE_DIRECTORY": str(write_geoid(folder / "proj"))}
    target = folder / "warped.tif"
    command = [require_program("gdalwarp"), "-q", "-t_srs", "EPSG:2959", source, target]
    subprocess.run(command, env=os.environ | geoid, check=True)
    with rasterio.open(target) as dataset:
        assert dataset.crs.to_epsg() == 2959
        return dataset.read(1, masked=True).compressed()


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True).compressed()


@pytest.mark.parametrize("name", NAMES)
def test_warping_keeps_every_height(tmp_path: Path, heights: dict[str, Path], name: str) -> None:
    warped = warp(heights[name], tmp_path)
    assert np.isin(warped, read(heights[name])).all()


def test_warping_shifts_a_compound_crs(tmp_path: Path, heights: dict[str, Path]) -> None:
    """Otherwise the test above would show nothing."""
    shift = np.median(warp(heights["compound"], tmp_path)) - np.median(read(heights["compound"]))
    assert shift == pytest.approx(GEOID_METRES, abs=0.05)


def test_stack_has_all_files(tmp_path: Path, heights: dict[str, Path]) -> None:
    """`gdalbuildvrt` leaves out files whose CRS is not equal, with exit code 0."""
    stack = tmp_path / "stack.vrt"
    command = [require_program("gdalbuildvrt"), "-q", "-separate", stack]
    subprocess.run([*command, *(heights[name] for name in NAMES)], check=True)
    with rasterio.open(stack) as dataset:
        assert dataset.count == len(NAMES)
