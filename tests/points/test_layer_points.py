"""Points of layers and of geometries: each row has its own point."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

import hrdem
from hrdem.points.read_points import open_points
from tests.geopackages import write_layer
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

HERE, THERE = (-75.70, 45.42), (-75.69, 45.41)
NOWHERE = (np.nan, np.nan)


def make_feature(name: str, geometry: dict[str, Any] | None) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name}, "geometry": geometry}


def make_point(*xy: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": xy}


FEATURES = [
    make_feature("a", make_point(*HERE)),
    make_feature("none", None),
    make_feature("empty", make_point()),
    make_feature("c", make_point(*THERE)),
]
COLLECTION = {"type": "FeatureCollection", "features": FEATURES}


def read(source: Any, crs: str | None = None) -> tuple[list[Any], list[str]]:
    """Return the points of a source, and the cells of its first column."""
    with open_points(source, crs) as table:
        cells = [cell for columns in table.rows.read_batches() for cell in columns[0].tolist()]
        return table.points.tolist(), cells


@pytest.mark.parametrize("name", ["p.geojson", "p.geojsonl", "p.zip", "-"])
def test_a_feature_without_a_geometry_keeps_its_row(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next row had its height, and the last was missing; the zip ended in a traceback."""
    path = tmp_path / name
    text = json.dumps(COLLECTION)
    if name == "p.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("inside/p.geojson", text)
            archive.writestr("readme.txt", "points")
    elif name == "p.geojsonl":
        path.write_text("\n".join(map(json.dumps, FEATURES)), encoding="utf-8")
    elif name == "-":
        typed = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", typed)
    else:
        path.write_text(text, encoding="utf-8")
    points, names = read("-" if name == "-" else path)
    np.testing.assert_array_equal(points, [HERE, NOWHERE, NOWHERE, THERE])
    assert names == ["a", "none", "empty", "c"]


def test_a_collection_of_points_is_refused(tmp_path: Path) -> None:
    """Its points were rows of their own, which had the attributes of others."""
    both = {"type": "GeometryCollection", "geometries": [make_point(*HERE), make_point(*THERE)]}
    features = [make_feature("a", both), make_feature("c", make_point(*THERE))]
    collection = {"type": "FeatureCollection", "features": features}
    path = tmp_path / "p.geojson"
    path.write_text(json.dumps(collection), encoding="utf-8")
    for source in (path, collection, [collection]):
        with pytest.raises(hrdem.RequestError, match="Feature 1 of .* is a GeometryCollection"):
            read(source)


def test_a_point_of_a_layer_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "p.gpkg"
    shapes = [shapely.Point(HERE), shapely.Point(), None, shapely.MultiPoint()]
    write_layer(path, shapes, {"name": list("abcd")}, crs="EPSG:4326", kind="Unknown")
    points, names = read(path)
    np.testing.assert_array_equal(points, [HERE, *[NOWHERE] * 3])
    assert names == list("abcd")


@pytest.mark.parametrize("srid", [0, 4617])
def test_a_list_keeps_the_places_of_missing_geometries(srid: int) -> None:
    here, there = (shapely.set_srid(shapely.Point(xy), srid) for xy in (HERE, THERE))
    listed = [None, here, shapely.Point() if srid == 0 else None, there]
    for source in (listed, np.array(listed, object)):
        points, _ = read(source)
        np.testing.assert_array_equal(points, [NOWHERE, HERE, NOWHERE, THERE])
    points, _ = read([FEATURES[1], FEATURES[0]], "EPSG:4617")
    np.testing.assert_array_equal(points, [NOWHERE, HERE])
    points, _ = read(COLLECTION, "EPSG:4617")
    np.testing.assert_array_equal(points, [HERE, NOWHERE, NOWHERE, THERE])


def test_geometries_keep_their_order_when_some_have_an_srid() -> None:
    bare, known = shapely.Point(HERE), shapely.set_srid(shapely.Point(THERE), 4326)
    points, _ = read([known, bare, known])
    np.testing.assert_array_equal(points, [THERE, HERE, THERE])


def test_values_are_in_the_order_of_the_points(store: Store) -> None:
    store.add(TIERS["1m"], make_relief("1m", 64, 64), LEFT, TOP)
    first, last = (shapely.Point(LEFT + x, TOP - 30) for x in (10, 40))
    given = {"product": "dtm", "points_crs": "EPSG:3979", "http": store}
    alone = hrdem.sample([first, last], **given)
    done = hrdem.sample([first, None, last], **given)
    np.testing.assert_array_equal(done.values, [alone.values[0], np.nan, alone.values[1]])
    assert done.outside == 1
