"""Faults of proxies and servers that pass are tried again, like a broken connection."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hrdem.errors import NetworkError, ServerError, SourceChangedError, SourceError, WcsError
from hrdem.geo.grid import Grid, snap_grid
from hrdem.http.cache.client import CachingClient
from hrdem.http.cache.store import Cache
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Response
from hrdem.http.ranges import PinnedFile, read_first_bytes
from hrdem.http.response_checks import is_web_page
from hrdem.http.retry import RetryableError
from hrdem.http.source_version import SourceVersion
from hrdem.sources.vrt import check_vrt_complete
from hrdem.sources.wcs.capabilities import read_capabilities
from hrdem.sources.wms import get_map
from tests.misbehaving import Misbehaving, Reply, Script, ServerRequest, misbehaving, range_reply

CONTENT = bytes(range(256)) * 40
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
START, STOP = 1000, 9000

Fault = Callable[[Reply], Reply]


def part(first: int, last: int, size: int = len(CONTENT)) -> Fault:
    """A part with right headers, other than requested."""
    content_range = {"Content-Range": f"bytes {first}-{last}/{size}"}
    return lambda right: Reply(206, CONTENT[first : last + 1], right.headers | content_range)


def labelled(content_range: str) -> Fault:
    """The right bytes with another Content-Range."""
    return lambda right: replace(right, headers=right.headers | {"Content-Range": content_range})


FAULTS: dict[str, tuple[Fault, str]] = {
    "half": (part(START, 4999), "sends 'bytes 1000-4999/10240' instead of the requested"),
    "other part": (part(0, 7999), "sends 'bytes 0-7999/10240' instead of the requested"),
    "other label": (labelled("bytes 16-31/99"), "sends 'bytes 16-31/99' instead of the requested"),
    "other size": (labelled("bytes 1000-8999/99"), "'bytes 1000-8999/99' instead of the requested"),
    "no label": (labelled("none"), "sends 'none' instead of the requested 'bytes 1000-8999/10240'"),
    "longer": (lambda right: replace(right, body=right.body + b"x"), "more bytes than requested"),
    "page": (
        lambda _: Reply(200, PAGE, {"Content-Type": "text/html"}),
        "answers 200 with a web page instead of data: <!DOCTYPE html> <html><head><title>Sign in",
    ),
    "no ETag": (
        lambda right: replace(right, headers={"Content-Range": right.headers["Content-Range"]}),
        "without the ETag of its file",
    ),
    "compressed": (
        lambda right: replace(
            right,
            body=gzip.compress(right.body),
            headers=right.headers | {"Content-Encoding": "gzip"},
        ),
        "sends parts of a file compressed",
    ),
    "other encoding": (
        lambda right: replace(right, headers=right.headers | {"Content-Encoding": "br"}),
        "in the encoding 'br', which was not requested",
    ),
    "304": (lambda _: Reply(304), "answers 304"),
    "416": (lambda _: Reply(416), "answers 416"),
    "416 within": (
        lambda _: Reply(416, headers={"Content-Range": f"bytes */{len(CONTENT)}"}),
        "answers 416",
    ),
}


def faulty(fault: Fault, times: int) -> Script:
    """Serve a file; the first requests are answered with a fault."""

    def script(request: ServerRequest) -> Reply:
        right = range_reply(CONTENT, request)
        return fault(right) if request.number <= times else right

    return script


def version_at(server: Misbehaving, etag: str = '"1"') -> SourceVersion:
    return SourceVersion.of(server.url, etag, len(CONTENT))


@pytest.mark.parametrize("name", FAULTS)
def test_a_range_is_read_after_a_fault_that_passes(http: HttpClient, name: str) -> None:
    fault, said = FAULTS[name]
    with misbehaving(faulty(fault, times=1)) as server:
        found = http.read_range(server.url, START, STOP, version_at(server))
        assert bytes(found) == CONTENT[START:STOP]
        assert len(server.requests) == 2
    with (
        misbehaving(faulty(fault, times=3 if name != "half" else 99)) as server,
        pytest.raises(NetworkError, match="Tried 3 times") as raised,
    ):
        http.read_range(server.url, START, STOP, version_at(server))
    if name != "half":  # the rest of the range is requested then
        assert said in str(raised.value)


def test_a_shorter_part_is_used(http: HttpClient) -> None:
    with misbehaving(faulty(FAULTS["half"][0], times=1)) as server:
        http.read_range(server.url, START, STOP, version_at(server))
        assert [request.headers["range"] for request in server.requests] == [
            "bytes=1000-8999",
            "bytes=5000-8999",
        ]


@pytest.mark.parametrize(
    "fault",
    [
        part(0, 7),
        labelled("bytes 1-16/10240"),
        lambda right: replace(
            right, body=b"x", headers=right.headers | {"Content-Encoding": "gzip"}
        ),
        lambda _: Reply(200, PAGE + bytes(100_000), {"Content-Type": "text/html"}),
        lambda _: Reply(416),
        lambda right: replace(right, headers=right.headers | {"ETag": "x" * 2000}),
    ],
)
def test_the_beginning_is_read_after_a_fault_that_passes(http: HttpClient, fault: Fault) -> None:
    with misbehaving(faulty(fault, times=1)) as server:
        version, content = read_first_bytes(server.url, 16, http)
        assert (version.size, content) == (len(CONTENT), CONTENT[:16])
        server.script = faulty(fault, times=99)
        with pytest.raises(NetworkError, match="Tried 3 times"):
            read_first_bytes(server.url, 16, http)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (lambda _: Reply(200, CONTENT), 200),
        (lambda _: Reply(200, b"II*\0" + bytes(100_000), {"Content-Type": "image/tiff"}), 200),
        (lambda _: Reply(403, PAGE), 403),
        (lambda _: Reply(416, headers={"Content-Range": "bytes */0"}), 416),
    ],
)
def test_what_lasts_is_reported_at_once(http: HttpClient, fault: Fault, status: int) -> None:
    """A server without ranges, a refusal, an empty file."""
    with misbehaving(faulty(fault, times=99)) as server:
        for read in (
            lambda: read_first_bytes(server.url, 16, http),
            lambda: http.read_range(server.url, START, STOP, version_at(server)),
        ):
            with pytest.raises(ServerError) as raised:
                read()
            assert raised.value.status == status
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda right: Reply(412),
        lambda right: replace(right, headers=right.headers | {"ETag": '"2"'}),
        lambda right: Reply(416, headers={"Content-Range": "bytes */500"}),
    ],
)
def test_another_version_is_reported_at_once(http: HttpClient, answer: Fault) -> None:
    def republished(request: ServerRequest) -> Reply:
        right = range_reply(CONTENT, request)
        right.headers["ETag"] = '"2"'
        return right if request.headers["range"] == "bytes=0-15" else answer(right)

    with misbehaving(republished) as server:
        file = PinnedFile(server.url, version_at(server), http)
        with pytest.raises(SourceChangedError, match='ETag "1", now it is 10240 bytes, ETag "2"'):
            file.read(START, STOP)
        assert len(server.requests) == 2


def test_a_file_without_an_etag_that_changes_its_size_has_changed(http: HttpClient) -> None:
    longer = CONTENT + b"more"

    def republished(request: ServerRequest) -> Reply:
        right = range_reply(longer, request)
        del right.headers["ETag"]
        return right

    with misbehaving(republished) as server:
        file = PinnedFile(server.url, version_at(server, etag=""), http)
        with pytest.raises(SourceChangedError, match="it was 10240 bytes.* now it is 10244 bytes"):
            file.read(START, STOP)
        assert len(server.requests) == 2


@pytest.mark.parametrize("times", [1, 99])
def test_a_part_of_another_version_is_read_once_more_if_the_file_is_the_same(
    http: HttpClient, times: int
) -> None:
    """One of several servers may be behind. What is returned has the pinned ETag in any case."""

    def script(request: ServerRequest) -> Reply:
        right = range_reply(CONTENT, request)
        if request.number <= times and request.headers["range"] != "bytes=0-15":
            return Reply(206, bytes(len(right.body)), right.headers | {"ETag": '"0"'})
        return right

    with misbehaving(script) as server:
        file = PinnedFile(server.url, version_at(server), http)
        if times == 1:
            assert bytes(file.read(START, STOP)) == CONTENT[START:STOP]
        else:
            with pytest.raises(ServerError, match=r"has changed.*The file is unchanged: its serv"):
                file.read(START, STOP)
        assert len(server.requests) == 3


def test_an_etag_that_its_own_server_refuses_is_named(http: HttpClient) -> None:
    """Apache 2.4 with mod_deflate, bug 45023."""

    def script(request: ServerRequest) -> Reply:
        if "if-match" in request.headers:
            return Reply(412)
        right = range_reply(CONTENT, request)
        return replace(right, headers=right.headers | {"ETag": '"1-gzip"'})

    with misbehaving(script) as server:
        file = PinnedFile(server.url, version_at(server, etag='"1-gzip"'), http)
        with pytest.raises(
            ServerError, match=r"answers 412\. The file is unchanged: Apache adds -gz"
        ):
            file.read(START, STOP)


def test_the_unit_of_a_range_ignores_case(http: HttpClient, tmp_path: Path) -> None:
    """RFC 9110, 14.1; the beginning is cached as well."""
    script = faulty(labelled("Bytes 0-15/10240"), times=99)
    with misbehaving(script) as server, CachingClient(http, Cache(tmp_path)) as caching:
        version, content = read_first_bytes(server.url, 16, caching)
        assert content == CONTENT[:16]
        assert caching.gaps(server.url, version, [(0, 16)]) == []
        assert bytes(http.read_range(server.url, 0, 16, version)) == CONTENT[:16]


def test_a_beginning_that_is_compressed_is_named_so(http: HttpClient) -> None:
    def script(request: ServerRequest) -> Reply:
        right = range_reply(CONTENT * 9, request)
        return replace(
            right,
            body=gzip.compress(CONTENT),
            headers=right.headers | {"Content-Encoding": "GZip"},
        )

    with (
        misbehaving(script) as server,
        pytest.raises(NetworkError, match="sends parts of a file compressed.*Tried 3 times"),
    ):
        read_first_bytes(server.url, 16, http)


def test_a_web_page_is_neither_read_whole_nor_cached(http: HttpClient, tmp_path: Path) -> None:
    """Its rest never comes here; whoever waits for it runs into the time limit of the test."""
    endless = Reply(200, PAGE, {"Content-Type": "text/html"}, length=1 << 40, stalls=True)
    cache = Cache(tmp_path)
    with misbehaving(lambda _: endless) as server, CachingClient(http, cache) as caching:
        for read in (
            lambda: caching.request("GET", server.url),
            lambda: read_first_bytes(server.url, 16, caching),
            lambda: caching.read_range(server.url, START, STOP, version_at(server)),
        ):
            with pytest.raises(ServerError, match="answers 200 with a web page instead of data"):
                read()
    assert list(cache.responses.glob("*")) == []
    assert [path for path in tmp_path.rglob("bytes") if path.stat().st_size] == []


def test_a_part_of_a_web_page_is_a_part_of_a_file(http: HttpClient) -> None:
    """The file at the address is one: that will not pass, and is reported by its reader."""
    file = PAGE + bytes(1000)
    with misbehaving(lambda request: replace(range_reply(file, request), pause=0.001)) as server:
        assert read_first_bytes(server.url, 100, http)[1] == file[:100]
        assert len(server.requests) == 1


def test_a_redirect_to_a_login_page_is_tried_again(http: HttpClient) -> None:
    def script(request: ServerRequest) -> Reply:
        if request.path == "/login":
            return Reply(200, PAGE)
        if request.number == 1:
            return Reply(302, headers={"Location": "/login"})
        return Reply(200, b"data")

    with misbehaving(script) as server:
        assert http.request("GET", server.url).content == b"data"


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (PAGE, True),
        (b"\xef\xbb\xbf\r\n<!-- portal --> <HTML lang=fr>", True),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "">', True),
        (b"<meta http-equiv=refresh>", True),
        (b'{"html": 1}', False),
        (b"<VRTDataset/>", False),
        (b'<?xml version="1.0"?><Capabilities/>', False),
        (b"<header/>", False),
        (b"II*\0<html>", False),
        (b"", False),
    ],
)
def test_web_pages_are_known_by_their_beginning(beginning: bytes, expected: bool) -> None:
    assert is_web_page(beginning) is expected


def first(*faults: Reply, then: Reply) -> Script:
    return lambda request: faults[request.number - 1] if request.number <= len(faults) else then


def report(code: str) -> Reply:
    return Reply(
        200,
        b'<ExceptionReport xmlns="http://www.opengis.net/ows/1.1"><Exception exceptionCode="'
        + code.encode()
        + b'"><ExceptionText>no luck</ExceptionText></Exception></ExceptionReport>',
    )


CAPABILITIES = (
    b'<Capabilities xmlns="http://www.opengis.net/wcs/1.1.1"><Contents><CoverageSummary>'
    b"<Identifier>dtm</Identifier></CoverageSummary></Contents></Capabilities>"
)


@pytest.mark.parametrize(
    "fault", [Reply(200, CAPABILITIES[:99]), Reply(200, PAGE), report("NoApplicableCode")]
)
def test_capabilities_are_requested_again(http: HttpClient, fault: Reply) -> None:
    with misbehaving(first(fault, then=Reply(200, CAPABILITIES))) as server:
        assert read_capabilities(server.url, http).identifiers == ("dtm",)
        assert len(server.requests) == 2


def test_a_refusal_that_blames_the_request_is_final(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: report("InvalidParameterValue")) as server,
        pytest.raises(WcsError, match="no luck"),
    ):
        read_capabilities(server.url, http)
    assert len(server.requests) == 1


GRID: Grid = snap_grid("EPSG:3979", 1, (0, 0, 2, 2))


def png() -> bytes:
    """An image of 2 x 2 pixels in RGBA, opaque (ISO/IEC 15948)."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + check

    header = (2).to_bytes(4, "big") * 2 + bytes([8, 6, 0, 0, 0])
    rows = (b"\0" + b"\xff" * 8) * 2
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("fault", [Reply(200, PAGE), Reply(200, png()[:45]), report("")])
def test_images_are_requested_again(http: HttpClient, fault: Reply) -> None:
    with misbehaving(first(fault, then=Reply(200, png()))) as server:
        assert get_map(server.url, "dtm", GRID, http) == png()
        assert len(server.requests) == 2
        server.script = lambda _: fault
        with pytest.raises(SourceError, match="Tried 3 times"):
            get_map(server.url, "dtm", GRID, http)


def test_an_image_that_the_service_refuses_is_requested_once(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: report("LayerNotDefined")) as server,
        pytest.raises(SourceError, match="no luck"),
    ):
        get_map(server.url, "dtm", GRID, http)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("content", "passes"),
    [
        (PAGE, True),
        (b"<VRTDataset><SRS>", True),
        (b"", True),
        (b"<VRTDataset/>", False),
        (b"<Other/>", False),
        (b'<!DOCTYPE x [<!ENTITY y "z">]><VRTDataset/>', False),
    ],
)
def test_only_a_vrt_that_is_cut_off_is_requested_again(content: bytes, passes: bool) -> None:
    response = Response("http://store.invalid/a.vrt", 200, {}, content)
    with pytest.raises(RetryableError) if passes else contextlib.nullcontext():
        check_vrt_complete(response)
