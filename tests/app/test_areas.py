"""Areas of the page: boxes and sheets, and files that may come from anyone."""

from __future__ import annotations

import io
import json
import sqlite3
import time
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

import hrdem
from hrdem.app import areas, read_apart
from hrdem.app.areas import describe, read_upload
from hrdem.app.map_area import simplify_for_map
from hrdem.app.read_area import ChooseLayerError, read_area
from hrdem.app.upload_content import CONTENT
from hrdem.demo import Addresses
from hrdem.errors import HrdemError, NoDataError, RequestError

TRIANGLE = shapely.Polygon([(-75.72, 45.40), (-75.66, 45.40), (-75.67, 45.44)])
LAYER = geopandas.GeoDataFrame(geometry=[TRIANGLE], crs=4326)
KML = """<?xml version="1.0"?>{doctype}
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>"""
PLACEMARK = (
    "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>-75.72,45.4,0 -75.66,45.4,0 "
    "-75.67,45.44,0 -75.72,45.4,0</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    "</Placemark>"
)


def geopackage(tmp_path: Path, **layers: geopandas.GeoDataFrame) -> bytes:
    path = tmp_path / "made.gpkg"
    for name, layer in layers.items():
        layer.to_file(path, layer=name, engine="pyogrio")
    data = path.read_bytes()
    path.unlink()
    return data


def shapefile(tmp_path: Path, layer: geopandas.GeoDataFrame) -> dict[str, bytes]:
    with warnings.catch_warnings(action="ignore"):
        layer.to_file(tmp_path / "made.shp", engine="pyogrio")
    return {path.suffix: path.read_bytes() for path in tmp_path.glob("made.*")}


def archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def read_here(data: bytes, folder: Path, layer: str | None = None) -> areas.UploadedArea:
    """Read a file in this process: what the other process does, in a tenth of the time."""
    folder.mkdir(exist_ok=True)
    (folder / CONTENT).write_bytes(data)
    return read_area(folder, "my.file", layer)


def test_a_box_has_its_outline_and_its_size() -> None:
    area = describe({"bbox": [-75.72, 45.40, -75.66, 45.44]})
    assert area.bbox == (-75.72, 45.40, -75.66, 45.44)
    assert area.area_km2 == pytest.approx(20.877, abs=0.001)
    assert shapely.geometry.shape(area.outline).equals(shapely.box(*area.bbox))


@pytest.mark.parametrize("area", [{}, {"aoi": "/etc/passwd"}, {"like": "a.tif"}, {"point": [1, 2]}])
def test_other_parameters_are_no_area_of_the_page(area: dict) -> None:
    with pytest.raises(RequestError, match="Give a box, an NTS sheet, or a point"):
        describe(area)


def test_outlines_of_many_corners_are_drawn_with_few() -> None:
    area = describe({"point": [-75.7, 45.4], "radius": 50_000})
    corners = len(area.outline["coordinates"][0])
    assert 100 < corners <= 2_000
    drawn = shapely.geometry.shape(area.outline)
    exact = hrdem.outline(point=(-75.7, 45.4), radius=50_000).geometry
    assert drawn.symmetric_difference(exact).area < 0.001 * exact.area


def test_an_area_of_many_parts_is_drawn_at_once() -> None:
    """Each part of a polygon needs four corners, however it is simplified."""
    x, y = np.meshgrid(np.linspace(-76, -75, 50), np.linspace(45, 46, 50))
    lakes = shapely.MultiPolygon(list(shapely.box(x, y, x + 1e-3, y + 1e-3).ravel()))
    drawn = shapely.geometry.shape(simplify_for_map(lakes))
    assert shapely.get_num_coordinates(drawn) <= 2_000
    assert drawn.envelope.buffer(0.05).contains(lakes.envelope)
    island = shapely.union(lakes, shapely.box(-75.52, 45.5, -75.5, 45.52))
    assert shapely.geometry.shape(simplify_for_map(island)).covers(shapely.Point(-75.51, 45.51))


