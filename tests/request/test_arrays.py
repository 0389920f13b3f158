"""Rasters in memory as templates of the output grid: xarray, rasterio, anything with a grid."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import rioxarray
import xarray as xr
from affine import Affine

from hrdem.errors import RequestError
from hrdem.request.aoi.like import read_template
from hrdem.request.aoi.parse import parse_aoi

UTM = Affine(2.5, 0, 450_000, 0, -5, 5_030_000)


def make_array(names: tuple[str, str] = ("y", "x"), **attributes: Any) -> xr.DataArray:
    """Make an array of 20 rows and 40 columns that knows nothing but its coordinates."""
    rows, columns = np.arange(20) + 0.5, np.arange(40) + 0.5
    coords = {names[0]: 5_030_000 - 5 * rows, names[1]: 450_000 + 2.5 * columns}
    return xr.DataArray(np.zeros((20, 40)), coords, names, name="dem", attrs=attributes)


def with_crs(array: xr.DataArray) -> xr.DataArray:
    """Add the CRS as a variable of the CF conventions."""
    wkt = pyproj.CRS(2959).to_wkt()
    return array.assign_coords(spatial_ref=xr.Variable((), 0, {"crs_wkt": wkt}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the raster of `make_array`."""
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=20, count=1, dtype="uint8",
        transform=UTM, crs="EPSG:2959",
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((1, 20, 40), "uint8"))
    return path


@pytest.mark.parametrize(
    "array",
    [
        with_crs(make_array()),
        with_crs(make_array()).to_dataset(),
        with_crs(make_array()).expand_dims(band=[1]),
        with_crs(make_array()).chunk(10),
        with_crs(make_array())[::-1],
        with_crs(make_array(("northing", "easting"))),
        make_array(crs="EPSG:2959"),
        make_array().rio.write_crs(2959),
        make_array().rio.write_crs(2959).rio.write_transform(UTM),
    ],
)
def test_grid_of_an_array(array: xr.DataArray | xr.Dataset) -> None:
    grid, _ = read_template(array)
    assert (grid.crs, grid.transform, grid.width, grid.height) == ("EPSG:2959", UTM, 40, 20)


def test_sliced_array_is_where_its_coordinates_are() -> None:
    """Its GeoTransform stays that of the whole."""
    whole = make_array().rio.write_crs(2959).rio.write_transform(UTM)
    grid, _ = read_template(whole[3:, 7:20])
    assert grid.bounds == (450_017.5, 5_029_900, 450_050, 5_029_985)


def test_array_without_coordinates_is_where_its_transform_is(file: Path) -> None:
    read = rioxarray.open_rasterio(file, parse_coordinates=False)
    assert read_template(read)[0] == read_template(file)[0]


def test_open_dataset_profile_and_grid_are_as_the_file(file: Path) -> None:
    expected = parse_aoi(like=file)
    with rasterio.open(file) as dataset:
        assert parse_aoi(like=dataset) == expected
        assert read_template(dataset.profile)[0] == expected.grid
        with rasterio.vrt.WarpedVRT(dataset, crs="EPSG:3979") as warped:
            assert read_template(warped)[0].crs == "EPSG:3979"
    box = SimpleNamespace(crs=pyproj.CRS(2959), transform=UTM, width=40, height=20)  # as odc-geo's
    assert read_template(box)[0] == read_template(expected.grid)[0] == expected.grid


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (make_array(), "DataArray dem, given as `like`, does not declare its CRS"),
        (with_crs(make_array()).isel(x=[0, 1, 3]), "coordinates x .* are not evenly spaced"),
        (with_crs(make_array())[:, :1], "coordinates x .* are not evenly spaced"),
        (with_crs(make_array(("a", "b"))), "has the dimensions a, b. Rename"),
        (with_crs(make_array()).drop_vars("x"), "neither coordinates x nor a GeoTransform"),
        (with_crs(make_array())[:, ::-1], "is mirrored"),
        (np.zeros((2, 2)), "type ndarray, which is not a raster"),
        (5, "type int, which is not a raster"),
        (SimpleNamespace(crs=None, transform=UTM, width=4, height=4), "is not georeferenced"),
        (SimpleNamespace(crs=1.5, transform=UTM, width=4, height=4), "1.5 is not a CRS"),
    ],
)
def test_what_has_no_grid_is_refused(source: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_aoi(like=source)
