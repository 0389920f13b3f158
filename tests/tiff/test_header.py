"""Headers of files that GDAL wrote: what rasterio reads from them, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import rasterio
import tifffile
from affine import Affine

from hrdem.tiff.header import Header, read_header


def write(path: Path, point: bool = False, **options: Any) -> bytes:
    """Write an empty tiled GeoTIFF of 100 by 70 pixels of 2 m by 4 m."""
    profile = {
        "driver": "GTiff", "width": 100, "height": 70, "count": 1, "dtype": "float32",
        "crs": "EPSG:3979", "transform": Affine(2, 0, 1_500_000, 0, -4, -160_000),
        "tiled": True, "blockxsize": 32, "blockysize": 16, "SPARSE_OK": True, **options,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        if point:
            dataset.update_tags(AREA_OR_POINT="Point")
    return path.read_bytes()


def read(content: bytes) -> Header:
    return read_header(lambda start, stop: content[start:stop], len(content), "a.tif")


@pytest.mark.parametrize("point", [False, True])
def test_tie_points_of_pixel_centres_and_corners(tmp_path: Path, point: bool) -> None:
    """Half a pixel in the wrong direction shifts heights by a whole one."""
    header = read(write(tmp_path / "a.tif", point=point))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tie = file.pages.first.tags["ModelTiepointTag"].value
    assert tie[3:5] == ((1_500_001, -160_002) if point else (1_500_000, -160_000))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert header.grid.transform == dataset.transform
        assert header.grid.bounds == dataset.bounds == (1_500_000, -160_280, 1_500_200, -160_000)