@pytest.mark.slow
def test_extraction_by_the_kept_file_has_the_pixels_of_the_uploaded_one(
    tmp_path: Path, demo: Addresses
) -> None:
    """Edges that are straight in UTM are not so in degrees."""
    small = shapely.Polygon([(-75.7000, 45.4000), (-75.6990, 45.4001), (-75.6995, 45.4008)])
    layer = geopandas.GeoDataFrame(geometry=[small], crs=4326).to_crs(2959)
    data = geopackage(tmp_path, one=layer)
    (tmp_path / "my.gpkg").write_bytes(data)
    area = read_here(data, tmp_path / "kept")
    assert area.as_dict()["features"] == 1
    assert area.as_dict()["layers"] == ["one"]
    for name, source in {"a": tmp_path / "my.gpkg", "b": tmp_path / "kept/area.geojson"}.items():
        output = tmp_path / f"{name}.tif"
        hrdem.extract(aoi=source, product="dtm", output=output, stac_url=demo.stac, no_cache=True)
    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        assert a.transform == b.transform
        np.testing.assert_array_equal(a.read(), b.read())


@pytest.mark.slow
def test_each_kind_of_file_is_known_by_its_content(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, LAYER.to_crs(2959))
    files = {
        "geojson": LAYER.to_json().encode(),
        "bom": b"\xef\xbb\xbf" + LAYER.to_json().encode(),
        "geopackage": geopackage(tmp_path, one=LAYER.to_crs(3979)),
        "kml": KML.format(doctype="", body=PLACEMARK).encode(),
        "shapefile": archive({f"x/my area{end}": data for end, data in parts.items()}),
        "zipped": archive({"area.GEOJSON": LAYER.to_json().encode(), "__MACOSX/._a.shp": b""}),
    }
    for name, data in files.items():
        area = read_here(data, tmp_path / name).area
        assert area.area_km2 == pytest.approx(10.4397, abs=0.003), name
        assert area.bbox == pytest.approx((-75.72, 45.40, -75.66, 45.44), abs=1e-4)


def test_a_file_of_several_layers_asks_which(tmp_path: Path) -> None:
    other = geopandas.GeoDataFrame(geometry=[TRIANGLE.buffer(0.1)], crs=4326)
    data = geopackage(tmp_path, one=LAYER, two=other)
    with pytest.raises(ChooseLayerError, match="has 2 layers: one, two") as caught:
        read_here(data, tmp_path / "a")
    assert caught.value.layers == ("one", "two")
    assert read_here(data, tmp_path / "b", "two").area.area_km2 > 100
    with pytest.raises(RequestError, match="no layer 'three'"):
        read_here(data, tmp_path / "c", "three")


@pytest.mark.parametrize(
    "shape", [shapely.Point(-75.7, 45.4), shapely.LineString(TRIANGLE.exterior)]
)
def test_points_and_lines_have_no_area(shape: shapely.Geometry, tmp_path: Path) -> None:
    layer = geopandas.GeoDataFrame(geometry=[shape], crs=4326)
    for data in (layer.to_json().encode(), geopackage(tmp_path, one=layer)):
        with pytest.raises(RequestError, match=r"no area.* (file|draw)") as caught:
            read_here(data, tmp_path / "a")
        assert "`" not in str(caught.value)  # no advice on parameters


def test_a_file_without_crs_is_refused(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, LAYER)
    del parts[".prj"]
    with pytest.raises(RequestError, match=r"put the \.prj into the archive"):
        read_here(archive({f"a{end}": data for end, data in parts.items()}), tmp_path / "a")


