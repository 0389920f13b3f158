"""A WCS that fails in every way that was seen, or read of: the right pixels, or a clean failure."""

from __future__ import annotations

import json
import random
import re
import struct
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.geo.grid import Grid, Window
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Download, Http
from hrdem.http.retry import Retries
from hrdem.request.endpoints import LIVE_WCS_URL
from hrdem.request.request import Request
from hrdem.sources.protocol import limit_service_requests
from hrdem.sources.wcs import chunking
from hrdem.sources.wcs.coverage import WcsCoverage
from hrdem.sources.wcs.reader import WcsSource
from tests.misbehaving import Misbehaving, Reply, Script, ServerRequest, forward, misbehaving

WCS = "/wrapper/ogc/elevation-hrdem-mosaic"
LEFT, TOP = 1_499_800, -170_500  # on both sides of the border between 8_2 and 9_2
WIDTH, HEIGHT = 400, 300
BOX = (LEFT, TOP - HEIGHT, LEFT + WIDTH, TOP)
EDGE = 100  # of the pieces: 4 x 3 of them
GATEWAY = b"<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"

Fault = Callable[[ServerRequest, Reply], Reply]


@pytest.fixture(autouse=True)
def _small_pieces_and_no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunking, "FIRST_CHUNK_PIXELS", EDGE**2)
    monkeypatch.setattr(chunking, "MAX_CHUNK_PIXELS", EDGE**2)
    monkeypatch.setattr(Retries, "wait_after", lambda self, failures: 0.0)


def is_coverage(request: ServerRequest) -> bool:
    return request.path.startswith(WCS) and "GetCoverage" in request.path


def box_of(request: ServerRequest) -> tuple[float, ...]:
    """Left, bottom, right, top of the pixels that a GetCoverage asks for."""
    query = parse_qs(urlsplit(request.path).query)
    x0, y0, x1, y1 = map(float, query["BOUNDINGBOX"][0].split(",")[:4])
    return x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5


def service(
    demo: Addresses,
    coverage: Fault = lambda request, right: right,
    other: Callable[[ServerRequest], Reply | None] = lambda request: None,
) -> Script:
    """The demonstration, whose coverages and other answers pass through hands."""

    def script(request: ServerRequest) -> Reply:
        base = f"http://{request.headers['host']}"
        if is_coverage(request):
            return coverage(request, forward(request, demo.url, base))
        return other(request) or forward(request, demo.url, base)

    return script


def extract(server: Misbehaving, folder: Path, http: HttpClient, **more: Any) -> hrdem.Result:
    settings = {"via": "wcs", "product": "dtm", "cache_dir": folder / "cache", **more}
    return hrdem.extract(
        bbox=BOX,
        bbox_crs="EPSG:3979",
        output=folder / "out.tif",
        stac_url=f"{server.url}/stac/api/",
        wcs_url=f"{server.url}{WCS}",
        http=http,
        **settings,
    )


def assert_right(path: Path) -> None:
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), heights(LEFT, TOP, 1, WIDTH, HEIGHT))


def assert_nothing_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} <= {"cache"}
    assert not list(folder.rglob("*.partial"))


def tiff(pixels: np.ndarray, left: float, top: float, size: float = 1, **options: Any) -> Reply:
    settings = {
        "driver": "GTiff", "width": pixels.shape[1], "height": pixels.shape[0], "count": 1,
        "dtype": pixels.dtype.name, "crs": "EPSG:3979", "nodata": -32767,
        "transform": Affine(size, 0, left, 0, -size, top), **options,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**settings) as dataset:
            dataset.write(pixels, 1)
        return Reply(body=bytes(memory.read()), headers={"Content-Type": "image/tiff"})


def made(make: Callable[[np.ndarray, float, float], Reply]) -> Fault:
    """A fault that makes a raster of the right pixels and their corner."""

    def fault(request: ServerRequest, right: Reply) -> Reply:
        left, bottom, right_edge, top = box_of(request)
        shape = int(right_edge - left), int(top - bottom)
        return make(heights(left, top, 1, *shape), left, top)

    return fault


