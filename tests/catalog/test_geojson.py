"""Extents: untrusted GeoJSON files of outlines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import shapely

from hrdem.catalog.surveys.geojson import read_extent_projects
from hrdem.errors import SourceError, TransferError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.transform import project_points
from tests.systems import IS_WINDOWS

AREA = shapely.box(1_500_000, -200_000, 1_500_100, -199_900)
LEFT_HALF = shapely.box(1_499_900, -200_200, 1_500_050, -199_700)


def extent(path: Path, shape: shapely.Geometry, **properties: object) -> str:
    corners = project_points(shapely.get_coordinates(shape), NATIVE_CRS, LONLAT)
    geometry = {"type": "Polygon", "coordinates": [corners.tolist()]}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
    )
    return str(path)


@pytest.mark.slow
def test_projects_under_the_area(tmp_path: Path) -> None:
    path = extent(tmp_path / "a.geojson", LEFT_HALF, Project="A\x1b[2J", Year=2019)
    (found,) = read_extent_projects(path, "The file", AREA, 60)
    assert (found.name, found.first, round(found.share, 2)) == ("A [2J", "2019", 0.5)


def test_reading_has_a_time_limit(tmp_path: Path) -> None:
    path = extent(tmp_path / "a.geojson", LEFT_HALF)
    with pytest.raises(TransferError, match="The file could not be read within 0 s"):
        read_extent_projects(path, "The file", AREA, 0.01)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(
    sys.platform != "linux" or IS_WINDOWS, reason="the limit is not enforced, or not tested"
)
def test_reading_has_a_memory_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(b"[" + b"[]," * 5_000_000 + b"[]]")  # 15 MB that become 300
    program = (
        "from hrdem.catalog.surveys import geojson, worker; worker.MAX_MEMORY_BYTES = 400 << 20; "
        "worker.answer_request(geojson.read_outlines, (ValueError,))"
    )
    area = shapely.to_wkb(AREA, hex=True)
    request = json.dumps({"path": str(path), "tolerance": "1", "area": area})
    done = subprocess.run(
        [sys.executable, "-c", program], input=request, capture_output=True, text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert json.loads(done.stdout) == {"error": "reading it takes too much memory"}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "document",
    [
        b"[" * 100_000,
        b'{"type": "FeatureCollection", "features": 5}',
        b'{"type": "FeatureCollection", "features": [{"geometry": {"type": "X"}}]}',
        b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e999, 0]}}',
        b'{"type": "F", "geometry": {"type": "Point", "coordinates": [1%b, 0]}}' % (b"0" * 400),
        b'{"type": "F", "properties": [1], "geometry": {"type": "Point", "coordinates": [0, 0]}}',
        b"\xff\xfe",
        b"",
    ],
    ids=lambda document: repr(document[:60]),
)  # fmt: skip
def test_file_that_is_not_geojson_of_outlines_is_an_error(tmp_path: Path, document: bytes) -> None:
    path = tmp_path / "a.geojson"
    path.write_bytes(document)
    with pytest.raises(SourceError, match="^The file cannot be read: it ") as caught:
        read_extent_projects(str(path), "The file", AREA, 60)
    assert len(str(caught.value)) < 600
