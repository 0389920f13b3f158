"""Profiles, compared with GDAL on the extracted raster."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from pyproj import Geod

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from tests.pages import run_commands
from tests.points.test_interpolate import ask_gdal

LINE = "LINESTRING(1509050 -167950, 1509950 -167050, 1509050 -167050)"  # EPSG:3979; over a lake


@pytest.mark.slow
def test_values_are_those_of_gdal_along_the_line(demo: Addresses, tmp_path: Path) -> None:
    path = tmp_path / "whole.tif"
    given = {"product": "dtm", "stac_url": demo.stac, "no_cache": True}
    box = (1508700, -168300, 1510300, -166700)
    hrdem.extract(bbox=box, bbox_crs="EPSG:3979", output=path, **given)
    made = hrdem.profile(LINE, line_crs="EPSG:3979", spacing=3, **given)
    x, y = made.table.points.T
    with rasterio.open(path) as raster:
        left, top = raster.bounds.left, raster.bounds.top
    expected = ask_gdal(path, x - left, top - y, "bilinear")
    np.testing.assert_allclose(made.values, expected, rtol=1e-6)
    assert np.isnan(expected).any()
    assert made.slope is not None
    assert np.isnan(made.slope[np.isnan(expected)]).all()
    inner = np.isfinite(expected[:-2]) & np.isfinite(expected[1:-1]) & np.isfinite(expected[2:])
    inner[-1] = False  # the last step is shorter
    rise = (expected[2:] - expected[:-2])[inner]
    np.testing.assert_allclose(made.slope[1:-1][inner], 100 * rise / 6, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_rows_go_to_a_csv_and_a_layer(demo: Addresses, tmp_path: Path) -> None:
    line = "LINESTRING(-75.70 45.41, -75.69 45.42)"
    given = {"product": "dtm", "stac_url": demo.stac, "no_cache": True, "spacing": 100}
    hrdem.profile(line, output=tmp_path / "a.csv", **given)
    hrdem.profile(line, output=tmp_path / "a.gpkg", **given)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert [float(row["distance"]) for row in rows[:3]] == [0, 100, 200]
    length = Geod(ellps="GRS80").line_length([-75.70, -75.69], [45.41, 45.42])
    assert float(rows[-1]["distance"]) == pytest.approx(length, abs=0.01)
    meta, _, _, columns = pyogrio.raw.read(tmp_path / "a.gpkg")
    assert meta["fields"].tolist() == list(rows[0])
    heights = dict(zip(meta["fields"], columns, strict=True))["dtm"]
    assert heights.tolist() == [float(row["dtm"]) for row in rows]


@pytest.mark.slow
@pytest.mark.long
def test_the_commands_of_the_page_work(on_demo: Path) -> None:
    assert run_commands("profiles.md")
    assert (on_demo / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_bad_requests_are_refused_before_any_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = ["--stac-url", "http://127.0.0.1:1", "--product", "dtm"]
    line = "LINESTRING(-75 45, -75 46)"
    for arguments, message in (
        (["LINESTRING(-75 45, -75 45)"], "a line of one point"),
        ([line, "--spacing", "0"], "--spacing 0 is not a distance"),
        ([line, "-o", str(tmp_path / "a.tif")], "ends in .csv, .gpkg or .png"),
    ):
        assert run(["profile", *arguments, *service]) == 2
        assert message in capsys.readouterr().err
