"""Rasters are decimated as their values allow, and drawn as their files say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.errors import RequestError
from hrdem.pictures.ramps import ASPECT, CANOPY, ELEVATION, SLOPE
from hrdem.pictures.read_raster import PERCENT_SLOPE, read_raster
from hrdem.request.options import RampName
from tests.pictures.rasters import HRDEM_TAGS, make_hills, write_raster, write_sources


def test_heights_are_averaged_and_nodata_left_out(tmp_path: Path) -> None:
    heights = np.array([[1.0, 3.0, np.nan, np.nan], [5.0, np.nan, np.nan, np.nan]])
    raster = read_raster(write_raster(tmp_path / "a.tif", heights), None, None, 2)
    np.testing.assert_array_equal(raster.values, [[3.0, np.nan]])
    assert raster.grid is not None
    assert raster.grid.resolution == (20, 20)


def test_north_is_not_averaged_to_south(tmp_path: Path) -> None:
    north = np.array([[359.0, 1.0], [1.0, 359.0]])
    path = write_raster(tmp_path / "a.tif", north, HRDEM_PRODUCT="dtm-aspect")
    raster = read_raster(path, None, None, 1)
    assert raster.ramp is ASPECT
    assert raster.values.item() in (1, 359)


@pytest.mark.parametrize(
    ("product", "ramp"), [("chm", CANOPY), ("dsm-slope", SLOPE), ("unknown", ELEVATION)]
)
def test_a_file_is_drawn_as_the_product_that_it_names(
    tmp_path: Path, product: str, ramp: object
) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((2, 2)), HRDEM_PRODUCT=product)
    assert read_raster(path, None, None, 64).ramp is ramp


def test_slopes_in_percent_have_a_ramp_in_percent(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((2, 2)), HRDEM_PRODUCT="dtm-slope")
    with rasterio.open(path, "r+") as dataset:
        dataset.set_band_unit(1, "percent")
    assert read_raster(path, None, None, 64).ramp == PERCENT_SLOPE


def test_a_layer_of_sources_has_a_class_for_each(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.ones((2, 2)), **HRDEM_TAGS)
    layer = write_sources(path, np.array([[1, 3], [3, 0]]))
    raster = read_raster(layer, None, None, 64)
    assert [(each.value, each.name) for each in raster.classes] == [(1, "tile-1"), (3, "tile-3")]
    heights = read_raster(path, None, None, 64)
    assert heights.tiers is not None
    assert heights.tiers.tolist() == [[1, 2], [2, 0]]
    write_raster(path, np.ones((3, 2)), **HRDEM_TAGS)
    assert read_raster(path, None, None, 64).tiers is None  # the layer is of another grid


def test_the_ramp_that_is_given_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.array([[1.0, 7.0]]))
    raster = read_raster(path, None, RampName.CLASSES, 64)
    assert [each.name for each in raster.classes] == ["1", "7"]


def test_an_unknown_band_is_answered_by_those_that_there_are(tmp_path: Path) -> None:
    path = write_raster(
        tmp_path / "a.tif", np.ones((2, 2)), np.ones((2, 2)), names=("dtm", "source")
    )
    for band in ("3", "years"):
        with pytest.raises(RequestError, match="Give one of its bands: 1 dtm, 2 source"):
            read_raster(path, band, None, 64)


def test_a_file_that_is_no_raster_is_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(RequestError, match=r"a\.csv cannot be read as a raster by GDAL"):
        read_raster(tmp_path / "a.csv", None, None, 64)


def test_a_raster_without_a_crs_has_no_grid(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", make_hills(8, 8))
    with rasterio.open(path) as dataset:
        profile, pixels = dataset.profile, dataset.read()
    del profile["crs"]
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)
    assert read_raster(path, None, None, 64).grid is None
