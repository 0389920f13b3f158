"""Coverage files that are missing, damaged or change: said, and never taken for no survey."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import shapely

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.surveys import lookup as surveys
from hrdem.catalog.surveys.lookup import Surveys, find_surveys
from hrdem.geo.reproject import project_geometry
from hrdem.http import gdal_options
from hrdem.http.client import HttpClient
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import get_product
from tests.geopackages import write_layer
from tests.misbehaving import Misbehaving, Reply, ServerRequest, misbehaving

LONG = (pytest.mark.slow, pytest.mark.long)
AREA = Aoi.from_bbox((1_500_000, -200_000, 1_500_100, -199_900), "EPSG:3979")
COVERAGE, EXTENT = "/9_2-coverage.gpkg", "/9_2-extent.geojson"
Fault = Callable[[ServerRequest], Reply | None]


@pytest.fixture(scope="module")
def coverage(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two projects over the area among many others; 1.1 MB."""
    path = tmp_path_factory.mktemp("coverage") / "coverage.gpkg"
    corners = np.random.default_rng(3979).uniform(1_600_000, 2_000_000, (2_000, 2))
    others = [shapely.Point(corner).buffer(900, 8) for corner in corners.tolist()]
    old, new = shapely.box(1_400_000, -300_000, 1_500_050, 0), shapely.box(*AREA.bounds)
    names = ["old", *[f"other {number}" for number in range(len(others))], "new"]
    years = [2012, *[2015] * len(others), 2020]
    write_layer(path, [old, *others, new], {"Project": names, "Year": years})
    return path.read_bytes()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys.time, "sleep", lambda _: None)
    monkeypatch.setitem(gdal_options.OPTIONS, "GDAL_HTTP_RETRY_DELAY", 0)


@contextmanager
def store(coverage: bytes, fault: Fault = lambda _: None) -> Iterator[Misbehaving]:
    """Ranges as S3 gives them, unless a fault comes first."""
    around = project_geometry(AREA.geometry.buffer(1_000), "EPSG:3979", "EPSG:4617")
    outline = shapely.geometry.mapping(shapely.multipolygons([around]))
    extent = json.dumps({"type": "Feature", "properties": None, "geometry": outline}).encode()

    def script(request: ServerRequest) -> Reply:
        return fault(request) or served(request, coverage if request.path == COVERAGE else extent)

    with misbehaving(script) as server:
        yield server


def served(request: ServerRequest, content: bytes, etag: str = '"one"') -> Reply:
    if request.headers.get("if-match", etag) != etag:
        return Reply(412)
    headers = {"ETag": etag, "Accept-Ranges": "bytes"}
    if "range" not in request.headers:
        return Reply(200, content, headers)
    first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
    part = content[int(first) : int(last) + 1]
    end = int(first) + len(part) - 1
    return Reply(206, part, {**headers, "Content-Range": f"bytes {first}-{end}/{len(content)}"})


def read(server: Misbehaving, http: HttpClient, *paths: str) -> Surveys:
    assets = tuple(
        Asset(path.rpartition("-")[2].partition(".")[0], f"{server.url}{path}", "", "")
        for path in paths or (COVERAGE, EXTENT)
    )
    item = Item("9_2-mosaic-1m", "hrdem-mosaic-1m", "", "", None, assets)
    return find_surveys([item], AREA, get_product("dtm"), http)


def told(found: Surveys) -> list[tuple]:
    return [(s.asset, s.project.name, s.project.first, s.project.share) for s in found.found]


BOTH = [("coverage", "new", "2020", 1.0), ("coverage", "old", "2012", 0.5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "whole", [pytest.param(True, marks=LONG), False], ids=["whole", "in parts"]
)
def test_projects_are_read_whole_or_by_ranges(
    coverage: bytes, http: HttpClient, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(surveys, "MAX_WHOLE_FILE_BYTES", len(coverage) if whole else 0)
    with store(coverage) as server:
        found = read(server, http)
        sent = [request for request in server.requests if request.method == "GET"]
    assert told(found) == BOTH
    assert found.unknown == ()
    assert [version.size for version in found.versions] == [len(coverage)]
    assert {request.path for request in server.requests} == {COVERAGE}
    assert len(sent) == 2 if whole else len(sent) < 12
    assert all(request.headers.get("if-match") == '"one"' for request in sent[1:-1])


@pytest.mark.slow
def test_missing_coverage_falls_back_to_the_extent(coverage: bytes, http: HttpClient) -> None:
    gone = Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
    with store(coverage, lambda request: gone if request.path == COVERAGE else None) as server:
        found = read(server, http)
    assert told(found) == [("extent", None, None, pytest.approx(1.0))]
    (unknown,) = found.unknown
    assert "404" in unknown.reason
    assert not unknown.failed


@pytest.mark.slow
@pytest.mark.long
def test_catalogue_without_coverage_falls_back_to_the_extent(
    coverage: bytes, http: HttpClient
) -> None:
    with store(coverage) as server:
        found = read(server, http, EXTENT)
    assert [survey.asset for survey in found.found] == ["extent"]
    assert found.unknown[0].reason.startswith("The catalogue lists no coverage.")


def test_without_both_there_are_no_surveys(coverage: bytes, http: HttpClient) -> None:
    with store(coverage, lambda _: Reply(403)) as server:
        found = read(server, http, COVERAGE)
    assert found.found == ()
    (unknown,) = found.unknown
    assert "403" in unknown.reason
    assert "The catalogue lists no extent." in unknown.reason
    assert not unknown.failed


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Reply(500, b"later"), "500"),
        (Reply(200, b"<html>Sign in</html>"), "ignores the Range header"),
        (
            Reply(206, b"<html>Sign in</h", {"Content-Range": "bytes 0-15/900"}),
            "is not a GeoPackage",
        ),
        (Reply(206, bytes(16), {"Content-Range": "bytes 0-15/900"}, cut=3), "Tried 3 times"),
    ],
    ids=["500", "HTML", "HTML in parts", "cut off"],
)
def test_failed_transfer_is_an_error(
    coverage: bytes, http: HttpClient, fault: Reply, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with store(coverage, lambda request: fault if request.path == COVERAGE else None) as server:
        found = read(server, http)
    assert found.found == ()
    (unknown,) = found.unknown
    assert unknown.failed
    assert said in unknown.reason
    assert "surveys of 9_2-mosaic-1m are not known" in caplog.text


@pytest.mark.long
@pytest.mark.slow
def test_truncated_file_is_an_error(coverage: bytes, http: HttpClient) -> None:
    with store(coverage[:-200_000]) as server:
        found = read(server, http)
    assert found.found == ()
    assert found.unknown[0].failed
    assert f"{server.url}{COVERAGE} cannot be read" in found.unknown[0].reason


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        (1, "refused"),
        pytest.param(2, "cut off", marks=pytest.mark.long),
        pytest.param(4, "refused", marks=pytest.mark.long),
        (6, "cut off"),
    ],
)
def test_lost_range_never_loses_a_project(
    coverage: bytes, http: HttpClient, monkeypatch: pytest.MonkeyPatch, lost: int, kind: str
) -> None:
    """SQLite may miss a page anywhere: in the index, or inside an outline."""
    monkeypatch.setattr(surveys, "MAX_WHOLE_FILE_BYTES", 0)
    ranges: list[str] = []

    def fault(request: ServerRequest) -> Reply | None:
        part = request.headers.get("range")
        if request.method != "GET" or part == "bytes=0-15":
            return None
        if part not in ranges:
            ranges.append(str(part))
        if part not in ranges[lost - 1 : lost]:
            return None
        return Reply(403) if kind == "refused" else Reply(206, bytes(9_999), cut=5_000)

    with store(coverage, fault) as server:
        found = read(server, http)
    if len(ranges) < lost:
        assert told(found) == BOTH
        assert lost > 4
    else:
        assert told(found) == []
        assert found.unknown[0].failed


