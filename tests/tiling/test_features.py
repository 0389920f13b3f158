"""Areas that get a file each: features of a layer, lists of sheets and of points."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.transformer import TransformerGroup

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.parse import parse_aoi
from hrdem.tiling.features import Features, read_features
from tests.geopackages import write_layer

NAMES = ("aoi", "nts", "point", "aoi_crs", "layer", "radius", "buffer", "name_by", "where")
DON = shapely.box(-79.5, 43.7, -79.4, 43.8)
HUMBER = shapely.box(-79.6, 43.7, -79.5, 43.8)
BOW_TIE = shapely.Polygon([(-75, 45), (-74.9, 45.1), (-75, 45.1), (-74.9, 45)])
PARIS = shapely.box(2.2, 48.8, 2.4, 48.9)
LINE = shapely.LineString([(-75, 45), (-74.9, 45)])


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def read(**values: Any) -> Features:
    return read_features(dict.fromkeys(NAMES) | {"allow_inaccurate_datum": False} | values)


def names_of(features: Features) -> list[str]:
    return [area.name for area in features.areas]


def write_basins(*shapes: shapely.Geometry, **columns: list) -> str:
    write_layer(
        Path("basins.gpkg"), shapes, columns, crs="EPSG:4326", kind="Unknown", layer="basins"
    )
    return "basins.gpkg"


def test_a_feature_is_the_area_that_extract_would_take() -> None:
    found = read(aoi=write_basins(DON, HUMBER, name=["Don", "Humber"]), name_by="NAME")
    assert names_of(found) == ["Don", "Humber"]
    alone = parse_aoi(aoi=HUMBER.wkt).aoi
    assert found.areas[1].aoi.outline.equals_exact(alone.outline)
    assert found.areas[1].aoi.geometry.equals_exact(alone.geometry)
    assert found.areas[1].aoi.label == "Humber (feature 2 of basins.gpkg)"
    assert found.whole.is_polygon
    united = project_geometry(DON.union(HUMBER), LONLAT, "EPSG:3979")
    assert found.whole.aoi.bounds == pytest.approx(united.bounds, abs=0.01)


def test_a_condition_selects_features_and_they_keep_their_ids() -> None:
    basins = write_basins(DON, HUMBER, PARIS, order=[3, 4, 5])
    assert names_of(read(aoi=basins, where='"order" = 4 OR fid = 1')) == ["basins-1", "basins-2"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name_by": "nmae"}, r"no field 'nmae'.*Did you mean name\? Its fields are: fid, name\."),
        ({"where": "area > 2"}, r"no such column: area\. .*Its fields are: name; texts stand"),
        ({"where": "name = 'Do"}, "not a condition in SQL"),
        ({"where": " "}, "`where` is empty"),
        ({"where": "name = 'Seine'"}, "No feature of basins.gpkg meets .*it has 1"),
    ],
)
def test_a_wrong_field_or_condition_is_explained(values: dict[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read(aoi=write_basins(DON, name=["Don"]), **values)


def test_features_that_cannot_have_pixels_are_left_out_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    basins = write_basins(DON, PARIS, LINE, name=["Don", "Seine", "Cut line"])
    assert names_of(read(aoi=basins, name_by="name")) == ["Don"]
    assert "outside Canada are left out: Seine (feature 2" in caplog.text
    assert "no area are left out: Cut line (feature 3" in caplog.text


def test_if_no_feature_is_left_the_reason_is_an_error() -> None:
    basins = write_basins(LINE, PARIS, name=["Cut line", "Seine"])
    with pytest.raises(RequestError, match=r"Cut line .*has no area: it is a LineString.*`buffer`"):
        read(aoi=basins, name_by="name", where="name <> 'Seine'")
    with pytest.raises(NoDataError, match=r"Seine .*outside Canada"):
        read(aoi=basins, name_by="name", where="name = 'Seine'")


def test_an_invalid_polygon_is_repaired_and_named(caplog: pytest.LogCaptureFixture) -> None:
    (area,) = read(aoi=write_basins(BOW_TIE, name=["Two lakes"]), name_by="name").areas
    assert "Two lakes (feature 1 of basins.gpkg) was not valid (Self-inter" in caplog.text
    assert len(area.aoi.outline.geoms) == 2


def test_a_buffer_makes_areas_of_lines() -> None:
    (area,) = read(aoi=write_basins(LINE), buffer=100.0).areas
    assert area.aoi.geometry.area == pytest.approx(200 * LINE.length * 78_700, rel=0.1)


@pytest.mark.parametrize("indent", [None, 1])
def test_a_sequence_of_geojson_keeps_every_feature(indent: int | None) -> None:
    texts = [
        json.dumps(
            {"type": "Feature", "properties": {"n": name}, "geometry": shapely.geometry.mapping(g)},
            indent=indent,
        )
        for name, g in (("Don", DON), ("Humber", HUMBER))
    ]
    Path("a.geojson").write_text("\n".join(texts), encoding="utf-8")
    assert names_of(read(aoi="a.geojson", name_by="n")) == ["Don", "Humber"]
    assert names_of(read(aoi="a.geojson", name_by="n", where="n = 'Humber'")) == ["Humber"]


def test_geojson_without_crs_is_in_the_one_that_is_given() -> None:
    box = shapely.box(1_509_508, -172_668, 1_509_990, -172_226)
    found = read(aoi=shapely.to_geojson(box), aoi_crs="EPSG:3979")
    assert found.whole.aoi.bounds == box.bounds


def test_a_geodataframe_is_a_layer() -> None:
    frame = geopandas.GeoDataFrame({"name": ["Don", None]}, geometry=[DON, HUMBER], crs=4326)
    assert names_of(read(aoi=frame, name_by="name")) == ["Don", "feature-1"]
    with pytest.raises(RequestError, match="Select the rows of the GeoDataFrame itself"):
        read(aoi=frame, where="name = 'Don'")
    with pytest.raises(RequestError, match="`name_by` needs attributes"):
        read(aoi=DON, name_by="name")


@pytest.mark.parametrize(
    "text",
    ["# ours\n031G05, 31g/6\n\n031G05\n", "no;Sheet\n1;031G05\n2;31g6\n", "\ufeffNTS\n31g5\n31G06"],
)
def test_sheets_are_listed_in_a_text_or_a_table(text: str) -> None:
    Path("sheets.csv").write_text(text, encoding="utf-8")
    found = read(nts="sheets.csv")
    assert names_of(found) == ["031G05", "031G06"]
    assert found.areas[1].aoi.outline.equals(parse_aoi(nts="031G06").aoi.outline)
    assert not found.whole.is_polygon


def test_a_wrong_sheet_of_a_list_is_named_with_its_line() -> None:
    Path("sheets.txt").write_text("031G05\n031Z05\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"sheets\.txt, line 2: There is no NTS sheet '031Z05'"):
        read(nts="sheets.txt")


def test_sheets_of_a_table_are_named_by_a_column() -> None:
    Path("sheets.csv").write_bytes("feuille,nom\n31G5,Pêche\n31G6,Ottawa\n".encode("cp1252"))
    assert names_of(read(nts="sheets.csv", name_by="nom")) == ["Pêche", "Ottawa"]
    assert names_of(read(nts="031G05,31G")) == ["031G05", "031G"]


@pytest.mark.parametrize(
    "text", ["station,Lat,LON\nA,43.7,-79.4\nB,45.4,-75.7\n", "-79.4;43.7\n-75.7;45.4\n"]
)
def test_points_of_a_table_have_circles(text: str) -> None:
    Path("stations.csv").write_text(text, encoding="utf-8")
    found = read(point="stations.csv", radius=500.0)
    alone = parse_aoi(point=(-75.7, 45.4), radius=500).aoi
    assert found.areas[1].aoi.geometry.equals_exact(alone.geometry)
    assert len({area.name for area in found.areas}) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
@pytest.mark.parametrize(("parameter", "text"), [("nts", "031G05\n"), ("point", "-75.7,45.4\n")])
def test_a_list_under_a_name_of_another_encoding_is_refused(parameter: str, text: str) -> None:
    """It was written into a job.json that no run could read."""
    name = os.fsdecode(b"list\xe9.csv")
    Path(name).write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match="is not in UTF-8"):
        read(**{parameter: name, "radius": 500.0} if parameter == "point" else {parameter: name})


def test_points_of_a_layer_have_circles() -> None:
    frame = geopandas.GeoDataFrame(
        {"id": ["A"]}, geometry=geopandas.points_from_xy([500_000], [5_000_000]), crs="EPSG:2959"
    )
    frame.to_file("stations.gpkg")
    (area,) = read(point="stations.gpkg", radius=100.0, name_by="id").areas
    assert area.name == "A"
    centre = project_geometry(area.aoi.geometry.centroid, "EPSG:3979", "EPSG:2959")
    assert centre.distance(frame.geometry[0]) < 0.5
    with pytest.raises(RequestError, match=r"basins\.gpkg is a Polygon, and `point` takes points"):
        read(point=write_basins(DON), radius=100.0)


@pytest.mark.slow
def test_points_on_an_inaccurate_datum_are_taken_if_that_is_allowed() -> None:
    """The message advised it, and it changed nothing; the operation is recorded, as of areas."""
    lon, lat = -75.7, 45.4
    points = geopandas.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs="EPSG:4267")
    with pytest.raises(RequestError, match="`allow_inaccurate_datum` continues all the same"):
        read(point=points, radius=100.0)
    (area,) = read(point=points, radius=100.0, allow_inaccurate_datum=True).areas
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # grids that are missing, as in the message
        found = TransformerGroup(
            4267, 4326, always_xy=True, area_of_interest=AreaOfInterest(lon, lat, lon, lat)
        )
    to_native = Transformer.from_crs(4617, 3979, always_xy=True)
    expected = to_native.transform(*found.transformers[0].transform(lon, lat))
    assert shapely.Point(expected).distance(area.aoi.geometry.centroid) < 0.01
    assert area.aoi.operation is not None
    assert area.aoi.operation.name in found.transformers[0].description


def test_an_endless_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrdem.tiling.lists.MAX_LIST_BYTES", 1000)
    with pytest.raises(RequestError, match="zero has more than 1,000 bytes, too many for a list"):
        read(nts=Path("/dev/zero"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,north,east\nA,1,2\n", "no column longitude .*its columns are: name, north, east"),
        ("-79.4,43.7,7\n", "line 1, has 3 cells.*Add a header: lon,lat,name"),
        ("lon,lat\n-79.4,43.7\n-79.4,x\n", "line 3: 'x' is not a number"),
        ("lon,lat\n45.4,-75.7\n", "did you mean `point=-75.7,45.4`"),
        ("lon,lat\n", "has a header and no point"),
        ("", "stations.csv is empty"),
    ],
)
def test_a_wrong_list_of_points_is_explained(text: str, message: str) -> None:
    Path("stations.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=message):
        read(point="stations.csv", radius=100.0)
