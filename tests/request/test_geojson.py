"""GeoJSON: its CRS, its encodings, sequences of it, and what is not quite GeoJSON."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely

from hrdem.errors import RequestError
from hrdem.request.aoi.unite import Shape
from hrdem.request.aoi.vector import read_shape

SQUARE = shapely.box(-76, 45, -75, 46)
NEXT = shapely.box(-75, 45, -74, 46)
IN_METRES = shapely.box(1_509_508, -172_668, 1_509_990, -172_226)
BOTH = shapely.box(-76, 45, -74, 46)


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def geojson(shape: shapely.Polygon, **more: Any) -> str:
    return json.dumps(json.loads(shapely.to_geojson(shape)) | more)


def feature(shape: shapely.Polygon, **more: Any) -> str:
    properties = {"nom": "Îles", "inside": {"type": "Point", "coordinates": "none"}}
    whole = {"type": "Feature", "properties": properties, "geometry": json.loads(geojson(shape))}
    return json.dumps(whole | more, ensure_ascii=False)


def named(crs: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": crs}}


def read_each_way(
    data: str | bytes, monkeypatch: pytest.MonkeyPatch, crs: str | None = None
) -> list[Shape]:
    """Read GeoJSON as a file, zipped, and from standard input; as text and as a mapping too."""
    raw = data.encode() if isinstance(data, str) else data
    Path("a.geojson").write_bytes(raw)
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("a.geojson", "in/a.GeoJSON")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
    sources: list[Any] = ["a.geojson", "a.zip", "-"]
    if isinstance(data, str):
        sources += [data, json.loads(data)]
    return [read_shape(source, crs) for source in sources]


def test_aoi_crs_counts_where_no_crs_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was refused: GDAL reports WGS 84 for GeoJSON without a CRS."""
    for text in (geojson(IN_METRES), geojson(IN_METRES, crs=None), feature(IN_METRES)):
        for shape in read_each_way(text, monkeypatch, "EPSG:3979"):
            assert shape.crs == "EPSG:3979"
            assert shape.geometry.equals(IN_METRES)
    for shape in read_each_way(geojson(SQUARE), monkeypatch, "EPSG:4267"):
        assert shape.crs == "EPSG:4267"


def test_metres_without_a_crs_need_aoi_crs() -> None:
    Path("a.geojson").write_text(geojson(IN_METRES), encoding="utf-8")
    with pytest.raises(RequestError, match=r"like metres, but EPSG:4326.*Give `aoi_crs=EPSG:39"):
        read_shape("a.geojson")


def test_degrees_with_the_aoi_crs_of_metres_are_refused() -> None:
    Path("a.geojson").write_text(geojson(SQUARE), encoding="utf-8")
    with pytest.raises(RequestError, match=r"like degrees, but EPSG:3979.*Give `aoi_crs=EPSG:4326"):
        read_shape("a.geojson", "EPSG:3979")


@pytest.mark.parametrize(
    "crs", [named("EPSG:3979"), named("urn:ogc:def:crs:EPSG::3979"), "EPSG:3979",
            {"type": "EPSG", "properties": {"code": 3979}}],
)  # fmt: skip
def test_declared_crs_may_be_repeated_but_not_contradicted(monkeypatch, crs) -> None:
    for given in (None, "EPSG:3979"):
        for shape in read_each_way(geojson(IN_METRES, crs=crs), monkeypatch, given):
            assert shape.crs == "EPSG:3979"
    with pytest.raises(RequestError, match=r"a\.geojson declares the CRS EPSG:3979, but `aoi_crs`"):
        read_shape("a.geojson", "EPSG:2959")
    with pytest.raises(RequestError, match=r"declares the CRS EPSG:3979, but `aoi_crs` is EPSG:2"):
        read_shape(geojson(IN_METRES, crs=crs), "EPSG:2959")


def test_crs_of_a_geometry_counts_as_postgis_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = json.loads(geojson(IN_METRES, crs=named("EPSG:3979")))
    whole = {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": inner}]}
    for shape in read_each_way(json.dumps(whole), monkeypatch):
        assert shape.crs == "EPSG:3979"
    whole["features"].append({"type": "Feature", "geometry": json.loads(geojson(SQUARE))})
    with pytest.raises(RequestError, match="shapes in several CRSs"):
        read_shape(whole)


def test_crs_that_cannot_be_read_needs_aoi_crs() -> None:
    link = {"type": "link", "properties": {"href": "https://example.com/crs"}}
    Path("a.geojson").write_text(geojson(IN_METRES, crs=link), encoding="utf-8")
    with pytest.raises(RequestError, match=r"a\.geojson does not declare its CRS"):
        read_shape("a.geojson")
    assert read_shape("a.geojson", "EPSG:3979").crs == "EPSG:3979"


def test_unknown_crs_is_reported_with_its_file() -> None:
    Path("a.geojson").write_text(geojson(IN_METRES, crs=named("EPSG:99999")), encoding="utf-8")
    with pytest.raises(RequestError, match=r"a\.geojson declares a CRS that cannot.*EPSG:99999"):
        read_shape("a.geojson", "EPSG:3979")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]
)
def test_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """PowerShell's `>` writes UTF-16 with a byte order mark."""
    for shape in read_each_way(feature(SQUARE).encode(encoding), monkeypatch):
        assert shape.geometry.equals(SQUARE)


