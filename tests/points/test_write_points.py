"""The rows of points keep their values, whatever they came in."""

from __future__ import annotations

import datetime
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.raw
import pytest
import shapely
from pyogrio.errors import DataSourceError

import hrdem
from hrdem.errors import OutputError
from hrdem.points.read_points import open_points
from hrdem.points.write_points import publish_rows, write_csv, write_layer

HERE = (-75.70, 45.42)
LARGE = 2**53 + 1  # the first whole number that a float64 does not hold


def write_geojson(path: Path, rows: list[dict[str, Any]]) -> Path:
    point = {"type": "Point", "coordinates": HERE}
    features = [{"type": "Feature", "properties": row, "geometry": point} for row in rows]
    document = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def write(source: Any, path: Path, crs: str | None = None) -> tuple[list[str], pyogrio.raw.Any]:
    """Write the rows of points in both formats; return the lines of one and the other."""
    with open_points(source, crs) as table:
        text = io.StringIO()
        count = len(table.points)

        def add(part: slice) -> dict[str, np.ndarray]:
            return {"dtm": np.ones(count)[part]}

        write_csv(table, add, text)
        write_layer(table, add, path)
    return text.getvalue().splitlines(), pyogrio.read_info(path)


def read_text(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a layer, with times as text."""
    meta, _, _, columns = pyogrio.raw.read(path, read_geometry=False, datetime_as_string=True)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(meta["fields"].tolist(), row, strict=True)) for row in rows]


def test_whole_numbers_stay_whole_beside_missing_ones(tmp_path: Path) -> None:
    """They became floating-point numbers, 9007199254740993 one less."""
    rows = [{"n": LARGE, "small": 7, "yes": True}, {"n": None}, {"n": -LARGE, "yes": False}]
    lines, info = write(write_geojson(tmp_path / "p.geojson", rows), tmp_path / "out.gpkg")
    assert lines == ["n,small,yes,dtm", f"{LARGE},7,True,1", ",,,1", f"-{LARGE},,False,1"]
    assert info["dtypes"].tolist() == ["int64", "int32", "bool", "float64"]
    found = [
        pyogrio.raw.read(tmp_path / "out.gpkg", columns=["n"], where=where)[3][0].tolist()
        for where in ("n IS NOT NULL", "n IS NULL")
    ]
    assert found[0] == [LARGE, -LARGE]
    assert np.isnan(found[1]).tolist() == [True]


def test_a_missing_number_in_a_later_batch_changes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("layer_points", "table", "write_points"):
        monkeypatch.setattr(f"hrdem.points.{module}.BATCH_ROWS", 2)
    rows = [{"n": LARGE}, {"n": 1}, {"n": None}, {"n": LARGE + 2}, {"n": None}]
    lines, info = write(write_geojson(tmp_path / "p.geojson", rows), tmp_path / "out.gpkg")
    assert lines[1:] == [f"{LARGE},1", "1,1", ",1", f"{LARGE + 2},1", ",1"]
    assert info["dtypes"].tolist() == ["int64", "float64"]
    known = pyogrio.raw.read(tmp_path / "out.gpkg", columns=["n"], where="n > 1")[3][0]
    assert known.tolist() == [LARGE, LARGE + 2]


def test_times_keep_their_zones_and_lists_are_json(tmp_path: Path) -> None:
    """Zones were lost, and lists ended in a traceback after the download."""
    row = {
        "at": "2020-01-01T12:00:00-05:00",
        "day": "2020-01-02",
        "depths": [1, 2],
        "kinds": ["a", "é"],
    }
    other = {"at": "2020-06-01T12:00:00.250Z"}
    path = write_geojson(tmp_path / "p.geojson", [row, {"at": None}, other])
    lines, info = write(path, tmp_path / "out.gpkg")
    assert lines[1:] == [
        '2020-01-01T12:00:00-05:00,2020-01-02,"[1, 2]","[""a"", ""é""]",1',
        ",,,,1",
        "2020-06-01T12:00:00.250Z,,,,1",
    ]
    assert info["ogr_types"][:2] == ["OFTDateTime", "OFTDate"]
    first, second, third = read_text(tmp_path / "out.gpkg")
    assert first["at"] == "2020-01-01T17:00:00Z"
    with closing(sqlite3.connect(tmp_path / "out.gpkg")) as database:
        days = database.execute("SELECT day FROM points ORDER BY fid").fetchall()
    assert days == [("2020-01-02",), (None,), (None,)]
    assert (first["depths"], first["kinds"]) == ("[1, 2]", '["a", "é"]')
    assert second["at"] is None
    assert datetime.datetime.fromisoformat(third["at"]) == datetime.datetime(
        2020, 6, 1, 12, 0, 0, 250_000, datetime.UTC
    )


def test_a_geodataframe_keeps_its_columns(tmp_path: Path) -> None:
    """All of them were left out, and coordinates in metres were named lon and lat."""
    frame = geopandas.GeoDataFrame(
        {
            "id": pd.array([LARGE, None], "Int64"),
            "count": np.array([1, 2], np.int32),
            "depth": [1.5, np.nan],
            "name": ["a", None],
            "dry": [True, False],
            "at": pd.to_datetime(["2020-01-01T12:00:00-03:30", None]),
        },
        geometry=[shapely.Point(445_000, 5_030_000), None],
        crs="EPSG:2959",
    )
    lines, info = write(frame, tmp_path / "out.gpkg")
    assert lines == [
        "id,count,depth,name,dry,at,dtm",
        f"{LARGE},1,1.5,a,True,2020-01-01T12:00:00-03:30,1",
        ",2,,,False,,1",
    ]
    assert info["dtypes"].tolist() == [
        "int64", "int64", "float64", "object", "bool", "datetime64[ms]", "float64"
    ]  # fmt: skip
    assert read_text(tmp_path / "out.gpkg")[0]["at"] == "2020-01-01T15:30:00Z"
    lines, _ = write(frame.geometry, tmp_path / "series.gpkg")
    assert lines == ["x,y,dtm", "445000,5030000,1", ",,1"]
    lines, _ = write([HERE], tmp_path / "degrees.gpkg")
    assert lines == ["lon,lat,dtm", "-75.7,45.42,1"]


def test_more_cells_than_columns_are_refused(tmp_path: Path) -> None:
    """`Smith, John` without quotes became `Smith`."""
    path = tmp_path / "p.csv"
    path.write_text("lon,lat,name\n-75.7,45.42,Smith,\n-75.7,45.42,Smith, John\n")
    with (
        pytest.raises(hrdem.RequestError, match=r"p\.csv, line 3, has 4 cells, and there are 3 "),
        open_points(path, None),
    ):
        pass
    path.write_text("lon,lat,name\n-75.7,45.42,Smith,\n-75.7\n")
    lines, _ = write(path, tmp_path / "out.gpkg")
    assert lines[1:] == ["-75.7,45.42,Smith,1", "-75.7,,,1"]


def test_a_full_disk_is_an_error_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told as a defect of hrdem, with exit code 1."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise DataSourceError("Failed to commit transaction")

    monkeypatch.setattr(pyogrio.raw, "write", refuse)
    output = tmp_path / "out.gpkg"
    with (
        open_points([HERE], None) as table,
        pytest.raises(
            OutputError, match=r"out\.gpkg cannot be written: Failed to commit transaction\.$"
        ),
    ):
        publish_rows(table, lambda part: {"dtm": np.ones(1)[part]}, output, overwrite=False)
    assert not list(tmp_path.iterdir())
