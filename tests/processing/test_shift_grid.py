"""Vertical shift grids: sign, gaps, and files that are not shift grids."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.errors import RequestError
from hrdem.processing.vertical import shift_grid
from hrdem.processing.vertical.shift_grid import make_unknown_shift_error, read_user_grid
from tests.shift_grids import NODATA, NORTH, STEP, WEST, millimetres, node, write_grid


def test_node_value_is_added_in_metres(tmp_path: Path) -> None:
    """At Halifax, CGVD28 heights are 0.640 m above CGVD2013; the grid stores 640."""
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, -152], [293, 0]]))
    points = [node(0, 0), node(1, 0), node(0, 1), node(1, 1)]
    np.testing.assert_allclose(grid.shift(*zip(*points, strict=True)), [0.640, -0.152, 0.293, 0])


def test_values_between_nodes_are_interpolated(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[0, 100], [200, 300]]))
    lon, lat = node(0.25, 0.5)
    assert float(grid.shift(lon, lat)) == pytest.approx(0.125, abs=1e-9)


def test_band_offset_is_applied(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", [[640, 640], [640, 640]])
    with rasterio.open(path, "r+") as dataset:
        dataset.offsets = (-1.0,)
    assert float(read_user_grid(path).shift(*node(0.5, 0.5))) == pytest.approx(-0.360)


def test_point_next_to_an_empty_node_has_no_shift(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, 640, NODATA], [640, 640, 640]]))
    assert np.isfinite(grid.shift(*node(0.5, 0.5)))
    assert np.isnan(grid.shift(*node(1.001, 0.5)))


def test_empty_node_without_weight_is_ignored(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, NODATA], [240, NODATA]]))
    assert float(grid.shift(*node(0, 0.5))) == pytest.approx(0.440)
    lon, lat = node(0, 0.5)
    assert float(grid.shift(lon + 1e-12, lat)) == pytest.approx(0.440)


@pytest.mark.parametrize(
    "point",
    [(-0.01, 1), (7.01, 1), (1, -0.01), (1, 5.01), (10_800, 1), (np.nan, 1), (1, np.inf)],
)
def test_point_outside_has_no_shift(tmp_path: Path, point: tuple[float, float]) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres(6, 8)))
    assert np.isnan(grid.shift(*node(*point)))


def test_last_nodes_are_inside(tmp_path: Path) -> None:
    stored = millimetres(6, 8)
    grid = read_user_grid(write_grid(tmp_path / "a.tif", stored))
    assert float(grid.shift(*node(7, 5))) == pytest.approx(stored[5, 7] / 1000)


def test_shifts_do_not_depend_on_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of any layout give the values of their single points."""
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres()))
    lon, lat = node(*np.meshgrid(np.linspace(-1, 8, 37), np.linspace(-1, 6, 23)))
    whole = grid.shift(lon, lat)
    monkeypatch.setattr(shift_grid, "CHUNK_POINTS", 10)
    np.testing.assert_array_equal(grid.shift(lon, lat), whole)
    one = [float(grid.shift(x, y)) for x, y in zip(lon.ravel(), lat.ravel(), strict=True)]
    np.testing.assert_array_equal(one, whole.ravel())
    np.testing.assert_array_equal(grid.shift(lon.T, lat.T), whole.T)  # not contiguous


def test_nodes_stay_points_whatever_the_gdal_options(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres())
    usual = read_user_grid(path).transform
    with rasterio.Env(GTIFF_POINT_GEO_IGNORE=True):
        with rasterio.open(path) as dataset:
            assert dataset.transform != usual
        assert read_user_grid(path).transform == usual


def test_aux_xml_file_is_ignored(tmp_path: Path) -> None:
    """GDAL would read another scale from it, although the checksum matches."""
    path = write_grid(tmp_path / "a.tif", [[640, 640], [640, 640]])
    sidecar = (
        "<PAMDataset><PAMRasterBand band='1'><Scale>0.002</Scale></PAMRasterBand></PAMDataset>"
    )
    (tmp_path / "a.tif.aux.xml").write_text(sidecar)
    with rasterio.open(path) as dataset:
        assert dataset.scales == (0.002,)
    assert float(read_user_grid(path).shift(*node(0.5, 0.5))) == pytest.approx(0.640)