def hostile_files(tmp_path: Path) -> dict[str, tuple[bytes, str]]:
    parts = shapefile(tmp_path, LAYER)
    bomb = archive({"a.kml": bytes(3_000_000)})
    declared = bytearray(bomb)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):  # sizes of APPNOTE 4.3
        at = declared.index(signature) + offset
        declared[at : at + 4] = (1_000).to_bytes(4, "little")
    locked = bytearray(archive({"a.geojson": b"{}"}))
    locked[locked.index(b"PK\x03\x04") + 6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    entity = '<!DOCTYPE k [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    link = "<NetworkLink><Link><href>http://127.0.0.1:9/</href></Link></NetworkLink>"
    vrt = b'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/vsicurl/http://127.0.0.1:9/'
    return {
        "bomb": (bomb, "more than 2,000,000 bytes"),
        "bomb that lies": (bytes(declared), "damaged archive"),
        "many members": (archive({f"{n}.txt": b"" for n in range(1_001)}), "1,001 files"),
        "two sets": (archive({"a.shp": b"", "b.shp": b""}), "2 files of polygons"),
        "nothing": (archive({"readme.txt": b"hello"}), "no file of polygons"),
        "nested": (archive({"a.zip": archive({"a.geojson": b"{}"})}), "no file of polygons"),
        "cut": (archive({f"a{end}": data for end, data in parts.items()})[:-30], "damaged archive"),
        "locked": (bytes(locked), "encrypted"),
        "half a shapefile": (archive({"a.shp": parts[".shp"]}), r"without its \.shx"),
        "entities": (KML.format(doctype=entity, body=PLACEMARK).encode(), "document type"),
        "links": (KML.format(doctype="", body=link).encode(), "links to other files"),
        "cut xml": (KML.format(doctype="", body=PLACEMARK).encode()[:200], "not KML"),
        "vrt": (vrt, "not a file of polygons"),
        "vsi name": (b"/vsicurl/http://127.0.0.1:9/a.geojson", "not a file of polygons"),
        "raster": (b"II*\0" + bytes(100), "not a file of polygons"),
        "other json": (b'{"type": "Topology", "objects": {}}', "not GeoJSON"),
        "deep json": (b'{"a":' * 100_000, "not valid GeoJSON"),
        "cut json": (LAYER.to_json().encode()[:-9], "not valid GeoJSON"),
        "no features": (b'{"type": "FeatureCollection", "features": []}', "empty"),
        "cut database": (geopackage(tmp_path, one=LAYER)[:50_000], "cannot be read|no layer"),
        "nan": (LAYER.to_json().replace("45.44", "NaN").encode(), "finite number"),
    }


def test_hostile_files_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.app.upload_content.MAX_UNPACKED_BYTES", 2_000_000)
    for name, (data, message) in hostile_files(tmp_path).items():
        started = time.monotonic()
        with pytest.raises(HrdemError, match=message) as caught:
            read_here(data, tmp_path / name)
        assert str(tmp_path) not in str(caught.value), name
        assert "content" not in str(caught.value), name
        assert time.monotonic() - started < 30, name


def test_members_of_an_archive_are_written_nowhere_else(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, LAYER)
    names = {f"../../../outside/a{end}": data for end, data in parts.items()}
    area = read_here(archive(names), tmp_path / "deep")
    assert area.area.area_km2 > 10
    assert not (tmp_path.parent / "outside").exists()
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "area.geojson",
        *(f"content{end}" for end in ("", ".prj", ".shp", ".shx")),
    ]


def test_an_area_elsewhere_or_of_too_many_corners_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bern = geopandas.GeoDataFrame(geometry=[shapely.box(7.4, 46.9, 7.5, 47)], crs=4326)
    with pytest.raises(NoDataError, match="outside Canada"):
        read_here(bern.to_json().encode(), tmp_path / "a")
    monkeypatch.setattr("hrdem.app.read_area.MAX_CORNERS", 3)
    with pytest.raises(RequestError, match="4 corners"):
        read_here(LAYER.to_json().encode(), tmp_path / "b")
    with pytest.raises(RequestError, match="20,000,001 bytes"):
        read_upload(bytes(b" " * 20_000_000 + b"{"), "a.geojson", None, tmp_path)
    with pytest.raises(RequestError, match="is empty"):
        read_upload(b"", "a.geojson", None, tmp_path)


