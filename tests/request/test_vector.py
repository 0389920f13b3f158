"""User-supplied shapes: formats that are read, and messages for what is not."""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
import sys
import zipfile
from pathlib import Path

import geopandas
import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely

from hrdem.errors import RequestError
from hrdem.request.aoi.vector import read_shape

SQUARE = shapely.box(-76, 45, -75, 46)
NEXT = shapely.box(-75, 45, -74, 46)
IN_UTM = shapely.box(450_000, 5_000_000, 460_000, 5_010_000)
IN_ATLAS = shapely.box(1_509_508, -172_668, 1_509_990, -172_226)


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, *shapes, crs: str | None = "EPSG:4326", layer: str | None = None) -> str:
    """Write a vector file by GDAL; a file that is there gets another layer."""
    drivers = {".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON"}
    blobs = np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object)
    with pytest.warns(UserWarning, match="crs") if crs is None else _nothing():
        pyogrio.raw.write(
            path, blobs, [np.arange(len(blobs))], ["id"], layer=layer, crs=crs,
            geometry_type=shapes[0].geom_type, driver=drivers[Path(path).suffix],
        )  # fmt: skip
    return path


def _nothing():
    return io.BytesIO()  # a context that does nothing


def zipped(path: str, *files: str, folder: str = "") -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, folder + file)
    return path


def shapefile(name: str, shape, crs: str | None = "EPSG:4326") -> list[str]:
    write(f"{name}.shp", shape, crs=crs)
    return [str(each) for each in Path().glob(f"{name}.*")]


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp"])
def test_file_with_its_crs(suffix: str) -> None:
    for shape, crs in ((SQUARE, "EPSG:4326"), (IN_UTM, "EPSG:2959"), (IN_UTM, "EPSG:26918")):
        name = write(f"a{crs[5:]}.{suffix}", shape, crs=crs)
        read = read_shape(name)
        assert (read.crs, read.label) == (crs, name)
        assert read.geometry.equals(shape)


def test_path_object() -> None:
    assert read_shape(Path(write("a.geojson", SQUARE))).geometry.equals(SQUARE)


def test_features_are_united() -> None:
    assert read_shape(write("a.gpkg", SQUARE, NEXT)).geometry.equals(shapely.box(-76, 45, -74, 46))


def test_kml() -> None:
    Path("a.kml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        "-76,45,9 -75,45,9 -75,46,9 -76,46,9 -76,45,9"
        "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>",
        encoding="utf-8",
    )
    read = read_shape("a.kml")
    assert read.crs == "EPSG:4326"
    assert read.geometry.equals(SQUARE)
    assert not read.geometry.has_z


@pytest.mark.parametrize("folder", ["", "data/shapes/"])
def test_zipped_shapefile_in_any_folder(folder: str) -> None:
    name = zipped("a.zip", *shapefile("roads", IN_UTM, "EPSG:2959"), folder=folder)
    read = read_shape(name)
    assert (read.crs, read.label) == ("EPSG:2959", "a.zip")
    assert read.geometry.equals(IN_UTM)


def test_zipped_geojson_beside_other_files() -> None:
    Path("readme.txt").write_text("hello", encoding="utf-8")
    name = zipped("a.zip", write("b.geojson", SQUARE), "readme.txt", folder="in/")
    assert read_shape(name).geometry.equals(SQUARE)


def test_two_zipped_shapefiles_are_two_layers() -> None:
    name = zipped("a.zip", *shapefile("roads", SQUARE), *shapefile("lakes", NEXT))
    with pytest.raises(RequestError, match=r"2 layers: (roads, lakes|lakes, roads)\. Choose one"):
        read_shape(name)
    assert read_shape(name, layer="lakes").geometry.equals(NEXT)


