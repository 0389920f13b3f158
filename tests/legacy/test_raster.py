"""One DEM: its datum, its pixels, and zeros that stand for no data in old editions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrdem.geo.nodata import VOID
from hrdem.legacy.raster import LegacyRaster, RasterFile, RasterFormat, find_void_zeros, open_raster
from tests.legacy_dems import make_ascii, make_bc_dem, make_cell, write
from tests.usgs_dems import TextDem

SEA = np.array([[0, 5], [0, 7]], np.int16)
VOIDS = np.array([[0, VOID], [0, 7]], np.int16)


def open_dem(tmp_path: Path, dem: TextDem | bytes, name: str = "031k01_e.dem") -> LegacyRaster:
    return open_raster(RasterFile(write(tmp_path / name, dem)), None, None)


def test_a_dem_has_the_grid_of_its_nodes(tmp_path: Path) -> None:
    """67 W, 49 N is the south-western node, so the edges are half a spacing outside."""
    raster = open_dem(tmp_path, make_cell(SEA))
    west, south, east, north = raster.grid.bounds
    assert (west, south) == pytest.approx((-67 - 1.5 / 3600, 49 - 1.5 / 3600), abs=1e-12)
    assert (east, north) == pytest.approx((-67 + 4.5 / 3600, 49 + 4.5 / 3600), abs=1e-12)
    assert (raster.kind, raster.theme, raster.unit) == (RasterFormat.DEM, "elevation", "metre")
    assert np.array_equal(raster.read(), SEA)


def test_albers_is_read_right(tmp_path: Path) -> None:
    """GDAL takes it for NAD83, with metres divided by 3600."""
    raster = open_dem(tmp_path, make_bc_dem(SEA, 1_146_250, 333_500, albers=True))
    assert raster.grid.crs == "EPSG:3005"
    assert raster.grid.centre(0, 1) == (1_146_250, 333_500)


@pytest.mark.parametrize(
    ("element", "datum"), [("", "CGVD28"), (1, "CGVD28"), (2, "NGVD29"), (3, "NAVD88"), (4, "")]
)
def test_the_vertical_datum_is_that_of_element_26(tmp_path: Path, element, datum: str) -> None:
    assert open_dem(tmp_path, make_cell(SEA, vertical=element)).vertical_datum == datum


def test_only_bc_ascii_grids_have_a_vertical_datum(tmp_path: Path) -> None:
    path = write(tmp_path / "92b-albers-elevation.asc", make_ascii(SEA, 12.5, 12.5))
    assert open_raster(RasterFile(path)).vertical_datum == "CGVD28"
    path = path.rename(tmp_path / "old.asc")
    raster = open_raster(RasterFile(path), None, "EPSG:3005")
    assert (raster.vertical_datum, raster.kind) == ("", RasterFormat.ASCII)


@pytest.mark.parametrize("edition", ["", "0100", "1010"])
def test_zeros_of_the_standard_of_2000_may_be_void(tmp_path: Path, edition: str) -> None:
    """Its files name no specification, or one before 2.0 (CDED 2.1, 2.8.3)."""
    raster = open_dem(tmp_path, make_cell(SEA, edition=edition))
    zeros = find_void_zeros(raster, raster.read())
    assert zeros is not None
    assert zeros.tolist() == [[True, False], [True, False]]


@pytest.mark.parametrize(
    "dem",
    [
        make_cell(VOIDS),  # it has -32767
        make_cell(SEA, edition="1020"),
        make_cell(SEA, edition="1021"),
        make_cell(SEA + 1),
        make_bc_dem(SEA, 25, 25, albers=True),
        make_bc_dem(SEA, 500_025, 25, albers=False),
    ],
)
def test_zeros_of_other_files_are_heights(tmp_path: Path, dem: TextDem) -> None:
    raster = open_dem(tmp_path, dem)
    assert find_void_zeros(raster, raster.read()) is None


def test_zeros_of_an_ascii_grid_are_heights(tmp_path: Path) -> None:
    path = write(tmp_path / "92b-albers-elevation.asc", make_ascii(SEA, 12.5, 12.5))
    raster = open_raster(RasterFile(path))
    assert find_void_zeros(raster, raster.read()) is None