@pytest.mark.slow
@pytest.mark.long
def test_range_lost_once_is_retried(
    coverage: bytes, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MAX_WHOLE_FILE_BYTES", 0)
    lost: list[ServerRequest] = []

    def fault(request: ServerRequest) -> Reply | None:
        if request.headers.get("range", "bytes=0-").startswith("bytes=0-") or lost:
            return None
        lost.append(request)
        return Reply(206, bytes(99), cut=5)

    with store(coverage, fault) as server:
        found = read(server, http)
    assert lost
    assert told(found) == BOTH


@pytest.mark.slow
def test_republished_file_is_detected(
    coverage: bytes, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MAX_WHOLE_FILE_BYTES", 0)
    with store(
        coverage, lambda request: served(request, coverage, '"two"') if request.number > 4 else None
    ) as server:
        found = read(server, http)
    assert found.found == ()
    assert "published again" in found.unknown[0].reason


@pytest.mark.slow
@pytest.mark.long
def test_passwords_in_urls_are_redacted(
    coverage: bytes, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "MAX_WHOLE_FILE_BYTES", 0)
    damaged = coverage[:16] + b"\xff" * (len(coverage) - 16)
    with store(damaged) as server:
        href = f"{server.url}{COVERAGE}".replace("//", "//user:secret@")
        item = Item("9_2", "hrdem-mosaic-1m", "", "", None, (Asset("coverage", href, "", ""),))
        found = find_surveys([item], AREA, get_product("dtm"), http)
    assert found.unknown[0].failed
    assert "secret" not in json.dumps(found.as_dict())


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "document",
    [
        b"<html>",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"type": "FeatureCollection", "features": 5}',
        b'{"type": "Feature", "geometry": {"type": "Circle"}}',
        b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e99, 1]}}',
    ],
)
def test_invalid_extent_is_an_error(http: HttpClient, document: bytes) -> None:
    with misbehaving(lambda _: Reply(body=document)) as server:
        found = read(server, http, EXTENT)
    assert found.found == ()
    assert found.unknown[0].failed
    expected = "a web page instead of data" if b"html" in document else "not GeoJSON of outlines"
    assert expected in found.unknown[0].reason


@pytest.mark.slow
def test_empty_extent_gives_no_surveys(http: HttpClient) -> None:
    nothing = {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": []}}
    with misbehaving(lambda _: Reply.json(nothing)) as server:
        found = read(server, http, EXTENT)
    assert (found.found, [unknown.failed for unknown in found.unknown]) == ((), [False])


@pytest.mark.slow
@pytest.mark.long
def test_one_failed_item_keeps_the_others(
    coverage: bytes, http: HttpClient, tmp_path: Path
) -> None:
    with store(coverage, lambda request: Reply(500) if "8_2" in request.path else None) as server:
        items = [
            Item(name, "hrdem-mosaic-1m", "", "", None,
                 (Asset("coverage", f"{server.url}/{name}-coverage.gpkg", "", ""),))
            for name in ("8_2", "9_2")
        ]  # fmt: skip
        found = find_surveys(items, AREA, get_product("dtm"), http)
    assert {survey.item for survey in found.found} == {"9_2"}
    assert [unknown.item for unknown in found.unknown] == ["8_2"]
    assert json.loads(json.dumps(found.as_dict()))["surveys"][0] == {
        "project": "new", "from": "2020", "to": "2020", "share": 1.0, "item": "9_2",
        "asset": "coverage", "attributes": {"Project": "new", "Year": 2020},
    }  # fmt: skip
