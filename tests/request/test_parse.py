"""Parameters of an area: exactly one area, and what each becomes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.params import AoiParams
from tests.projections import to_xy

OTTAWA = (-75.85, 45.30, -75.60, 45.45)
TRIANGLE = "POLYGON((-76 45,-75 45,-75 46,-76 45))"


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def raster(path: str, crs: str = "EPSG:2959") -> str:
    with rasterio.open(
        path, "w", driver="GTiff", width=40, height=20, count=1, dtype="uint8",
        transform=Affine(2.5, 0, 450_000, 0, -5, 5_030_000), crs=crs,
    ):  # fmt: skip
        return path


def test_bbox() -> None:
    area = parse_aoi(bbox=OTTAWA)
    assert area.aoi == Aoi.from_bbox(OTTAWA)
    assert (area.is_polygon, area.grid) == (False, None)
    assert area.aoi.label == "-75.85,45.3,-75.6,45.45 (EPSG:4326)"


def test_bbox_in_another_crs() -> None:
    guide = (1774874, -89162, 1818832, -52305)
    assert parse_aoi(bbox=guide, bbox_crs="EPSG:3979").aoi.bounds == guide


def test_none_counts_as_left_out() -> None:
    params: AoiParams = dict.fromkeys(AoiParams.__annotations__)  # type: ignore[assignment]
    assert parse_aoi(**{**params, "bbox": OTTAWA}) == parse_aoi(bbox=OTTAWA)


def test_wkt_is_a_polygon() -> None:
    area = parse_aoi(aoi=TRIANGLE)
    assert (area.is_polygon, area.grid) == (True, None)
    box = Aoi.from_bbox((-76, 45, -75, 46)).geometry
    assert area.aoi.geometry.area == pytest.approx(box.area / 2, rel=0.02)
    assert area.aoi.label == "POLYGON ((-76 45, -75 45, -75 46, -76 45)) (EPSG:4326)"


def test_rectangle_as_wkt_equals_the_bbox() -> None:
    shape = parse_aoi(aoi=shapely.box(*OTTAWA))
    assert shape.aoi.geometry.equals(Aoi.from_bbox(OTTAWA).geometry)


def test_file_label_has_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "basin.geojson"
    path.write_text(json.dumps(shapely.geometry.mapping(shapely.box(*OTTAWA))))
    assert parse_aoi(aoi=path).aoi.label == "basin.geojson"
    assert parse_aoi(aoi=path, buffer=50).aoi.label == "basin.geojson and 50 m around it"


def test_multipolygon_keeps_its_parts() -> None:
    area = parse_aoi(
        aoi="MULTIPOLYGON(((-76 45,-75 45,-75 46,-76 45)),((-74 45,-73 45,-73 46,-74 45)))"
    )
    assert area.aoi.geometry.geom_type == "MultiPolygon"
    assert area.aoi.bounds_in("EPSG:4617", 1e-8) == pytest.approx((-76, 45, -73, 46), abs=1e-7)


def test_geometry_collection_keeps_its_polygons() -> None:
    point = f"GEOMETRYCOLLECTION(POINT(-70 45),GEOMETRYCOLLECTION({TRIANGLE}))"
    assert parse_aoi(aoi=point).aoi.geometry.equals(parse_aoi(aoi=TRIANGLE).aoi.geometry)


@pytest.mark.parametrize(
    "shape", ["POINT(-75 45)", "LINESTRING(-75 45,-74 45)", "POLYGON((-76 45,-75 45,-76 45))"]
)
def test_points_and_lines_need_a_buffer(shape: str) -> None:
    with pytest.raises(RequestError, match=r"has no area.*give `buffer` in metres"):
        parse_aoi(aoi=shape)
    wide = parse_aoi(aoi=shape, buffer=100).aoi
    assert wide.geometry.geom_type == "Polygon"
    assert wide.geometry.area > 0.9 * math.pi * 100**2


@pytest.mark.parametrize("name", ["31G/5", "031g05"])
def test_nts_sheet_is_a_box_in_degrees(name: str) -> None:
    area = parse_aoi(nts=name)
    assert area.aoi.geometry.equals(Aoi.from_bbox((-76, 45.25, -75.5, 45.5)).geometry)
    assert (area.aoi.label, area.is_polygon, area.grid) == ("NTS 031G05", False, None)


def test_like_gives_footprint_and_grid() -> None:
    area = parse_aoi(like=raster("a.tif"))
    assert area.grid is not None
    assert (area.grid.crs, area.grid.width, area.grid.height) == ("EPSG:2959", 40, 20)
    bounds = (450_000, 5_029_900, 450_100, 5_030_000)
    assert area.grid.bounds == bounds
    assert area.aoi.geometry.equals(Aoi.from_bbox(bounds, "EPSG:2959").geometry)
    assert (area.aoi.label, area.is_polygon) == ("a.tif", False)


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (
            "https://example.com/a.tif",
            "https.* not a local file, and `like` reads local files only",
        ),
        ("/vsicurl/https://example.com/a.tif", "local files only"),
        ("b.tif", "There is no file b.tif"),
    ],
)
def test_like_needs_a_local_file(like: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_aoi(like=like)


def test_like_refuses_a_vrt_of_remote_files() -> None:
    Path("a.vrt").write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        "<SimpleSource><SourceFilename>/vsicurl/http://x.invalid/a.tif</SourceFilename>"
        "</SimpleSource></VRTRasterBand></VRTDataset>",
        encoding="utf-8",
    )
    with pytest.raises(RequestError, match="refers to files or services on the network"):
        parse_aoi(like="a.vrt")


def test_like_refuses_metres_in_a_crs_of_degrees() -> None:
    with pytest.raises(RequestError, match=r"raster a\.tif looks like metres, but EPSG:4326"):
        parse_aoi(like=raster("a.tif", crs="EPSG:4326"))


def test_point_with_radius_is_a_circle() -> None:
    area = parse_aoi(point=(-75.7, 45.4), radius=500)
    assert area.is_polygon
    assert area.aoi.label == "500 m around -75.7,45.4"
    centre = shapely.Point(to_xy(np.array([[-75.7, 45.4]]), NATIVE_CRS)[0])
    assert area.aoi.geometry.centroid.distance(centre) < 0.2
    scale = area.aoi.geometry.area / (math.pi * 500**2)  # of areas in EPSG:3979
    about = "+proj=laea +lon_0=-75.7 +lat_0=45.4 +datum=NAD83"
    unit = to_xy(np.array([[-75.7, 45.4], [-75.7, 45.401]]), NATIVE_CRS)
    true = to_xy(np.array([[-75.7, 45.4], [-75.7, 45.401]]), about)
    lengths = [np.hypot(*np.diff(each, axis=0)[0]) for each in (unit, true)]
    assert scale == pytest.approx((lengths[0] / lengths[1]) ** 2, rel=1e-3)
    assert abs(scale - 1) > 0.01


@pytest.mark.parametrize("kind", [{"bbox": OTTAWA}, {"nts": "31G5"}, {"aoi": TRIANGLE}])
def test_buffer_widens_every_kind_of_area(kind) -> None:
    area, wide = parse_aoi(**kind), parse_aoi(**kind, buffer=1_000)
    assert wide.is_polygon is area.is_polygon
    assert wide.aoi.geometry.contains(area.aoi.geometry)
    assert wide.aoi.label == f"{area.aoi.label} and 1000 m around it"
    grown = np.abs(np.subtract(wide.aoi.bounds, area.aoi.bounds))
    assert grown == pytest.approx([1_000] * 4, rel=0.05)


def test_buffer_widens_a_circle() -> None:
    wide = parse_aoi(point=(-75.7, 45.4), radius=500, buffer=500).aoi
    assert wide.geometry.contains(parse_aoi(point=(-75.7, 45.4), radius=999.9).aoi.geometry)
    assert parse_aoi(point=(-75.7, 45.4), radius=1_020).aoi.geometry.contains(wide.geometry)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "No area was requested. Give one of `bbox`, `aoi`, `like`, `nts`, or `point`"),
        ({"bbox": None}, "No area was requested"),
        ({"buffer": 10}, "No area was requested"),
        ({"bbox": OTTAWA, "nts": "31G"}, "`bbox` and `nts` each define an area"),
        ({"aoi": TRIANGLE, "like": "a", "point": (0, 0)}, "`aoi` and `like` and `point` each"),
        ({"aoi": TRIANGLE, "bbox_crs": "EPSG:4326"}, "`bbox_crs` applies to `bbox`, but .* `aoi`"),
        ({"bbox": OTTAWA, "aoi_crs": "EPSG:4326"}, "`aoi_crs` applies to `aoi`"),
        ({"nts": "31G", "layer": "a"}, "`layer` applies to `aoi`"),
        ({"bbox": OTTAWA, "radius": 5}, "`radius` applies to `point`"),
        ({"like": "a.tif", "buffer": 5}, "`like` uses the grid of a raster as it is, but `buffer`"),
        ({"point": (-75, 45)}, "The point -75,45 has no area. Give `radius` in metres"),
        ({"point": (-75, 45), "radius": 0}, "`radius` is 0. Give metres, more than 0"),
        ({"point": (-75, 45), "radius": math.nan}, "`radius` is nan. Give metres"),
        ({"point": (-75, 45), "radius": "wide"}, "`radius`: 'wide' is not a number"),
        ({"point": (-75, 45), "radius": 2e6}, "`radius` is 2,000,000.* up to 1,000,000"),
        ({"point": (-75,), "radius": 5}, "`point` has 1 numbers: '-75'. Give two numbers"),
        ({"point": ("west", "south"), "radius": 5}, "`point`: .* is not a point. Give numbers"),
        ({"point": (-75, math.inf), "radius": 5}, "not a finite number"),
        ({"point": (45, -75), "radius": 5}, "latitude before longitude"),
        ({"point": (450_000, 5e6), "radius": 5}, "looks like metres.* with `bbox_crs`"),
        ({"point": (1_509_508, -172_668), "radius": 5}, "metres.* `bbox_crs=EPSG:3979`"),
        ({"point": (-75, 95), "radius": 5}, "range of degrees"),
        ({"bbox": OTTAWA, "buffer": -5}, "`buffer` is -5. Give metres, more than 0"),
        ({"bbox": OTTAWA, "buffer": math.inf}, "`buffer` is inf. Give metres"),
        ({"bbox": (45.3, -75.85, 45.45, -75.6)}, "latitude before longitude"),
        ({"nts": "Ottawa"}, "not the name of an NTS sheet"),
        ({"aoi": "POLYGON((75 45,76 45,76 46,75 45))"}, "45.5 N 75.5 E, .* are negative"),
    ],
)
def test_invalid_parameters_name_the_problem_and_the_fix(params, message: str) -> None:
    with pytest.raises((RequestError, NoDataError), match=message):
        parse_aoi(**params)


def test_shape_that_reaches_a_pole_is_refused() -> None:
    with pytest.raises(RequestError, match="far more than Canada"):
        parse_aoi(aoi="POLYGON((-75 -90,-74 -90,-74 45,-75 -90))")