def answer(body: bytes, status: int = 200, **headers: str) -> Fault:
    return lambda request, right: Reply(status, body, dict(headers))


def report(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1">'
        f'<ows:Exception exceptionCode="{code}"><ows:ExceptionText>{text}</ows:ExceptionText>'
        "</ows:Exception></ows:ExceptionReport>"
    ).encode()


MENDABLE: dict[str, Fault] = {
    "null": answer(b"null", **{"Content-Type": "application/json"}),
    "empty": answer(b""),
    "502": answer(b"<html><title>502 Bad Gateway</title></html>", 502),
    "503": answer(b"", 503, **{"Retry-After": "0"}),
    "504": answer(GATEWAY, 504),
    "429": answer(b"slow down", 429, **{"Retry-After": "0"}),
    "500": answer(b"java.lang.OutOfMemoryError: Java heap space\n\tat geotrellis.A.b(A)", 500),
    "413": answer(b"", 413),
    "reset": lambda request, right: Reply(200, right.body, cut=5_000, reset=True),
    "broken off": lambda request, right: Reply(200, right.body, cut=20_000),
    "cut off": lambda request, right: Reply(200, right.body[: len(right.body) // 2]),
    "cut in the header": lambda request, right: Reply(200, right.body[:100]),
    "too large": answer(report("InvalidParameterValue", "size out of range, MAXSIZE=64")),
    "too large under 400": answer(report("x", "request exceeds the maximum size allowed"), 400),
    "exception": answer(report("NoApplicableCode", "unable to open file")),
    "page": answer(b"<html><head><title>Sign in</title></head></html>"),
    "half a pixel off": made(lambda pixels, x, y: tiff(pixels, x - 0.5, y + 0.5)),
    "another size": made(lambda pixels, x, y: tiff(pixels[:, :-1].copy(), x, y)),
    "stretched": made(lambda pixels, x, y: tiff(pixels[:, :-1].copy(), x, y, EDGE / (EDGE - 1))),
    "another place": lambda request, right: tiff(heights(0, 0, 1, EDGE, EDGE), 0, 0),
    "another CRS": made(lambda pixels, x, y: tiff(pixels, x, y, crs="EPSG:3978")),
    "another type": made(lambda pixels, x, y: tiff(pixels.astype("f8"), x, y)),
    "another nodata": made(lambda pixels, x, y: tiff(pixels, x, y, nodata=0)),
    "one pixel": lambda request, right: tiff(np.float32([[124.48]]), 1_498_120, 501_253, 3_759),
    "one pixel of a height": made(lambda pixels, x, y: tiff(np.float32([[124.48]]), x, y, EDGE)),
    "no blocks": made(
        lambda pixels, x, y: tiff(np.full_like(pixels, -32767), x, y, SPARSE_OK="TRUE")
    ),
    "a picture": answer(b"\x89PNG\r\n\x1a\n" + b"\0" * 100),
}
HOPELESS: dict[str, tuple[Fault, str]] = {
    "400": (answer(b"Missing parameter 'format'; Missing parameter 'identifier'", 400),
            "answers 400: Missing parameter 'format'; Missing parameter 'identifier'"),
    "unknown name": (answer(b"layer does not exist", 400), "layer does not exist"),
    "404": (answer(b"<html><title>Not Found</title></html>", 404), "answers 404: Not Found"),
    "wrong": (answer(report("InvalidParameterValue", "COVERAGE=dtm not found")),
              "COVERAGE=dtm not found"),
}  # fmt: skip
FAST = {"null", "504", "cut off", "too large", "half a pixel off", "no blocks", "404"}


def by_speed(names: Iterable[str]) -> list[Any]:
    """Mark all faults slow but one of each kind."""
    return [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", by_speed(MENDABLE))
def test_occasional_bad_responses_leave_pixels_exact(
    demo: Addresses, http: HttpClient, tmp_path: Path, name: str
) -> None:
    """Two in five chunks fail once, then come right."""
    chance = random.Random(name)
    failed: set[tuple[float, ...]] = set()

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        if box_of(request) in failed or chance.random() > 0.4:
            return right
        failed.add(box_of(request))
        return MENDABLE[name](request, right)

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) > 12
    assert_right(tmp_path / "out.tif")


@pytest.mark.parametrize("name", by_speed([*MENDABLE, *HOPELESS]))
def test_lasting_failure_names_box_and_server_message(
    demo: Addresses, http: HttpClient, tmp_path: Path, name: str
) -> None:
    """A chunk that always fails ends the run; it never becomes nodata."""
    bad = MENDABLE[name] if name in MENDABLE else HOPELESS[name][0]

    def is_bad(request: ServerRequest) -> bool:
        left, bottom, right, top = box_of(request)
        return left <= LEFT + 250.5 < right and bottom < TOP - 120.5 <= top

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        return bad(request, right) if is_bad(request) else right

    with misbehaving(service(demo, coverage)) as server:
        with pytest.raises(hrdem.NetworkError) as told:
            extract(server, tmp_path, http)
        failed = [
            request for request in server.requests if is_coverage(request) and is_bad(request)
        ]
    said = str(told.value)
    place = re.search(r"does not return dtm in the box ([-\d,]+) \(EPSG:3979, \d+ x \d+ pix", said)
    assert place
    assert tuple(map(float, place[1].split(","))) in map(box_of, failed)
    assert "`via=cog`" in said
    assert len(failed) <= 60
    if name in HOPELESS:
        assert HOPELESS[name][1] in said
    assert_nothing_left(tmp_path)


def test_second_run_resumes_from_cached_chunks(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    with misbehaving(service(demo)) as server:
        normal = server.script
        seen = []

        def dead_after_seven(request: ServerRequest) -> Reply:
            if is_coverage(request):
                seen.append(request)
                if len(seen) > 7:
                    return Reply(400, b"gone for lunch")
            return normal(request)

        server.script = dead_after_seven
        with pytest.raises(hrdem.ServerError, match="gone for lunch.*again to resume"):
            extract(server, tmp_path, http)
        first = sum(1 for path in (tmp_path / "cache").rglob("*.tif"))
        assert first >= 6
        server.script, server.requests = normal, []
        extract(server, tmp_path, http)
        second = sum(map(is_coverage, server.requests))
    assert second == 12 - first
    assert_right(tmp_path / "out.tif")


def updated(request: ServerRequest, demo: Addresses, date: str) -> Reply | None:
    """The catalogue's answer, with another date."""
    if "/search" not in request.path:
        return None
    reply = forward(request, demo.url, f"http://{request.headers['host']}")
    reply.body = re.sub(rb'"updated": "[^"]*"', f'"updated": "{date}"'.encode(), reply.body)
    return reply


@pytest.mark.slow
def test_cached_chunks_of_an_older_version_are_ignored(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    def of(date: str) -> Callable[[ServerRequest], Reply | None]:
        return lambda request: updated(request, demo, date)

    with misbehaving(service(demo, lower_rows_fail, of("2026-01-01"))) as server:
        interrupted(server, http, tmp_path)
        server.script = service(demo, other=of("2026-02-02"))
        extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) == 12


def test_republished_data_are_detected(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """A WCS has no version; the catalogue's dates reveal the change."""
    searches: list[ServerRequest] = []

    def catalogue(request: ServerRequest) -> Reply | None:
        if "/search" in request.path:
            searches.append(request)
        return updated(request, demo, f"2026-01-0{len(searches)}")

    with (
        misbehaving(service(demo, other=catalogue)) as server,
        pytest.raises(hrdem.SourceChangedError, match="8_2-mosaic-1m was published again"),
    ):
        extract(server, tmp_path, http)
    assert_nothing_left(tmp_path)


def counting(counts: list[int]) -> Fault:
    """No fault: notes with each request how many are under way."""
    active = [0]
    lock = threading.Lock()

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        with lock:
            active[0] += 1
            counts.append(active[0])
        time.sleep(0.05)
        with lock:
            active[0] -= 1
        return right

    return coverage


def test_exactly_two_requests_run_in_parallel(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    counts: list[int] = []
    with misbehaving(service(demo, counting(counts))) as server:
        extract(server, tmp_path, http)
    assert max(counts) == 2
    assert sum(count == 2 for count in counts) >= 4


def test_retry_after_pauses_all_requests(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    times: list[float] = []

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        times.append(time.monotonic())
        return Reply(429, b"", {"Retry-After": "1"}) if len(times) == 5 else right

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http)
    refused = times[4]
    assert not [t for t in times if refused + 0.2 < t < refused + 0.9]
    assert_right(tmp_path / "out.tif")


def test_retry_after_of_an_hour_ends_the_run(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    fault = answer(b"", 503, **{"Retry-After": "3600"})
    with misbehaving(service(demo, fault)) as server:
        with pytest.raises(hrdem.ServerError, match="asks to wait 3600 s"):
            extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) <= 2


@pytest.mark.slow
def test_timed_out_chunks_are_split(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """A server that never answers large requests gets smaller ones."""

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        left, bottom, right_edge, top = box_of(request)
        return Reply(silent=True) if (right_edge - left) * (top - bottom) > 6_000 else right

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http, wcs_limit=0.5)
    assert_right(tmp_path / "out.tif")


@pytest.mark.slow
def test_chunk_size_adapts_to_the_server_time_limit(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live limit of 5 minutes scaled to 1.5 s; timed-out work stays below a fifth."""
    monkeypatch.setattr(chunking, "FIRST_CHUNK_PIXELS", 64**2)
    monkeypatch.setattr(chunking, "MAX_CHUNK_PIXELS", 4096**2)
    limit, spent = 1.5, {"in vain": 0.0, "well": 0.0}

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        left, bottom, right_edge, top = box_of(request)
        needs = 0.02 + 40e-6 * (right_edge - left) * (top - bottom)
        time.sleep(min(needs, limit))
        spent["well" if needs <= limit else "in vain"] += min(needs, limit)
        return right if needs <= limit else Reply(504, GATEWAY)

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http, wcs_limit=limit)
        pieces = sum(map(is_coverage, server.requests))
    assert spent["in vain"] < 0.2 * sum(spent.values())
    assert 10 < pieces < 60
    assert_right(tmp_path / "out.tif")


def test_full_disk_is_an_output_error(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with (
        misbehaving(service(demo)) as server,
        pytest.raises(hrdem.OutputError, match="cannot be written to .*`cache_dir`"),
    ):
        extract(server, tmp_path, http)


def test_unknown_product_lists_the_known_ones(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        if "GetCapabilities" in request.path:
            reply = forward(request, demo.url, f"http://{request.headers['host']}")
            reply.body = reply.body.replace(b">dtm<", b">dtm-slope<")
            return reply
        return None

    with (
        misbehaving(service(demo, other=other)) as server,
        pytest.raises(hrdem.WcsError, match="has no dtm; it lists dsm, dtm-slope"),
    ):
        extract(server, tmp_path, http)


@pytest.mark.parametrize("status", [404, 410])
def test_missing_wcs_suggests_via_cog(
    demo: Addresses, http: HttpClient, tmp_path: Path, status: int
) -> None:
    """NRCan plans to retire the WCS."""

    def other(request: ServerRequest) -> Reply | None:
        return Reply(status) if request.path.startswith(WCS) else None

    with (
        misbehaving(service(demo, other=other)) as server,
        pytest.raises(hrdem.WcsError, match="COGs hold the same data: `via=cog`"),
    ):
        extract(server, tmp_path, http)


def test_wcs_works_without_a_catalogue(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        return Reply(404) if "/stac/" in request.path else None

    with misbehaving(service(demo, other=other)) as server:
        result = extract(server, tmp_path, http)
    assert "The items that the WCS serves here are unknown" in caplog.text
    assert result.plan.sources[0].items == ()
    assert_right(tmp_path / "out.tif")


def sources(path: Path) -> list[dict[str, Any]]:
    with rasterio.open(path) as dataset:
        told: list[dict[str, Any]] = json.loads(dataset.tags()["HRDEM_SOURCES"])
        return told


def test_wcs_replaces_a_blocked_store(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        return Reply(403, b"<Error/>") if request.path.startswith("/canelevation-dem") else None

    with misbehaving(service(demo, other=other)) as server:
        extract(server, tmp_path, http, via="auto")
    (source,) = sources(tmp_path / "out.tif")
    assert source["via"] == "wcs"
    assert "403" in source["fallback_reason"]
    assert "cannot be read from its COG, so it comes through the WCS" in caplog.text
    assert_right(tmp_path / "out.tif")


@pytest.mark.parametrize("broken", ["header", "tiles"])
def test_wcs_replaces_only_the_broken_cog(
    demo: Addresses, http: HttpClient, tmp_path: Path, broken: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A sub-tile comes from one source as a whole, never half from each."""

    def other(request: ServerRequest) -> Reply | None:
        if "9_2-mosaic-1m-dtm.tif" not in request.path:
            return None
        first = request.headers.get("range", "").startswith("bytes=0-")
        if broken == "header":
            return Reply(500, b"")
        reply = forward(request, demo.url, f"http://{request.headers['host']}")
        far = int(request.headers["range"].removeprefix("bytes=").split("-")[0]) > 100_000_000
        if not first and far:
            reply.body = bytes(len(reply.body))
        return reply

    with misbehaving(service(demo, other=other)) as server:
        result = extract(server, tmp_path, http, via="auto")
    west, east = sources(tmp_path / "out.tif")
    assert (west["name"], west["via"]) == ("8_2-mosaic-1m", "files")
    assert (east["name"], east["via"]) == ("9_2-mosaic-1m (WCS)", "wcs")
    assert east["dst_window"] == [200, 0, 200, 300]
    assert east["fallback_reason"]
    assert "9_2-mosaic-1m cannot be read from its COG" in caplog.text
    assert sum(result.pixels_by_source.values()) == result.statistics.valid
    assert_right(tmp_path / "out.tif")


def test_error_names_both_failed_sources(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    def other(request: ServerRequest) -> Reply | None:
        if request.path.startswith("/canelevation-dem"):
            return Reply(403, b"<Error/>")
        return Reply(404) if request.path.startswith(WCS) else None

    with (
        misbehaving(service(demo, other=other)) as server,
        pytest.raises(hrdem.ServerError, match="403.*The WCS cannot take its place either"),
    ):
        extract(server, tmp_path, http, via="auto")
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize("way", [{"via": "cog"}, {"align": "blocks"}, {"collection": "2m"}])
def test_no_fallback_when_excluded_or_impossible(
    demo: Addresses, http: HttpClient, tmp_path: Path, way: dict[str, str]
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        return Reply(403, b"<Error/>") if request.path.startswith("/canelevation-dem") else None

    with misbehaving(service(demo, other=other)) as server:
        with pytest.raises(hrdem.ServerError, match="403"):
            extract(server, tmp_path, http, **{"via": "auto", **way})
        assert not [request for request in server.requests if request.path.startswith(WCS)]


def test_live_wcs_never_replaces_files_of_another_catalogue(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Its pixels differ."""

    def other(request: ServerRequest) -> Reply | None:
        return Reply(403, b"<Error/>") if request.path.startswith("/canelevation-dem") else None

    with misbehaving(service(demo, other=other)) as server:
        for via, error in (("auto", hrdem.ServerError), ("wcs", hrdem.RequestError)):
            with pytest.raises(error, match="403|Give the address of the one") as told:
                hrdem.extract(
                    bbox=BOX, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
                    via=via, stac_url=f"{server.url}/stac/api/", http=http,
                )  # fmt: skip
            assert "WCS cannot take its place" not in str(told.value)


def test_live_catalogue_uses_live_wcs() -> None:
    request = Request.of(bbox=BOX, bbox_crs="EPSG:3979", product="dtm")
    assert request.wcs_url == LIVE_WCS_URL


def lower_rows_fail(request: ServerRequest, right: Reply) -> Reply:
    return Reply(400, b"no more") if box_of(request)[1] < TOP - 250 else right


def interrupted(server: Misbehaving, http: HttpClient, folder: Path) -> list[Path]:
    """Pieces that a run leaves behind which does not get all of them."""
    with pytest.raises(hrdem.ServerError, match="no more"):
        extract(server, folder, http)
    kept = sorted((folder / "cache").rglob("*.tif"))
    assert len(kept) >= 7
    server.requests = []
    return kept


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50_000])


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def without_blocks(path: Path) -> None:
    """Where blocks lie and how long they are: without that, GDAL reads nodata."""
    content = bytearray(path.read_bytes())
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack(f"{order}I", content[4:8])
    (count,) = struct.unpack(f"{order}H", content[at : at + 2])
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, _, values = struct.unpack(f"{order}HHI", content[entry : entry + 8])
        if tag in (324, 325) and values == 1:
            content[entry + 8 : entry + 12] = bytes(4)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(emptied, marks=pytest.mark.slow),
        cut,
        pytest.param(zeroed, marks=pytest.mark.slow),
        without_blocks,
        pytest.param(Path.unlink, marks=pytest.mark.slow),
    ],
)
def test_damaged_cached_chunk_is_refetched(
    demo: Addresses, http: HttpClient, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """A crash may truncate a file; that must neither fail the run nor read as nodata."""
    with misbehaving(service(demo, lower_rows_fail)) as server:
        kept = interrupted(server, http, tmp_path)
        for path in kept[:3]:
            damage(path)
        server.script = service(demo)
        extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) == 12 - len(kept) + 3
    assert_right(tmp_path / "out.tif")


@pytest.mark.slow
def test_chunks_deleted_by_another_run_are_refetched(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Two runs share one cache folder; the first to finish cleans up."""
    tidied: list[ServerRequest] = []

    def coverage(request: ServerRequest, right: Reply) -> Reply:
        if box_of(request)[1] < TOP - 250 and not tidied:
            tidied.append(request)
            for path in (tmp_path / "cache").rglob("*.tif"):
                path.unlink()
        return right

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http)
    assert_right(tmp_path / "out.tif")


def test_without_a_catalogue_cached_chunks_are_ignored(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Nothing would reveal a change of version."""

    def other(request: ServerRequest) -> Reply | None:
        return Reply(404) if "/stac/" in request.path else None

    with misbehaving(service(demo, lower_rows_fail, other)) as server:
        interrupted(server, http, tmp_path)
        server.script = service(demo, other=other)
        extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) == 12


def test_two_fallbacks_share_the_request_limit(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    counts: list[int] = []

    def other(request: ServerRequest) -> Reply | None:
        head = request.headers.get("range", "").startswith("bytes=0-")
        return Reply(404) if request.path.startswith("/canelevation-dem") and not head else None

    with misbehaving(service(demo, counting(counts), other)) as server:
        extract(server, tmp_path, http, via="auto")
    assert max(counts) == 2
    assert_right(tmp_path / "out.tif")


def test_silent_server_ends_the_run_soon(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    fault = lambda request, right: Reply(silent=True)  # noqa: E731
    with misbehaving(service(demo, fault)) as server:
        with pytest.raises(hrdem.WcsError, match="Nothing has arrived in"):
            extract(server, tmp_path, http, wcs_limit=0.3)
        assert sum(map(is_coverage, server.requests)) <= 6


@pytest.mark.parametrize(
    "corner",
    [
        pytest.param("1e17", marks=pytest.mark.slow),
        "1.797e308",
        pytest.param("nan", marks=pytest.mark.slow),
    ],
)
def test_absurd_bounds_are_ignored(
    demo: Addresses, http: HttpClient, tmp_path: Path, corner: str
) -> None:
    def other(request: ServerRequest) -> Reply | None:
        if "DescribeCoverage" not in request.path:
            return None
        reply = forward(request, demo.url, f"http://{request.headers['host']}")
        corners = re.compile(
            rb"(<ows:BoundingBox crs=[^>]*3979.*?)<ows:LowerCorner>.*?</ows:Upper", re.DOTALL
        )
        text = f"<ows:LowerCorner>-{corner} -{corner}</ows:LowerCorner><ows:UpperCorner>{corner} "
        text += f"{corner}</ows:Upper"
        reply.body, changed = corners.subn(rb"\1" + text.encode(), reply.body)
        assert changed
        return reply

    with misbehaving(service(demo, other=other)) as server:
        extract(server, tmp_path, http)
    assert_right(tmp_path / "out.tif")


def test_wcs_smaller_than_the_data_is_an_error(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Pixels outside the coverage must not become nodata."""

    def other(request: ServerRequest) -> Reply | None:
        if "DescribeCoverage" not in request.path:
            return None
        reply = forward(request, demo.url, f"http://{request.headers['host']}")
        upper = re.compile(rb"(BoundingBox crs=[^>]*3979.*?<ows:UpperCorner>)[-\d.]+", re.DOTALL)
        reply.body, changed = upper.subn(rb"\g<1>1499900", reply.body)
        assert changed
        return reply

    with (
        misbehaving(service(demo, other=other)) as server,
        pytest.raises(hrdem.WcsError, match="reaches as far as .*-mosaic-1m has more of it"),
    ):
        extract(server, tmp_path, http)


def test_wcs_must_cover_the_file_it_replaces(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """It need not cover neighbours whose files are readable."""

    def ends_at(x: int, broken: str) -> Callable[[ServerRequest], Reply | None]:
        def other(request: ServerRequest) -> Reply | None:
            if broken in request.path:
                return Reply(404)
            if "DescribeCoverage" not in request.path:
                return None
            reply = forward(request, demo.url, f"http://{request.headers['host']}")
            upper = re.compile(
                rb"(BoundingBox crs=[^>]*3979.*?<ows:UpperCorner>)[-\d.]+", re.DOTALL
            )
            reply.body, changed = upper.subn(rb"\g<1>%d" % x, reply.body)
            assert changed
            return reply

        return other

    with misbehaving(service(demo)) as server:
        server.script = service(demo, other=ends_at(1_500_100, "9_2-mosaic-1m-dtm.tif"))
        with pytest.raises(hrdem.ServerError, match="404.*9_2-mosaic-1m has more of it"):
            extract(server, tmp_path, http, via="auto")
        server.script = service(demo, other=ends_at(1_500_000, "8_2-mosaic-1m-dtm.tif"))
        extract(server, tmp_path, http, via="auto")
    assert_right(tmp_path / "out.tif")


@pytest.mark.slow
def test_header_of_a_broken_file_bounds_the_fallback(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """The catalogue's footprint is only a hint; a strip may lie outside it."""

    def other(request: ServerRequest) -> Reply | None:
        if "/search" in request.path:
            reply = forward(request, demo.url, f"http://{request.headers['host']}")
            page = json.loads(reply.body)
            for item in page["features"]:
                if item["id"] == "9_2-mosaic-1m":
                    (ring,) = item["properties"]["proj:geometry"]["coordinates"]
                    ring[:] = [[max(x, 1_500_050), y] for x, y in ring]
            reply.body = json.dumps(page).encode()
            return reply
        head = request.headers.get("range", "").startswith("bytes=0-")
        return Reply(404) if "9_2-mosaic-1m-dtm.tif" in request.path and not head else None

    with misbehaving(service(demo, other=other)) as server:
        extract(server, tmp_path, http, via="auto")
    assert_right(tmp_path / "out.tif")


@pytest.fixture
def coverage() -> WcsCoverage:
    grid = Grid("EPSG:3979", Affine(1, 0, LEFT, 0, -1, TOP), 1_000, 1_000)
    return WcsCoverage(
        "http://127.0.0.1:9/", "dtm", "image/geotiff", grid, "float32", -1, "", ("dtm",), 1, 300
    )


def test_close_releases_waiting_threads(
    http: HttpClient, tmp_path: Path, coverage: WcsCoverage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Retries, "wait_after", lambda self, failures: 60.0)
    source = WcsSource(coverage, http, Window(0, 0, 500, 500), tmp_path, limit_service_requests())
    ended: list[BaseException] = []

    def fetch() -> None:
        try:
            source.fetch(Window(0, 0, 10, 10))
        except hrdem.HrdemError as exc:
            ended.append(exc)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    source.close()
    for thread in threads:
        thread.join(5)
    assert len(ended) == 4


def test_lost_chunk_is_counted_once(tmp_path: Path, coverage: WcsCoverage) -> None:
    """Counted twice, a waiting thread would never return."""
    whole, left, right = (Window(0, 0, 150, 100), Window(0, 0, 100, 100), Window(100, 0, 50, 100))
    ready = {left: threading.Event(), right: threading.Event()}

    class Slow(Http):
        def download(self, url: str, path: Path, *, params: Any, **settings: Any) -> Download:
            x0, y0, x1, y1 = map(float, params["BOUNDINGBOX"].split(",")[:4])
            piece = Window(int(x0) - LEFT, int(TOP - y1), int(x1 - x0) + 1, int(y1 - y0) + 1)
            ready[piece].wait(5)
            path.write_bytes(
                tiff(np.ones((100, piece.width), "f4"), x0 - 0.5, y1 + 0.5, nodata=-1).body
            )
            return Download("image/tiff", 1)

    slow: Any = Slow()
    source = WcsSource(coverage, slow, whole, tmp_path, limit_service_requests())
    source._chunks = chunking.ChunkScheduler([left, right], 300)
    done: list[bool] = []

    def fetch() -> None:
        source.fetch(whole)
        done.append(True)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready[left].set()
    time.sleep(0.3)
    ready[left].clear()
    source._discard(left, OSError("gone"))
    ready[right].set()
    time.sleep(0.3)
    ready[left].set()
    for thread in threads:
        thread.join(5)
    assert done == [True] * 3
    assert (source.fetch(whole).decode() == 1).all()


def test_exception_in_one_thread_releases_the_others(tmp_path: Path, coverage: WcsCoverage) -> None:
    class Defective(Http):
        def download(self, *words: Any, **settings: Any) -> None:
            time.sleep(0.1)
            raise ZeroDivisionError

    whole, requests = Window(0, 0, 500, 500), limit_service_requests()
    source = WcsSource(coverage, Defective(), whole, tmp_path, requests)  # type: ignore[arg-type]
    ended: list[type[BaseException]] = []

    def fetch(column: int) -> None:
        try:
            source.fetch(Window(column, 0, 10, 10))
        except ZeroDivisionError as exc:
            ended.append(type(exc))

    threads = [threading.Thread(target=fetch, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(ended) == 4