@pytest.mark.parametrize("end", ["\n\r\n", "\0", "\0\0\0\n"])
def test_what_follows_the_end(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    for shape in read_each_way((f"\n {feature(SQUARE)}{end}").encode(), monkeypatch):
        assert shape.geometry.equals(SQUARE)


@pytest.mark.parametrize(
    "text",
    [
        f"\x1e{feature(SQUARE)}\n\x1e{feature(NEXT)}\n",  # RFC 8142
        f"{feature(SQUARE)}\r\n\r\n{feature(NEXT)}",
        f"{geojson(SQUARE)}\n{geojson(NEXT)}\n",
        f"{json.dumps(json.loads(feature(SQUARE)), indent=2)}\n{feature(NEXT)}",  # jq '.features[]'
    ],
)
def test_no_feature_of_a_sequence_is_lost(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """GDAL reads the first of several objects, and leaves the rest without a word."""
    for shape in [*read_each_way(text.encode(), monkeypatch), read_shape(text)]:
        assert shape.geometry.equals(BOTH)


@pytest.mark.parametrize("text", [feature(SQUARE)[:-9], f"{feature(SQUARE)}x", "{'type': 1}"])
def test_damaged_json_is_located(text: str) -> None:
    Path("a.geojson").write_text(text, encoding="utf-8")
    with pytest.raises(RequestError, match=r"^a\.geojson is not GeoJSON.* at line 1, column \d"):
        read_shape("a.geojson")


@pytest.mark.parametrize(
    "polygon",
    [
        [[-76, 45], [-75, 45], [-75, 46], [-76, 46]],  # not closed
        [[-76, 45], [-76, 46], [-75, 46], [-75, 45], [-76, 45]],  # clockwise
        [[-76, 45, 9], [-75, 45], [-75, 46, 9, 9], [-76, 46], [-76, 45]],
        [["-76", "45"], ["-75", "45.0"], ["-75", "46"], ["-76", "46"], ["-76", "45"]],
    ],
)
def test_rings_of_other_programs(monkeypatch: pytest.MonkeyPatch, polygon) -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": None, "geometry": None},
            {
                "type": "Feature",
                "geometry": {
                    "type": "GeometryCollection",
                    "geometries": [
                        {"type": "MultiPolygon", "coordinates": [[polygon], []]},
                        {"type": "Polygon", "coordinates": []},
                    ],
                },
            },
        ],
    }
    for shape in read_each_way(json.dumps(collection), monkeypatch):
        assert shape.geometry.equals(SQUARE)
        assert not shape.geometry.has_z


def test_every_type_as_shapely_reads_it() -> None:
    hole = SQUARE.difference(SQUARE.buffer(-0.2))
    for shape in (
        hole, SQUARE.centroid, SQUARE.exterior.normalize(),
        shapely.MultiPoint([(-76, 45), (-75, 46)]),
        shapely.MultiLineString([[(-76, 45), (-75, 46)], [(-75, 45), (-76, 46)]]),
        shapely.MultiPolygon([hole, shapely.box(-73, 45, -72, 46)]),
    ):  # fmt: skip
        text = shapely.to_geojson(shape)
        assert read_shape(text).geometry.equals(shapely.from_geojson(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "Polygon", "coordinates": [[[-76, 45], [-75, 45]]]}', "is not GeoJSON"),
        (
            '{"type": "Polygon", "coordinates": [[-76, 45], [-75, 45], [-75, 46]]}',
            "not lists of",
        ),
        ('{"type": "Point", "coordinates": ["here", 45]}', "is not GeoJSON"),
        ('{"type": "Point", "coordinates": [NaN, 45]}', "not a finite number"),
        ('{"type": "Point", "coordinates": [null, 45]}', "not a finite number"),
        ('{"type": "Feature", "properties": {}}', "no 'geometry'"),
        (f'{{"type": "Point", "coordinates": [{10**400}, 45]}}', "is not GeoJSON"),
        ('{"type": ["Point"], "coordinates": []}', "cannot be read as a vector file"),
        ('{"type": "Point", "coordinates": [-75, 45]} [1]', "is not GeoJSON"),
        ('{"a":' * 100_000, "is not GeoJSON"),
    ],
)
def test_invalid_geojson_is_refused(text: str, message: str) -> None:
    Path("a.geojson").write_text(text, encoding="utf-8")
    for source in ("a.geojson", text):
        with pytest.raises(RequestError, match=message) as refused:
            read_shape(source)
        assert len(str(refused.value)) < 300


def test_other_kinds_of_json_are_read_by_gdal(monkeypatch: pytest.MonkeyPatch) -> None:
    rings = [list(reversed(shapely.get_coordinates(IN_METRES).tolist()))]
    esri = {
        "geometryType": "esriGeometryPolygon",
        "spatialReference": {"wkid": 3979},
        "features": [{"attributes": {}, "geometry": {"rings": rings}}],
    }
    text = json.dumps(esri)
    for shape in [*read_each_way(text.encode("utf-16"), monkeypatch), read_shape(text)]:
        assert shape.crs == "EPSG:3979"
        assert shape.geometry.equals(IN_METRES)
    with pytest.raises(RequestError, match="cannot be read as a vector file"):
        read_shape(json.dumps(esri | {"geometryType": "\ud800", "features": None}))
    arcs = [shapely.get_coordinates(SQUARE).tolist()]
    area = {"type": "Polygon", "arcs": [[0]]}
    topology = json.dumps({"type": "Topology", "objects": {"a": area}, "arcs": arcs})
    with pytest.raises(RequestError, match=r"does not declare its CRS.*`aoi_crs=EPSG:4326`"):
        read_shape(topology)
    assert read_shape(topology, "EPSG:4326").geometry.equals(SQUARE)


def test_layer_of_geojson_is_refused() -> None:
    Path("a.geojson").write_text(geojson(SQUARE), encoding="utf-8")
    with pytest.raises(RequestError, match=r"a\.geojson is GeoJSON, which has no layers"):
        read_shape("a.geojson", layer="a")
