"""Datums that are not NAD83, through every option that names a CRS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights_at
from tests.projections import to_lonlat, to_xy
from tests.shift_grids import write_datum_grid

ATS77_UTM = "EPSG:2220"
HALIFAX = "-63.6010,44.5990,-63.6000,44.6000"  # on NAD83
EAST, NORTH = 2.0, 0.5  # arc seconds from ATS77 to NAD83, by the grid of these tests


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, demo: Addresses) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    monkeypatch.setenv("HRDEM_WCS_URL", demo.wcs)


@pytest.fixture
def grid(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Iterator[None]:
    """A grid in a folder that PROJ_DATA names, which is hidden from GDAL as it has no proj.db."""
    folder, before = tmp_path_factory.mktemp("my grids"), pyproj.datadir.get_data_dir()
    write_datum_grid(folder / "ca_nrc_GS7783.tif", EAST, NORTH, -63, 45)
    monkeypatch.setenv("PROJ_DATA", str(folder))
    yield
    pyproj.datadir.set_data_dir(before)


def extract(*arguments: str) -> int:
    return run(["extract", "--product", "dtm", "-o", "out.tif", *arguments])


def to_native(points: np.ndarray) -> np.ndarray:
    """Return coordinates in EPSG:3979 of points in ATS77 / UTM 20, by formulas and the grid."""
    lonlat = to_lonlat(points, ATS77_UTM) + np.array([EAST, NORTH]) / 3600
    return to_xy(lonlat, "EPSG:3979")


@pytest.mark.slow
@pytest.mark.usefixtures("grid")
def test_pixels_are_where_the_grid_puts_them(capsys) -> None:
    """Points and the warper follow one pipeline, and the file has the user's CRS."""
    code = extract(
        f"--bbox={HALIFAX}", "--crs", ATS77_UTM, "--resolution", "1", "--resampling", "nearest"
    )
    assert code == 0, capsys.readouterr().err
    with rasterio.open("out.tif") as dataset:
        assert dataset.crs.to_epsg() == 2220
        found = dataset.read(1)
        recorded = json.loads(dataset.tags()["HRDEM_REQUEST"])["crs_datum"]
        left, top = dataset.bounds.left, dataset.bounds.top
    rows, columns = np.indices(found.shape).reshape(2, -1) + 0.5
    native = to_native(np.column_stack([left + columns, top - rows]))
    expected = heights_at(*native.T, 1).reshape(found.shape)
    assert (found == expected).mean() > 0.999  # a centre may lie on an edge, to a nanometre
    assert (recorded["name"], recorded["accuracy"]) == ("ATS77 to NAD83 (1)", 0.5)
    item = json.loads(Path("out.stac.json").read_text(encoding="utf-8"))
    assert item["properties"]["proj:code"] == ATS77_UTM
    assert item["properties"]["hrdem:request"]["crs_datum"] == recorded


@pytest.mark.slow
def test_a_datum_without_its_grid_is_refused_in_every_way_in(capsys, monkeypatch) -> None:
    """It is exit 2, with the option that continues, before anything is requested."""
    monkeypatch.setenv("HRDEM_STAC_URL", "http://127.0.0.1:1/")
    lonlat = np.array([[-63.601, 44.599], [-63.600, 44.600]])
    (west, south), (east, north) = to_xy(lonlat, ATS77_UTM)
    box = shapely.box(west, south, east, north)
    Path("a.geojson").write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2220"}},
                "features": [
                    {"type": "Feature", "properties": {}, "geometry": box.__geo_interface__}
                ],
            }
        ),
        encoding="utf-8",
    )
    with rasterio.open(
        "a.tif", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8", crs=ATS77_UTM,
        transform=Affine(10, 0, west, 0, -10, north),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 9, 9), np.uint8))
    ways = [
        [f"--bbox={west},{south},{east},{north}", "--bbox-crs", ATS77_UTM],
        ["--aoi", box.wkt, "--aoi-crs", ATS77_UTM],
        ["--aoi", "a.geojson"],
        ["--like", "a.tif"],
        [f"--bbox={HALIFAX}", "--crs", ATS77_UTM],
        ["--point=-63.6,44.6", "--radius", "50", "--crs", ATS77_UTM],
    ]
    for way in ways:
        assert extract(*way) == 2
        error = " ".join(capsys.readouterr().err.split())
        assert "needs the grid ca_nrc_NS778302.tif" in error
        assert "--allow-inaccurate-datum continues" in error
    assert not Path("out.tif").exists()


@pytest.mark.slow
def test_a_datum_as_allowed_is_recorded(capsys) -> None:
    code = extract(
        *(f"--bbox={HALIFAX}", "--bbox-crs", "EPSG:4122", "--resolution", "20"),
        "--allow-inaccurate-datum",
    )
    assert code == 0
    assert "Average Terrestrial System 1977" in capsys.readouterr().err
    with rasterio.open("out.tif") as dataset:
        recorded = json.loads(dataset.tags()["HRDEM_REQUEST"])
    assert recorded["aoi_datum"]["name"] == "Ballpark geographic offset"
    assert recorded["aoi_datum"]["accuracy"] is None
    assert "crs_datum" not in recorded