def test_the_name_of_a_file_is_for_messages_alone(tmp_path: Path) -> None:
    data = LAYER.to_json().encode()
    area = read_upload(data, "../../etc/my\x1b[31m area\n.shp", None, tmp_path)
    assert area.area.label == "my[31m area.shp"
    assert [path.name for path in tmp_path.iterdir()] == ["area.geojson"]
    assert json.loads((tmp_path / "area.geojson").read_text("utf-8"))["features"]


@pytest.mark.slow
def test_files_for_gdal_are_read_in_a_process_with_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A view that computes forever is ended; errors and layers come back as they are."""
    data = geopackage(tmp_path, one=LAYER, two=LAYER)
    assert read_upload(data, "my.gpkg", "two", tmp_path).area.label == "my.gpkg, layer two"
    with pytest.raises(ChooseLayerError) as caught:
        read_upload(data, "my.gpkg", None, tmp_path)
    assert caught.value.layers == ("one", "two")
    (tmp_path / "slow.gpkg").write_bytes(geopackage(tmp_path, one=LAYER))
    with sqlite3.connect(tmp_path / "slow.gpkg") as database:
        database.executescript("""
            CREATE TABLE kept AS SELECT * FROM one;
            DELETE FROM gpkg_extensions; DROP TABLE rtree_one_geom; DROP TABLE one;
            CREATE VIEW one AS WITH RECURSIVE forever(n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM forever)
                SELECT fid, geom FROM kept, forever;
        """)
    database.close()
    monkeypatch.setattr(read_apart, "MAX_SECONDS", 3.0)
    with pytest.raises(RequestError, match=r"within 3 s|ended early|too much memory"):
        read_upload((tmp_path / "slow.gpkg").read_bytes(), "my.gpkg", None, tmp_path)
    assert not list(tmp_path.glob("content*"))


@pytest.mark.slow
def test_polygons_that_take_minutes_to_repair_do_not_hold_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred stars: one takes seconds, with fewer crossings than are refused."""
    corners = np.random.default_rng(1).uniform((-76, 45), (-75, 46), (100, 600, 2))
    stars = geopandas.GeoDataFrame(geometry=list(shapely.polygons(corners)), crs=4326)
    monkeypatch.setattr(read_apart, "MAX_SECONDS", 2.0)
    with pytest.raises(RequestError, match="within 2 s"):
        read_upload(stars.to_json().encode(), "stars.geojson", None, tmp_path)


def test_polygons_that_cross_themselves_too_often_are_refused(tmp_path: Path) -> None:
    corners = np.random.default_rng(1).uniform((-76, 45), (-75, 46), (1_000, 2))
    star = geopandas.GeoDataFrame(geometry=[shapely.Polygon(corners)], crs=4326)
    with pytest.raises(RequestError, match=r"star\.geojson .* cross in about 113,000 places"):
        read_upload(star.to_json().encode(), "star.geojson", None, tmp_path)


@pytest.mark.slow
@pytest.mark.long
def test_polygons_of_many_corners_are_read(tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 100_001)
    round_ = shapely.Polygon(
        0.05 * np.column_stack([np.cos(angles), np.sin(angles)]) + (-75.7, 45.4)
    )
    data = geopandas.GeoDataFrame(geometry=[round_], crs=4326).to_json().encode()
    area = read_upload(data, "round.geojson", None, tmp_path)
    assert len(json.dumps(area.as_dict())) < 100_000
    kept = geopandas.read_file(tmp_path / "area.geojson")
    assert shapely.get_num_coordinates(kept.geometry[0]) == 100_001
