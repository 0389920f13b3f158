"""Rasters as templates of the output grid."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.request.aoi.like import read_raster_grid, read_template
from tests.legacy_dems import make_bc_dem, make_cell, write

UTM = Affine(2.5, 0, 450_000, 0, -5, 5_030_000)


def raster(path, transform=UTM, crs="EPSG:2959", **more):
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=20, count=1, dtype="uint8",
        transform=transform, crs=crs, **more,
    ) as made:  # fmt: skip
        made.write(np.zeros((1, 20, 40), "uint8"))
    return path


def test_grid_of_a_raster(tmp_path) -> None:
    grid = read_raster_grid(raster(tmp_path / "a.tif"))
    assert (grid.crs, grid.transform, grid.width, grid.height) == ("EPSG:2959", UTM, 40, 20)
    assert grid.bounds == (450_000, 5_029_900, 450_100, 5_030_000)


def test_compound_crs_loses_its_vertical_part(tmp_path) -> None:
    assert read_raster_grid(raster(tmp_path / "a.tif", crs="EPSG:2959+5713")).crs == "EPSG:2959"


def test_compound_crs_without_code_loses_its_vertical_part(tmp_path) -> None:
    flat = "+proj=tmerc +lon_0=-75 +k=0.9999 +x_0=1000 +ellps=GRS80 +units=m"
    wkt = CRS.from_string(flat).to_wkt(version="WKT2_2019")
    height = CRS.from_epsg(5713).to_wkt(version="WKT2_2019")
    compound = f'COMPOUNDCRS["both",{wkt},{height}]'
    found = CRS.from_user_input(read_raster_grid(raster(tmp_path / "a.tif", crs=compound)).crs)
    assert found.is_projected
    assert "CGVD28" not in found.to_wkt()


@pytest.mark.parametrize(("crs", "flat"), [("EPSG:4979", "EPSG:4326"), ("EPSG:4955", "EPSG:4617")])
def test_axis_of_heights_is_left_out(tmp_path, crs: str, flat: str) -> None:
    degrees = Affine(1e-5, 0, -75.7, 0, -1e-5, 45.4)
    assert read_raster_grid(raster(tmp_path / "a.tif", degrees, crs)).crs == flat


def test_axis_of_heights_of_a_projected_crs_is_left_out(tmp_path) -> None:
    solid = pyproj.CRS(2959).to_3d()
    assert read_raster_grid(raster(tmp_path / "a.tif", crs=solid.to_wkt())).crs == "EPSG:2959"


@pytest.mark.parametrize(
    ("right", "down"), [(1e-13, -1e-14), (2.5e-3 / 20 * 0.9, 0), (0, -5e-3 / 40 * 0.9)]
)
def test_rotation_below_a_thousandth_of_a_pixel_is_none(tmp_path, right, down) -> None:
    """40 pixels of 2.5 m across, 20 of 5 m down: what the corners move by, worked by hand."""
    noisy = Affine(2.5, right, 450_000, down, -5, 5_030_000)
    assert read_raster_grid(raster(tmp_path / "a.tif", noisy)).transform == UTM


@pytest.mark.parametrize(
    ("right", "down", "pixels"), [(2.5e-3 / 20 * 1.1, 0, "0.0011"), (0, 1.5, "12")]
)
def test_rotation_beyond_it_is_told(tmp_path, right, down, pixels: str) -> None:
    rotated = Affine(2.5, right, 450_000, down, -5, 5_030_000)
    with pytest.raises(RequestError, match=f"its corners are off by {pixels} pixels"):
        read_raster_grid(raster(tmp_path / "a.tif", rotated))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (Affine(5, 1, 450_000, 1, -5, 5_030_000), "rotated or sheared"),
        (Affine(5, 0.01, 450_000, 0, -5, 5_030_000), "rotated or sheared"),
        (Affine(5, 0, 450_000, 0, 5, 5_030_000), "mirrored"),
        (Affine(-5, 0, 450_000, 0, -5, 5_030_000), "mirrored"),
        (Affine(5, 1e-14, 450_000, 0, 5, 5_030_000), "mirrored"),
        (Affine(0, 5, 450_000, 5, 0, 5_030_000), "right angle"),
        (Affine(0, 0, 450_000, 0, 0, 5_030_000), "without an extent"),
        (Affine.identity(), "not georeferenced"),
    ],
)
@pytest.mark.filterwarnings("ignore:The given matrix is equal")
def test_grid_that_is_not_north_up_is_refused(tmp_path, transform, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_raster_grid(raster(tmp_path / "a.tif", transform))


def test_raster_without_crs_is_refused(tmp_path) -> None:
    with pytest.raises(RequestError, match="not georeferenced"):
        read_raster_grid(raster(tmp_path / "a.tif", crs=None))


def test_ground_control_points_are_refused(tmp_path) -> None:
    points = [GroundControlPoint(row, row, row, row, 0) for row in range(4)]
    path = raster(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as made:
        made.gcps = points, CRS.from_epsg(4326)
    with pytest.raises(RequestError, match="ground control points"):
        read_raster_grid(path)


def test_file_that_is_not_a_raster_is_refused(tmp_path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("no raster")
    with pytest.raises(RequestError, match=r"a\.tif, given as `like`, cannot be opened"):
        read_raster_grid(path)


def test_engineering_crs_is_refused(tmp_path) -> None:
    local = 'ENGCRS["site",EDATUM["site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'  # noqa: E501
    with pytest.raises(RequestError, match=r"CRS of a\.tif.* neither a geographic nor a projected"):
        read_raster_grid(raster(tmp_path / "a.tif", crs=local))


@pytest.mark.parametrize(
    ("transform", "width", "message"),
    [
        (None, 9, "given as `like`"),
        (UTM, 0, "no pixels"),
        ((float("nan"), *UTM[1:6]), 9, "no pixels"),
    ],
)
def test_object_that_is_no_grid_is_refused(transform, width: int, message: str) -> None:
    found = {"crs": 2959, "transform": transform, "width": width, "height": 9}
    with pytest.raises(RequestError, match=message):
        read_template(found)


def test_transform_may_be_six_numbers() -> None:
    found = {"crs": 2959, "transform": UTM[:6], "width": 40, "height": 20}
    assert read_template(found)[0].transform == UTM


def test_a_dem_of_bc_is_placed_by_its_own_header(tmp_path) -> None:
    """GDAL takes its Albers for NAD83, with metres divided by 3600; nodes are pixel centres."""
    heights = np.arange(12, dtype=np.int16).reshape(3, 4)
    path = write(tmp_path / "104p.dem", make_bc_dem(heights, 769_775, 1_558_675, albers=True))
    grid, name = read_template(path)
    assert (grid.crs, grid.width, grid.height, name) == ("EPSG:3005", 4, 3, "104p.dem")
    assert grid.bounds == (769_762.5, 1_558_662.5, 769_862.5, 1_558_737.5)


def test_a_dem_whose_header_has_no_crs_is_no_template(tmp_path) -> None:
    path = write(tmp_path / "old.dem", make_cell(np.ones((2, 2), np.int16), datum=""))
    with pytest.raises(RequestError) as caught:
        read_template(path)
    assert str(caught.value) == (
        "old.dem does not say its CRS: in its header, element 27 (horizontal datum) is blank."
    )


def test_other_files_that_end_in_dem_are_those_of_gdal(tmp_path) -> None:
    path = raster(tmp_path / "a.tif").rename(tmp_path / "a.dem")
    assert read_template(path)[0] == Grid("EPSG:2959", UTM, 40, 20)