@pytest.mark.parametrize(
    ("stored", "settings", "message"),
    [
        ([[640]], {"count": 2}, "2 bands"),
        ([[640]], {"crs": "EPSG:3979"}, "not in longitude and latitude"),
        ([[640]], {"crs": None}, "not in longitude and latitude"),
        ([[640]], {"transform": Affine(STEP, 0, -76, 0, STEP, 45)}, "not north-up"),
        ([[640]], {"transform": Affine(STEP, 0.1, -76, 0, -STEP, 45)}, "not north-up"),
        ([[640]], {"transform": Affine(STEP, 0, -76, 0.1, -STEP, 45)}, "not north-up"),
        ([[640]], {"transform": Affine(-STEP, 0, -76, 0, -STEP, 45)}, "not north-up"),
        ([[640]], {"scale": 1.0}, "largest value is 640 m"),
        ([[-31_000]], {}, "largest value is 31 m.*geoid"),
        ([[0, 0], [0, NODATA]], {}, "largest value is 0 m"),
        ([[NODATA]], {}, "largest value is nan m"),
        ([[np.inf]], {"dtype": "float32"}, "largest value is inf m"),
    ],
)
def test_implausible_grids_are_refused(
    tmp_path: Path, stored: Any, settings: dict[str, Any], message: str
) -> None:
    path = write_grid(tmp_path / "a.tif", stored, **settings)
    with pytest.raises(RequestError, match=f"(?s)a.tif cannot be.*{message}.*`vertical_grid`"):
        read_user_grid(path)


def test_large_grids_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres(6, 8))
    monkeypatch.setattr(shift_grid, "MAX_NODES", 47)
    with pytest.raises(RequestError, match="more than 47 nodes"):
        read_user_grid(path)
    monkeypatch.setattr(shift_grid, "MAX_FILE_BYTES", 100)
    with pytest.raises(RequestError, match="larger than"):
        read_user_grid(path)


def test_missing_file_or_no_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with pytest.raises(RequestError, match="cannot be read") as refused:
        read_user_grid(path)
    assert isinstance(refused.value.__cause__, FileNotFoundError)
    path.write_bytes(b"<html>")
    with pytest.raises(RequestError, match="GDAL cannot read it"):
        read_user_grid(path)


def test_damaged_grid_is_refused(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres(60, 80), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RequestError, match="GDAL cannot read it"):
        read_user_grid(path)


def test_error_names_the_point_without_a_shift(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres()))
    message = str(make_unknown_shift_error(grid, -52.71261, 47.56152))
    assert "a.tif" in message
    assert "-52.71261, 47.56152" in message


def test_each_cell_is_interpolated_from_its_own_nodes(tmp_path: Path) -> None:
    """The formula of the surface by hand; no cell is flat, and the last ones are as the first."""
    rows, columns = np.indices((6, 8))
    grid = read_user_grid(
        write_grid(tmp_path / "a.tif", 70 + 30 * columns - 50 * rows + 20 * rows * columns)
    )
    row, column = (
        each.ravel() for each in np.meshgrid(np.linspace(0, 5, 21), np.linspace(0, 7, 29))
    )
    expected = (70 + 30 * column - 50 * row + 20 * row * column) / 1000
    np.testing.assert_allclose(grid.shift(*node(column, row)), expected, rtol=0, atol=1e-9)


def test_offset_counts_in_the_largest_difference(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", [[640, 640], [640, 640]])
    with rasterio.open(path, "r+") as dataset:
        dataset.offsets = (4.5,)
    with pytest.raises(RequestError, match=r"largest value is 5\.14 m"):
        read_user_grid(path)


def test_formats_that_gdal_knows_by_their_suffix_are_read(tmp_path: Path) -> None:
    """GTX has no signature: corner, steps, sizes, then rows from the south."""
    values = np.array([[0.293, 0.0], [0.640, -0.152]], ">f4")
    header = struct.pack(">4d2i", NORTH - STEP, WEST, STEP, STEP, 2, 2)
    path = tmp_path / "a.gtx"
    path.write_bytes(header + values.tobytes())
    points = [node(0, 0), node(1, 0), node(0, 1), node(1, 1)]
    shifts = read_user_grid(path).shift(*zip(*points, strict=True))
    np.testing.assert_allclose(shifts, [0.640, -0.152, 0.293, 0], atol=1e-6)
