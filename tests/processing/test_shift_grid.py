"""The difference between two datums: its sign, its gaps, and files that do not tell it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from hrdem.errors import RequestError
from hrdem.processing.vertical import shift_grid
from hrdem.processing.vertical.shift_grid import make_unknown_shift_error, read_user_grid
from tests.shift_grids import NODATA, STEP, millimetres, node, write_grid


def test_what_is_stored_at_a_node_is_added_in_metres(tmp_path: Path) -> None:
    """At Halifax CGVD28 heights are 0.640 m higher than CGVD2013's, and 640 is what is stored."""
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, -152], [293, 0]]))
    places = [node(0, 0), node(1, 0), node(0, 1), node(1, 1)]
    np.testing.assert_allclose(grid.shift(*zip(*places, strict=True)), [0.640, -0.152, 0.293, 0])


def test_between_nodes_it_is_what_lies_between(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[0, 100], [200, 300]]))
    lon, lat = node(0.25, 0.5)
    assert float(grid.shift(lon, lat)) == pytest.approx(0.125, abs=1e-9)


def test_a_stored_offset_counts(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", [[640, 640], [640, 640]])
    with rasterio.open(path, "r+") as dataset:
        dataset.offsets = (-1.0,)
    assert float(read_user_grid(path).shift(*node(0.5, 0.5))) == pytest.approx(-0.360)


def test_a_place_beside_a_node_without_a_value_has_no_shift(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, 640, NODATA], [640, 640, 640]]))
    assert np.isfinite(grid.shift(*node(0.5, 0.5)))
    assert np.isnan(grid.shift(*node(1.001, 0.5)))


def test_a_node_without_weight_may_be_without_a_value(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", [[640, NODATA], [240, NODATA]]))
    assert float(grid.shift(*node(0, 0.5))) == pytest.approx(0.440)
    lon, lat = node(0, 0.5)
    assert float(grid.shift(lon + 1e-12, lat)) == pytest.approx(0.440)


@pytest.mark.parametrize(
    "place",
    [(-0.01, 1), (7.01, 1), (1, -0.01), (1, 5.01), (10_800, 1), (np.nan, 1), (1, np.inf)],
)
def test_a_place_outside_has_no_shift(tmp_path: Path, place: tuple[float, float]) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres(6, 8)))
    assert np.isnan(grid.shift(*node(*place)))


def test_the_last_nodes_are_inside(tmp_path: Path) -> None:
    stored = millimetres(6, 8)
    grid = read_user_grid(write_grid(tmp_path / "a.tif", stored))
    assert float(grid.shift(*node(7, 5))) == pytest.approx(stored[5, 7] / 1000)


def test_a_block_is_the_sum_of_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres()))
    lon, lat = node(*np.meshgrid(np.linspace(-1, 8, 37), np.linspace(-1, 6, 23)))
    whole = grid.shift(lon, lat)
    monkeypatch.setattr(shift_grid, "CHUNK_POINTS", 10)
    np.testing.assert_array_equal(grid.shift(lon, lat), whole)
    one = [float(grid.shift(x, y)) for x, y in zip(lon.ravel(), lat.ravel(), strict=True)]
    np.testing.assert_array_equal(one, whole.ravel())
    np.testing.assert_array_equal(grid.shift(lon.T, lat.T), whole.T)  # not contiguous


def test_nodes_stay_points_whatever_gdal_is_told(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres())
    usual = read_user_grid(path).transform
    with rasterio.Env(GTIFF_POINT_GEO_IGNORE=True):
        with rasterio.open(path) as dataset:
            assert dataset.transform != usual
        assert read_user_grid(path).transform == usual


def test_a_file_beside_the_grid_does_not_change_it(tmp_path: Path) -> None:
    """GDAL would take another scale from it, and the checksum would still be right."""
    path = write_grid(tmp_path / "a.tif", [[640, 640], [640, 640]])
    aside = "<PAMDataset><PAMRasterBand band='1'><Scale>0.002</Scale></PAMRasterBand></PAMDataset>"
    (tmp_path / "a.tif.aux.xml").write_text(aside)
    with rasterio.open(path) as dataset:
        assert dataset.scales == (0.002,)
    assert float(read_user_grid(path).shift(*node(0.5, 0.5))) == pytest.approx(0.640)


@pytest.mark.parametrize(
    ("stored", "settings", "said"),
    [
        ([[640]], {"count": 2}, "2 bands"),
        ([[640]], {"crs": "EPSG:3979"}, "not in longitude and latitude"),
        ([[640]], {"crs": None}, "not in longitude and latitude"),
        ([[640]], {"transform": Affine(STEP, 0, -76, 0, STEP, 45)}, "not north-up"),
        ([[640]], {"transform": Affine(STEP, 0.1, -76, 0, -STEP, 45)}, "not north-up"),
        ([[640]], {"scale": 1.0}, "largest value is 640 m"),
        ([[-31_000]], {}, "largest value is 31 m.*geoid"),
        ([[0, 0], [0, NODATA]], {}, "largest value is 0 m"),
        ([[NODATA]], {}, "largest value is nan m"),
        ([[np.inf]], {"dtype": "float32"}, "largest value is inf m"),
    ],
)
def test_what_cannot_be_the_difference_is_refused(
    tmp_path: Path, stored: Any, settings: dict[str, Any], said: str
) -> None:
    path = write_grid(tmp_path / "a.tif", stored, **settings)
    with pytest.raises(RequestError, match=f"(?s)a.tif cannot be.*{said}.*`vertical_grid`"):
        read_user_grid(path)


def test_a_grid_of_any_size_is_not_taken_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres(6, 8))
    monkeypatch.setattr(shift_grid, "MAX_NODES", 47)
    with pytest.raises(RequestError, match="more than 47 nodes"):
        read_user_grid(path)
    monkeypatch.setattr(shift_grid, "MAX_FILE_BYTES", 100)
    with pytest.raises(RequestError, match="larger than"):
        read_user_grid(path)


def test_a_file_that_is_no_raster_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with pytest.raises(RequestError, match="cannot be read") as refused:
        read_user_grid(path)
    assert isinstance(refused.value.__cause__, FileNotFoundError)
    path.write_bytes(b"<html>")
    with pytest.raises(RequestError, match="GDAL cannot read it"):
        read_user_grid(path)


def test_a_damaged_grid_is_refused(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.tif", millimetres(60, 80), compress="deflate")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RequestError, match="GDAL cannot read it"):
        read_user_grid(path)


def test_a_height_without_a_shift_is_told_by_its_place(tmp_path: Path) -> None:
    grid = read_user_grid(write_grid(tmp_path / "a.tif", millimetres()))
    said = str(make_unknown_shift_error(grid, -52.71261, 47.56152))
    assert "a.tif" in said
    assert "-52.71261, 47.56152" in said
