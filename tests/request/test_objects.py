"""Shapes of other Python libraries: their CRS counts, and nothing else is needed of them."""

from __future__ import annotations

import json
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely

from hrdem.errors import RequestError
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.aoi.vector import read_parts, read_shape

SQUARE = shapely.box(-75.72, 45.40, -75.715, 45.403)
NEXT = shapely.box(-75.715, 45.40, -75.71, 45.403)
FRAME = geopandas.GeoDataFrame({"name": ["a", "b"]}, geometry=[SQUARE, NEXT], crs=4617)
UTM = FRAME.to_crs(2959)


@pytest.mark.parametrize("crs", [4617, 2959, "ESRI:102002"])
def test_geodataframe_is_where_geopandas_puts_it(crs: int | str) -> None:
    """Its CRS was ignored: metres were refused, and degrees on NAD27 were off by 15 m."""
    frame = FRAME.to_crs(crs)
    dense = geopandas.GeoSeries([shapely.segmentize(frame.union_all(), 1e-3)], crs=frame.crs)
    if frame.crs.is_projected:
        dense = frame.geometry.segmentize(5)
    expected = shapely.union_all(dense.to_crs(3979).to_numpy())
    area = parse_aoi(aoi=frame).aoi.geometry
    assert shapely.hausdorff_distance(area, expected) < 0.02


def test_crs_is_carried_through() -> None:
    """Also where it is not that of the data: what its datum means is decided elsewhere."""
    for crs in (4267, 26918, 32618):
        frame = FRAME.to_crs(crs)
        for source in (frame, frame.geometry, frame.geometry.array, [frame], (frame, None)):
            shape = read_shape(source)
            assert shape.crs == f"EPSG:{crs}"
            assert shape.geometry.equals(frame.union_all())


def test_label_names_the_table_and_its_crs() -> None:
    assert read_shape(UTM).label == "GeoDataFrame of 2 rows (EPSG:2959)"


def test_aoi_crs_may_repeat_but_not_contradict_a_geodataframe() -> None:
    for same in (2959, np.int64(2959), pyproj.CRS(2959), rasterio.CRS.from_epsg(2959)):
        assert parse_aoi(aoi=UTM, aoi_crs=same) == parse_aoi(aoi=UTM)
    with pytest.raises(
        RequestError, match=r"GeoDataFrame of 2 rows declares .*EPSG:2959.*`aoi_crs"
    ):
        parse_aoi(aoi=UTM, aoi_crs=3979)


def test_geodataframe_without_crs_needs_aoi_crs() -> None:
    """As a file does: nothing is guessed of a table that has a place for it."""
    bare = FRAME.set_crs(None, allow_override=True)
    with pytest.raises(RequestError, match="GeoDataFrame of 2 rows does not declare its CRS"):
        parse_aoi(aoi=bare)
    assert read_shape(bare, "EPSG:4617").geometry.equals(FRAME.union_all())


@pytest.mark.parametrize("parameter", ["points", "line"])
def test_messages_name_the_parameters_of_points_and_lines(parameter: str) -> None:
    """They named `aoi_crs`, so that the advice was left out where nothing has it."""
    bare = FRAME.set_crs(None, allow_override=True)
    with pytest.raises(RequestError, match=f"does not declare .*`{parameter}_crs=EPSG:4326`"):
        read_parts(bare, parameter=parameter)
    with pytest.raises(RequestError, match=f"but `{parameter}_crs` is EPSG:4326"):
        read_parts(UTM, "EPSG:4326", parameter=parameter)
    for wrong in (5, [], FRAME.drop(columns="geometry")):
        with pytest.raises(RequestError, match=f"^`{parameter}` is "):
            read_parts(wrong, parameter=parameter)


def test_other_columns_are_not_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """For __geo_interface__ geopandas makes a dictionary of each row."""

    def refuse(*args: Any, **more: Any) -> None:
        raise AssertionError("rows are written out")

    monkeypatch.setattr(geopandas.GeoDataFrame, "iterfeatures", refuse)
    assert read_shape(FRAME).geometry.equals(FRAME.union_all())


@pytest.mark.parametrize(
    ("source", "crs"),
    [
        (list(UTM.geometry), pyproj.CRS(2959)),
        (np.array(UTM.geometry), 2959),
        (pd.Series(list(UTM.geometry)), rasterio.CRS.from_epsg(2959)),
        (UTM.to_json(), None),
        (list(UTM.iterfeatures()), np.int32(2959)),
        ([UTM.geometry[0], UTM.geometry[1].__geo_interface__], "EPSG:2959"),
        ([UTM, shapely.set_srid(UTM.geometry[1], 2959)], None),
        ([UTM.iloc[:1], UTM.geometry[1].wkt], "EPSG:2959"),
        (list(shapely.set_srid(UTM.geometry.to_numpy(), 2959)), None),
    ],
)
def test_lists_and_arrays_are_united(source: object, crs: Any) -> None:
    parsed = parse_aoi(aoi=source, aoi_crs=crs)
    expected = parse_aoi(aoi=UTM).aoi.geometry
    assert parsed.is_polygon
    assert shapely.hausdorff_distance(parsed.aoi.geometry, expected) < 1e-6


def test_geojson_text_in_another_crs() -> None:
    text = UTM.to_json()
    assert "2959" in json.loads(text)["crs"]["properties"]["name"]
    assert read_shape(text).geometry.equals(UTM.union_all())
    with pytest.raises(RequestError, match="is not GeoJSON"):
        read_shape('{"type": "Poly')


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([FRAME, UTM], r"several CRSs: .* in EPSG:4617, .* in EPSG:2959\. Bring them to one"),
        ([], "`aoi` is empty"),
        ([5], "type int, which is no shape"),
        (geopandas.GeoDataFrame({"a": [1]}), "GeoDataFrame without geometries"),
        (pd.DataFrame({"a": ["b.shp"]}), "DataFrame without geometries"),
        (FRAME.iloc[:0], "is empty"),
    ],
)
def test_what_is_not_an_area_is_refused(source: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_aoi(aoi=source)
