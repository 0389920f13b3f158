"""Coverage files: GeoPackages of any kind, and files that only look like one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import shapely

from hrdem.catalog.surveys import geopackage, worker
from hrdem.catalog.surveys.attributes import Project, find_projects
from hrdem.catalog.surveys.geopackage import read_geopackage_projects
from hrdem.errors import SourceError, TransferError
from hrdem.geo.transform import project_points
from tests.geopackages import write_layer

AREA = shapely.box(1_500_000, -200_000, 1_500_100, -199_900)
LEFT_HALF = shapely.box(1_490_000, -300_000, 1_500_050, -100_000)
FAR = shapely.box(0, 0, 10, 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "coverage.gpkg"


def read(path: Path, prefer: str = "dtm") -> list[Project]:
    """Read a file in this process, which takes a fiftieth of the time."""
    return find_projects(
        AREA, geopackage.read_outlines({"path": str(path), "prefer": prefer}, AREA)
    )


def read_apart(path: Path, seconds: float = 60, **settings: str) -> list[Project]:
    return read_geopackage_projects(str(path), "The file", AREA, "dtm", settings, seconds)


def summarize(path: Path, prefer: str = "dtm") -> list[tuple]:
    return [(each.name, each.first, round(each.share, 6)) for each in read(path, prefer)]


def test_french_fields_with_dates_as_text(path: Path) -> None:
    fields = {"Nom_du_projet": ["Île d'Orléans", "x"], "Année": ["2019", "2020"]}
    write_layer(path, [LEFT_HALF, FAR], fields)
    assert summarize(path) == [("Île d'Orléans", "2019", 0.5)]


def test_no_fields_at_all(path: Path) -> None:
    write_layer(path, [LEFT_HALF])
    assert summarize(path) == [(None, None, 0.5)]


def test_no_spatial_index(path: Path) -> None:
    write_layer(path, [LEFT_HALF, FAR], {"Name": ["A", "B"]}, SPATIAL_INDEX="NO")
    assert summarize(path) == [("A", None, 0.5)]


def test_integers_stay_integers_beside_missing_values(path: Path) -> None:
    write_layer(path, [LEFT_HALF, AREA], {"Name": ["A", "B"], "Year": [2019, None]})
    assert json.dumps([each.attributes for each in read(path)]) == json.dumps(
        [{"Name": "A", "Year": 2019}, {"Name": "B"}]
    )


def test_empty_layer_has_no_projects(path: Path) -> None:
    write_layer(path, [], {"Name": []})
    assert read(path) == []


def test_layer_of_the_product_is_preferred(path: Path) -> None:
    for layer in ("9_2_dsm", "9_2_DTM", "overview"):
        write_layer(path, [LEFT_HALF], {"Name": [layer]}, layer=layer)
    assert summarize(path) == [("9_2_DTM", None, 0.5)]
    assert summarize(path, "dsm") == [("9_2_dsm", None, 0.5)]


def test_all_layers_are_read_if_none_is_preferred(path: Path) -> None:
    write_layer(path, None, {"Name": ["no outlines"]}, layer="notes")
    for layer in ("north", "south"):
        write_layer(path, [LEFT_HALF], {"Name": [layer]}, layer=layer)
    assert [name for name, _, _ in summarize(path)] == ["south", "north"]


@pytest.mark.parametrize("crs", ["EPSG:4617", "EPSG:4326", "EPSG:2959"])
def test_outlines_in_another_crs_are_projected(path: Path, crs: str) -> None:
    dense = shapely.segmentize(LEFT_HALF.intersection(AREA.buffer(50)), 1)
    there = shapely.transform(
        dense, lambda xy: project_points(xy, "EPSG:3979", crs.replace("4326", "4617"))
    )
    write_layer(path, [there, FAR], {"Name": ["A", "B"]}, crs=crs)
    assert summarize(path) == [("A", None, 0.5)]


def test_long_edges_are_densified(path: Path) -> None:
    """Between corners 10 degrees apart a parallel is 40 km from the straight line."""
    ((_, middle),) = project_points(np.array([[1_500_050, -199_950]]), "EPSG:3979", "EPSG:4617")
    write_layer(path, [shapely.box(-80, 40, -70, middle)], {"Name": ["south"]}, crs="EPSG:4617")
    ((_, _, share),) = summarize(path)
    assert share == pytest.approx(0.5, abs=0.02)


def test_layer_without_crs_is_an_error(path: Path) -> None:
    write_layer(path, [LEFT_HALF], crs=None)
    with pytest.raises(ValueError, match="has no coordinate reference system"):
        read(path)


def test_file_without_outlines_is_an_error_not_an_empty_result(path: Path) -> None:
    write_layer(path, None, {"Name": ["no outlines"]})
    with pytest.raises(ValueError, match="no layer with outlines"):
        read(path)


def test_too_many_outlines_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_layer(path, [LEFT_HALF] * 4, {"Name": ["A"] * 4})
    monkeypatch.setattr(geopackage, "MAX_OUTLINES", 3)
    with pytest.raises(ValueError, match="more than 3 outlines"):
        read(path)


@pytest.mark.slow
@pytest.mark.long
def test_truncated_file_is_an_error(path: Path) -> None:
    write_layer(path, [LEFT_HALF] * 500, {"Name": ["A"] * 500})
    whole = path.read_bytes()
    for length in (100, 40_000, len(whole) - 5_000):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match="The file cannot be read"):
            read_apart(path)


@pytest.mark.slow
def test_other_sqlite_database_is_an_error(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE dtm (name TEXT, geom BLOB)")
        database.commit()
    with pytest.raises(SourceError, match="The file cannot be read"):
        read_apart(path)


@pytest.mark.slow
def test_other_formats_are_not_read(path: Path, tmp_path: Path) -> None:
    """A VRT can refer to files of this machine and to other hosts."""
    outlines = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "EPSG:3979"}},
        "features": [
            {
                "type": "Feature",
                "properties": {"Name": "x"},
                "geometry": shapely.geometry.mapping(AREA),
            }
        ],
    }
    inside = tmp_path / "inside.geojson"
    inside.write_text(json.dumps(outlines))
    path.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="inside"><SrcDataSource>{inside}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>",
        encoding="utf-8",
    )
    for stranger in (path, inside):
        with pytest.raises(SourceError, match="The file cannot be read"):
            read_apart(stranger)


@pytest.mark.slow
@pytest.mark.long
def test_view_that_computes_forever_is_stopped(path: Path) -> None:
    write_layer(path, [LEFT_HALF], {"Name": ["A"]}, layer="table")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE VIEW dtm AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT fid, geom FROM 'table', n WHERE x < 0;"
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
            "SELECT 'dtm', data_type, 'dtm', srs_id FROM gpkg_contents;"
            "INSERT INTO gpkg_geometry_columns SELECT 'dtm', column_name, geometry_type_name, "
            "srs_id, z, m FROM gpkg_geometry_columns;"
        )
    with pytest.raises(TransferError, match="The file could not be read within 2 s"):
        read_apart(path, seconds=2)


@pytest.mark.slow
def test_reader_that_fails_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_layer(path, [LEFT_HALF])
    with pytest.raises(TransferError, match="The file was not read: .*exit code 1"):
        read_apart(path, PYTHONHASHSEED="no number")
    monkeypatch.setattr(worker.spawn, "get_executable", lambda: str(path))
    with pytest.raises(TransferError, match="The file was not read: .*failed"):
        read_apart(path)


@pytest.mark.slow
def test_a_separate_process_reads_the_same_with_settings_of_its_own(path: Path) -> None:
    """In this process they would apply to every file that pyogrio reads."""
    import pyogrio

    write_layer(path, [LEFT_HALF, AREA], {"Name": ["Île", "B"], "Year": [2019, None]})
    assert read_apart(path, GDAL_HTTP_HEADERS="If-Match: 1") == read(path)
    assert pyogrio.get_gdal_config_option("GDAL_HTTP_HEADERS") is None
