"""Rasters as templates of the output grid."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.request.aoi.like import read_raster_grid

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


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (Affine(5, 1, 450_000, 1, -5, 5_030_000), "rotated or sheared"),
        (Affine(5, 0.01, 450_000, 0, -5, 5_030_000), "rotated or sheared"),
        (Affine(5, 0, 450_000, 0, 5, 5_030_000), "mirrored"),
        (Affine(-5, 0, 450_000, 0, -5, 5_030_000), "mirrored"),
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
    with pytest.raises(RequestError, match="neither a geographic nor a projected"):
        read_raster_grid(raster(tmp_path / "a.tif", crs=local))