def test_layer_by_name() -> None:
    for layer, shape in (("one", SQUARE), ("two", NEXT)):
        write("a.gpkg", shape, layer=layer)
    with pytest.raises(RequestError, match=r"a\.gpkg has 2 layers: one, two\. Choose one with `la"):
        read_shape("a.gpkg")
    with pytest.raises(RequestError, match=r"no layer 'three'\. Choose one of: one, two"):
        read_shape("a.gpkg", layer="three")
    read = read_shape("a.gpkg", layer="two")
    assert read.label == "a.gpkg, layer two"
    assert read.geometry.equals(NEXT)


def test_table_without_geometries_is_not_a_layer() -> None:
    """QGIS stores its styles in one."""
    write("a.gpkg", SQUARE, layer="one")
    with sqlite3.connect("a.gpkg") as table:
        table.executescript(
            "CREATE TABLE styles (id INTEGER PRIMARY KEY);"
            "INSERT INTO gpkg_contents (table_name, data_type) VALUES ('styles', 'attributes')"
        )
    table.close()
    assert len(pyogrio.list_layers("a.gpkg")) == 2
    assert read_shape("a.gpkg").geometry.equals(SQUARE)


def test_geojson_on_standard_input(monkeypatch) -> None:
    text = json.dumps(shapely.geometry.mapping(SQUARE)).encode()
    for data in (text, b"\xef\xbb\xbf \n" + text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        read = read_shape("-")
        assert (read.crs, read.label) == ("EPSG:4326", "standard input")
        assert read.geometry.equals(SQUARE)


@pytest.mark.parametrize("data", [b"", b"POLYGON((0 0", b"<OGRVRTDataSource/>", b"{nonsense"])
def test_standard_input_that_is_not_geojson_is_refused(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    with pytest.raises(RequestError, match=r"(?i)standard input (has .* not|is not) GeoJSON"):
        read_shape("-")


def test_closed_standard_input_is_named(monkeypatch) -> None:
    """Python has no stream then: `hrdem extract --aoi - <&-`."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(RequestError, match="Standard input is closed"):
        read_shape("-")


def old_geojson(name: str, shape, path: str) -> str:
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
    crs = {"type": "name", "properties": {"name": name}}
    Path(path).write_text(
        json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}),
        encoding="utf-8",
    )
    return path


def test_crs_member_of_old_geojson() -> None:
    name = old_geojson("urn:ogc:def:crs:EPSG::2959", IN_UTM, "a.geojson")
    assert read_shape(name).crs == "EPSG:2959"
    assert read_shape(json.loads(Path(name).read_text(encoding="utf-8"))).crs == "EPSG:2959"
    with pytest.raises(RequestError, match=r"CRS EPSG:2959, but `aoi_crs` is EPSG:3979"):
        read_shape(name, "EPSG:3979")
    with pytest.raises(RequestError, match="but `aoi_crs` is EPSG:4326"):
        read_shape(json.loads(Path(name).read_text(encoding="utf-8")), "EPSG:4326")


def test_file_without_crs_needs_aoi_crs() -> None:
    name = write("a.shp", IN_UTM, crs=None)
    with pytest.raises(RequestError, match=r"does not declare its CRS.*`aoi_crs="):
        read_shape(name)
    assert read_shape(name, "EPSG:2959").crs == "EPSG:2959"


@pytest.mark.parametrize("undefined", [-1, 0])
def test_undefined_crs_of_a_geopackage_is_none(undefined: int) -> None:
    write("a.gpkg", IN_UTM, crs="EPSG:2959")
    with sqlite3.connect("a.gpkg") as table:
        table.execute("DROP TRIGGER IF EXISTS trigger_insert_feature_count_a")
        table.execute("UPDATE gpkg_contents SET srs_id = ?", [undefined])
        table.execute("UPDATE gpkg_geometry_columns SET srs_id = ?", [undefined])
    table.close()
    with pytest.raises(RequestError, match="does not declare its CRS"):
        read_shape("a.gpkg")
    assert read_shape("a.gpkg", "EPSG:2959").crs == "EPSG:2959"


def test_aoi_crs_may_repeat_but_not_contradict_the_file() -> None:
    name = write("a.geojson", SQUARE)
    for same in ("EPSG:4326", "EPSG:4617", "EPSG:4269", "OGC:CRS84"):
        assert read_shape(name, same).crs == "EPSG:4326"
    with pytest.raises(RequestError, match=r"a\.geojson declares the CRS EPSG:4326, but `aoi_"):
        read_shape(name, "EPSG:4267")


def test_compound_crs_loses_its_vertical_part() -> None:
    assert read_shape(write("a.gpkg", IN_UTM, crs="EPSG:2959+5713")).crs == "EPSG:2959"


def test_heights_in_geojson_are_dropped() -> None:
    Path("a.geojson").write_text(shapely.to_geojson(shapely.force_3d(SQUARE, 7)), encoding="utf-8")
    read = read_shape("a.geojson")
    assert read.geometry.equals(SQUARE)
    assert not read.geometry.has_z


@pytest.mark.parametrize(
    ("text", "crs"),
    [
        ("POLYGON((-76 45,-75 45,-75 46,-76 46,-76 45))", "EPSG:4326"),
        ("  polygon z ((-76 45 1,-75 45 1,-75 46 1,-76 46 1,-76 45 1))\n", "EPSG:4326"),
        ("SRID=4617;POLYGON((-76 45,-75 45,-75 46,-76 46,-76 45))", "EPSG:4617"),
        ("srid = 4269 ; MULTIPOLYGON(((-76 45,-75 45,-75 46,-76 46,-76 45)))", "EPSG:4269"),
    ],
)
def test_wkt_and_ewkt(text: str, crs: str) -> None:
    read = read_shape(text)
    assert read.crs == crs
    assert read.geometry.equals(SQUARE)


def test_wkt_in_another_crs() -> None:
    assert read_shape(IN_UTM.wkt, "EPSG:2959").crs == "EPSG:2959"
    with pytest.raises(RequestError, match="CRS EPSG:2959, but `aoi_crs` is EPSG:3979"):
        read_shape(f"SRID=2959;{IN_UTM.wkt}", "EPSG:3979")


def test_file_name_that_looks_like_wkt() -> None:
    assert read_shape(write("polygon (1).geojson", SQUARE)).label == "polygon (1).geojson"


def test_long_wkt_has_a_short_label() -> None:
    text = read_shape(SQUARE.buffer(0.1)).label
    assert text.startswith("POLYGON ((-7")
    assert text.endswith("… (EPSG:4326)")
    assert len(text) < 80


class Feature:
    """As libraries have them."""

    def __init__(self, *shapes) -> None:
        features = [
            {"type": "Feature", "properties": {}, "geometry": shape and shape.__geo_interface__}
            for shape in shapes
        ]
        self.__geo_interface__ = {"type": "FeatureCollection", "features": features}


def test_geometries_of_other_libraries() -> None:
    both = shapely.box(-76, 45, -74, 46)
    assert read_shape(SQUARE).geometry.equals(SQUARE)
    assert read_shape(SQUARE.__geo_interface__).geometry.equals(SQUARE)
    assert read_shape(Feature(SQUARE, None, NEXT)).geometry.equals(both)
    assert read_shape(Feature(SQUARE, NEXT).__geo_interface__).geometry.equals(both)
    assert read_shape(IN_UTM, "EPSG:2959").crs == "EPSG:2959"


@pytest.mark.parametrize(
    "source",
    [
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": [[["a", "b"]]]},
        {"type": "FeatureCollection"},
        {"type": "Sphere", "coordinates": []},
        {},
    ],
)
def test_invalid_geojson_is_refused(source) -> None:
    with pytest.raises(RequestError, match="is not GeoJSON"):
        read_shape(source)


def test_object_without_geometry_is_refused() -> None:
    with pytest.raises(RequestError, match="type int, which is no shape"):
        read_shape(5)


def test_invalid_polygon_is_repaired_with_a_warning(caplog) -> None:
    bow_tie = "POLYGON((-76 45,-75 46,-75 45,-76 46,-76 45))"
    with caplog.at_level(logging.WARNING):
        assert read_shape(bow_tie).geometry.area == pytest.approx(0.5)
    (record,) = caplog.records
    assert "was not valid (Self-intersection[-75.5 45.5]) and was repaired" in record.message


def test_polygon_that_crosses_itself_everywhere_is_refused(caplog) -> None:
    corners = np.random.default_rng(0).uniform((-76, 45), (-75, 46), (1_000, 2))
    message = r"1,001 corners .* is not valid: its edges cross in about .* places.*Fix geometries"
    with pytest.raises(RequestError, match=message):
        read_shape(shapely.Polygon(corners))
    assert not caplog.records, "nothing was repaired"


@pytest.mark.parametrize("inner", [shapely.box(-75.5, 45.5, -74, 47), NEXT, SQUARE.buffer(-0.1)])
def test_polygons_of_one_geometry_may_overlap(caplog, inner) -> None:
    """They were repaired together, which cut the overlap out of the area."""
    both = shapely.MultiPolygon([SQUARE, inner])
    expected = SQUARE.union(inner)
    for source in (both, both.wkt, shapely.to_geojson(both), shapely.GeometryCollection([both])):
        assert read_shape(source).geometry.equals(expected)
    assert not caplog.records


def test_valid_polygon_gives_no_warning(caplog) -> None:
    read_shape(SQUARE)
    assert not caplog.records


@pytest.mark.parametrize(
    ("source", "crs", "message"),
    [
        ("POLYGON EMPTY", None, "is empty"),
        ({"type": "FeatureCollection", "features": []}, None, "is empty"),
        ({"type": "Feature", "geometry": None}, None, "is empty"),
        ("POLYGON((1 1", None, "is not valid WKT"),
        ("POLYGON((-76 45,-75 nan,-75 46,-76 45))", None, "not a finite number"),
        ({"type": "Point", "coordinates": [float("nan"), 45]}, None, "not a finite number"),
        ("POLYGON((45 -76,45 -75,46 -75,45 -76))", None, "latitude before longitude"),
        ("POLYGON((49 -123,49 -122,50 -122,49 -123))", None, "latitude before longitude"),
        (IN_UTM, None, r"looks like metres.*`aoi_crs` must name its CRS"),
        (IN_ATLAS, None, r"looks like metres.*Give `aoi_crs=EPSG:3979`"),
        (SQUARE, "EPSG:2959", r"looks like degrees, but EPSG:2959.*Give `aoi_crs=EPSG:4326`"),
        (
            "SRID=2959;POLYGON((-76 45,-75 45,-75 46,-76 45))",
            None,
            "declares that CRS itself: correct",
        ),
        ("POLYGON((-190 45,-75 45,-75 46,-190 45))", None, "range of degrees"),
        ("POLYGON((179 70,-179 70,-179 71,179 70))", None, "antimeridian"),
        (SQUARE, "EPSG:99999", "not a coordinate reference system"),
        ("no.geojson", None, r"There is no file no\.geojson"),
        ("x" * 9_999, None, "There is no file"),
        ("", None, "There is no file"),
        ("https://example.com/a.geojson", None, "local files only"),
        ("/vsicurl/https://example.com/a.geojson", None, "local files only"),
        ("s3://bucket/a.gpkg", None, "local files only"),
    ],
)
def test_invalid_shape_names_the_problem_and_the_fix(source, crs, message) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        read_shape(source, crs)
    assert len(str(refused.value)) < 500


def test_layer_without_a_file_is_refused() -> None:
    with pytest.raises(RequestError, match="`layer=one` chooses from the layers of a file"):
        read_shape(SQUARE, layer="one")


@pytest.mark.parametrize("code", ["EPSG:2959", "EPSG:3347"])
def test_prj_of_esri_is_recognized(code: str) -> None:
    files = shapefile("roads", IN_UTM, code)
    assert "roads.prj" in files
    Path("roads.prj").write_text(pyproj.CRS(code).to_wkt("WKT1_ESRI"), encoding="utf-8")
    assert read_shape("roads.shp").crs == read_shape("roads.shp", code).crs == code


def test_upper_case_endings() -> None:
    for file in map(Path, shapefile("roads", IN_UTM, "EPSG:2959")):
        file.rename(file.name.upper())
    zipped("A.ZIP", *map(str, Path().glob("ROADS.*")), folder="in/")
    for name in ("ROADS.SHP", "A.ZIP"):
        assert read_shape(name).geometry.equals(IN_UTM)


def test_names_in_latin_1() -> None:
    """What columns hold is not read."""
    shapefile("roads", IN_UTM, "EPSG:2959")
    for encoding in ("ISO-8859-1", "nonsense"):
        Path("roads.cpg").write_text(encoding, encoding="ascii")
        assert read_shape("roads.shp").geometry.equals(IN_UTM)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
def test_paths_that_are_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    """GeoJSON is read without GDAL; another file needs a path in UTF-8, whatever the folder."""
    shapefile("roads", IN_UTM, "EPSG:2959")
    folder = Path("caf\udce9")
    folder.mkdir()
    (folder / "caf\udce9.geojson").write_text(shapely.to_geojson(SQUARE), encoding="utf-8")
    monkeypatch.chdir(folder)
    assert read_shape("caf\udce9.geojson").geometry.equals(SQUARE)
    assert read_shape("../roads.shp").geometry.equals(IN_UTM)
    Path("a.kml").write_text("<kml/>", encoding="ascii")
    with pytest.raises(RequestError, match="given as `aoi`, is not in UTF-8, and GDAL"):
        read_shape("a.kml")


@pytest.mark.parametrize(("name", "driver"), [("a.gdb", "OpenFileGDB"), ("a.fgb", "FlatGeobuf")])
def test_other_formats(name: str, driver: str) -> None:
    geopandas.GeoSeries([SQUARE], crs=4269).to_file(name, driver=driver)
    if (path := Path(name)).is_dir():
        zipped("a.zip", *map(str, path.iterdir()), folder="in/")
    else:
        zipped("a.zip", name)
    for source in (name, "a.zip"):
        read = read_shape(source)
        assert read.crs == "EPSG:4269"
        assert read.geometry.equals(SQUARE)


def test_kml_and_gpx_are_in_wgs_84() -> None:
    """Their formats say so, whatever the user says."""
    track = '<trk><trkseg><trkpt lat="45" lon="-76"/><trkpt lat="46" lon="-75"/></trkseg></trk>'
    Path("a.gpx").write_text(
        f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{track}</gpx>',
        encoding="utf-8",
    )
    assert read_shape("a.gpx", layer="tracks").geometry.geom_type == "LineString"
    with pytest.raises(RequestError, match=r"a\.gpx, layer tracks declares the CRS EPSG:4326"):
        read_shape("a.gpx", "EPSG:3979", layer="tracks")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.geojson", b"", r"a\.geojson is empty"),
        ("a.shp", b" \n", r"a\.shp is empty"),
        ("a.csv", b"id,shape\n1,POINT(1 2)\n", "in a column that is named WKT"),
        ("a.parquet", b"PAR1" + b"\0" * 99 + b"PAR1", "cannot be read as a vector file"),
        ("a.TIF", b"II*\0" + b"\0" * 99, "`like` takes the area and the grid of a raster.$"),
        (
            "031k01_e.dem",
            b"031k01DEMe" + b" " * 99,
            "`like` takes the area and the grid of a raster.$",
        ),
    ],
)
def test_file_without_shapes_is_refused(name: str, data: bytes, message: str) -> None:
    Path(name).write_bytes(data)
    with pytest.raises(RequestError, match=message):
        read_shape(name, "EPSG:4326")


def test_shapefile_without_its_index_is_refused_without_folders() -> None:
    shapefile("roads", IN_UTM)
    Path("roads.shx").unlink()
    with pytest.raises(RequestError, match=r"Unable to open roads\.shx or roads\.SHX\. Give"):
        read_shape("roads.shp")


def test_damaged_archive_is_refused() -> None:
    name = zipped("a.zip", write("a.geojson", SQUARE))
    data = Path(name).read_bytes()
    Path(name).write_bytes(data.replace(b"-7", b"-8", 1))
    with pytest.raises(RequestError, match=r"^a\.zip cannot be read: Bad CRC-32"):
        read_shape(name)


def test_layer_as_qgis_names_it() -> None:
    write("a.gpkg", SQUARE, layer="one")
    with pytest.raises(RequestError, match=r"Give a\.gpkg as `aoi`, and `layer=one`"):
        read_shape("a.gpkg|layername=one")


@pytest.mark.parametrize("data", [b"hello", b"PK\x03\x04", b"\x00" * 5_000])
@pytest.mark.parametrize("name", ["a.geojson", "a.shp", "a.gpkg", "a.zip", "a.kml"])
def test_damaged_file_is_refused_by_name(name: str, data: bytes) -> None:
    Path(name).write_bytes(data)
    with pytest.raises(
        RequestError, match=rf"^{name} (cannot be read as a vector file|has no)"
    ) as no:
        read_shape(name)
    assert str(Path.cwd()) not in str(no.value)


@pytest.mark.parametrize(
    "data",
    [
        '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/vsicurl/http://x.invalid/a</SrcDat',
        "<OGRWFSDataSource><URL>http://x.invalid/</URL></OGRWFSDataSource>",
    ],
)
def test_file_that_refers_to_the_network_is_refused(data: str) -> None:
    Path("a.vrt").write_text(data, encoding="utf-8")
    with pytest.raises(RequestError, match=r"a\.vrt refers to files or services on the net"):
        read_shape("a.vrt")


def test_vrt_of_local_files() -> None:
    write("b.geojson", SQUARE)
    Path("a.vrt").write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="b"><SrcDataSource relativeToVRT="1">b.geojson'
        "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        encoding="utf-8",
    )
    assert read_shape("a.vrt").geometry.equals(SQUARE)


@pytest.mark.skipif(os.name == "nt", reason="these are drives there")
@pytest.mark.parametrize("name", [r"C:\data\a.geojson", "D:/a.geojson", "c:a.geojson"])
def test_a_drive_is_no_scheme(name: str) -> None:
    Path("D:").mkdir()
    Path(write("a.geojson", SQUARE)).rename(name)
    assert read_shape(name).geometry.equals(SQUARE)
    with pytest.raises(RequestError, match="There is no file"):
        read_shape(f"{name}.gz")


def test_file_uri() -> None:
    Path("my data").mkdir()
    path = Path(write("my data/é.geojson", SQUARE)).absolute()
    uri = path.as_uri()
    assert "%20" in uri
    for start in ("file:///", "file://localhost/", "FILE:/"):
        assert read_shape(uri.replace("file:///", start)).geometry.equals(SQUARE)
    with pytest.raises(RequestError, match=r"There is no file .*b\.gpkg"):
        read_shape(path.with_name("b.gpkg").as_uri())
    with pytest.raises(RequestError, match="file://host/a.gpkg is not a local file"):
        read_shape("file://host/a.gpkg")


def test_gdal_prints_nothing_to_standard_error(capfd) -> None:
    Path("a.gml").write_text("<gml:Polygon>", encoding="utf-8")
    with pytest.raises(RequestError, match="cannot be read"):
        read_shape("a.gml")
    assert capfd.readouterr().err == ""
