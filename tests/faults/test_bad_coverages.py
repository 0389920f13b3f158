"""Bad responses of a WCS give the right pixels or a clean failure."""

from __future__ import annotations

import random
import re
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.http.client import HttpClient
from hrdem.sources.wcs import chunking
from tests.faults.wcs_service import (
    EDGE,
    GATEWAY,
    LEFT,
    TOP,
    WCS,
    Fault,
    answer,
    assert_nothing_left,
    assert_right,
    box_of,
    counting,
    extract,
    is_coverage,
    report,
    service,
    tiff,
)
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

pytestmark = pytest.mark.usefixtures("small_chunks")


def made(make: Callable[[np.ndarray, float, float], Reply]) -> Fault:
    """Return a fault that builds its reply from the right pixels and their corner."""

    def fault(request: ServerRequest, right: Reply) -> Reply:
        left, bottom, right_edge, top = box_of(request)
        shape = int(right_edge - left), int(top - bottom)
        return make(heights(left, top, 1, *shape), left, top)

    return fault


TRANSIENT: dict[str, Fault] = {
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


PERMANENT: dict[str, tuple[Fault, str]] = {
    "400": (answer(b"Missing parameter 'format'; Missing parameter 'identifier'", 400),
            "answers 400: Missing parameter 'format'; Missing parameter 'identifier'"),
    "unknown name": (answer(b"layer does not exist", 400), "layer does not exist"),
    "404": (answer(b"<html><title>Not Found</title></html>", 404), "answers 404: Not Found"),
    "wrong": (answer(report("InvalidParameterValue", "COVERAGE=dtm not found")),
              "COVERAGE=dtm not found"),
}  # fmt: skip


FAST = {"null", "cut off", "too large", "half a pixel off", "404"}


def by_speed(names: Iterable[str]) -> list[Any]:
    """Mark all faults long but one of each kind."""
    long = (pytest.mark.slow, pytest.mark.long)
    return [pytest.param(name, marks=() if name in FAST else long) for name in names]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", by_speed(TRANSIENT))
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
        return TRANSIENT[name](request, right)

    with misbehaving(service(demo, coverage)) as server:
        extract(server, tmp_path, http)
        assert sum(map(is_coverage, server.requests)) > 12
    assert_right(tmp_path / "out.tif")


@pytest.mark.slow
@pytest.mark.parametrize("name", by_speed([*TRANSIENT, *PERMANENT]))
def test_lasting_failure_names_box_and_server_message(
    demo: Addresses, http: HttpClient, tmp_path: Path, name: str
) -> None:
    """A chunk that always fails ends the run; it never becomes nodata."""
    bad = TRANSIENT[name] if name in TRANSIENT else PERMANENT[name][0]

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
    if name in PERMANENT:
        assert PERMANENT[name][1] in said
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


@pytest.mark.slow
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


def test_exactly_two_requests_run_in_parallel(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    counts: list[int] = []
    with misbehaving(service(demo, counting(counts))) as server:
        extract(server, tmp_path, http)
    assert max(counts) == 2
    assert sum(count == 2 for count in counts) >= 4


@pytest.mark.slow
@pytest.mark.long
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
        with pytest.raises(hrdem.ServerError, match="requests a wait of 3600 s"):
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
@pytest.mark.long
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
        extract(server, tmp_path, http, cache_dir=tmp_path / "cache" / "below")


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


@pytest.mark.slow
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


def lower_rows_fail(request: ServerRequest, right: Reply) -> Reply:
    return Reply(400, b"no more") if box_of(request)[1] < TOP - 250 else right


def interrupted(server: Misbehaving, http: HttpClient, folder: Path) -> list[Path]:
    """Pieces that a run leaves behind which does not get all of them."""
    with pytest.raises(hrdem.ServerError, match="no more") as raised:
        extract(server, folder, http)
    assert "run the same command again to resume" in raised.value.__notes__[0]
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_only_pieces_that_were_stored_promise_to_resume(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    with (
        misbehaving(service(demo, lambda request, right: Reply(200, b"null"))) as server,
        pytest.raises(hrdem.WcsError, match="the response is null") as raised,
    ):
        extract(server, tmp_path, http)
    assert "resume" not in str(raised.value)
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.slow
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
