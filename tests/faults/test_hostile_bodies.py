"""Bodies that are small on the way and large when they are there."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
import rasterio
from affine import Affine

from hrdem.catalog.search import list_items
from hrdem.errors import CatalogError, ServerError, SourceError, TransferError
from hrdem.http.client import HttpClient
from hrdem.http.ranges import read_version
from hrdem.http.timeouts import Timeouts
from hrdem.request.products import get_collection
from hrdem.sources.gdal import probe_gdal_cog
from tests.misbehaving import Reply, ServerRequest, misbehaving, range_reply

MANY = 200_000_000  # bytes of zeros


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(bytes(MANY), 9)


def packed(body: bytes, coding: str, **more) -> Reply:
    return Reply(body=body, headers={"Content-Encoding": coding}, **more)


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"good", "identity"),
        (b"good", ""),
        (gzip.compress(b"good"), "gzip"),
        (gzip.compress(b"good"), "GZIP, identity"),
        (zlib.compress(b"good"), "deflate"),
        (bare(b"good"), "deflate"),
        (b"", "gzip"),
    ],
    ids=["none", "unsaid", "gzip", "gzip and none", "deflate", "bare deflate", "no body"],
)
def test_one_content_encoding_is_decoded(http: HttpClient, body: bytes, coding: str) -> None:
    with misbehaving(lambda _: packed(body, coding)) as server:
        assert http.request("GET", server.url).content == (b"good" if body else b"")
        assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_large_body_is_decoded_whole(http: HttpClient) -> None:
    body = bytes(range(256)) * 20_000
    with misbehaving(lambda _: packed(gzip.compress(body), "gzip")) as server:
        assert http.request("GET", server.url).content == body


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "gzip, identity, deflate", "br", "zstd", "compress", "x\x9by"]
)
@pytest.mark.parametrize("status", [200, 404])
def test_other_encodings_are_rejected_unread(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, coding: str, status: int
) -> None:
    monkeypatch.setattr("hrdem.http.body.zlib.decompressobj", None)
    reply = packed(gzip.compress(gzip.compress(b"x")), coding, status=status)
    error, said = (
        (TransferError, "which was not requested") if status == 200 else (ServerError, "404.")
    )
    with misbehaving(lambda _: reply) as server, pytest.raises(error, match=said) as told:
        http.request("GET", server.url)
    assert str(told.value).isprintable()
    assert len(server.requests) == (3 if status == 200 else 1)  # a proxy's fault may pass


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"good" * 1000)[:-9], b"no gzip at all", gzip.compress(b"{}") + bytes(200_000)],
    ids=["cut off", "other", "goes on"],
)
def test_undecodable_body_is_an_error(http: HttpClient, body: bytes) -> None:
    with (
        misbehaving(lambda _: packed(body, "gzip")) as server,
        pytest.raises(TransferError, match="gzip"),
    ):
        http.request("GET", server.url)


@pytest.mark.parametrize("way", ["request", "save", "refusal"])
def test_decompression_bomb_stays_small_in_memory(
    http: HttpClient, tmp_path: Path, bomb: bytes, way: str
) -> None:
    """Httpx would expand 64 kB to 67 MB before the size check."""
    wait = Timeouts(connect=2, read=5, total=30)
    status = 404 if way == "refusal" else 200
    with misbehaving(lambda _: packed(bomb, "gzip", status=status)) as server:
        limit = {"max_bytes": 1_000_000}
        path = tmp_path / "body"
        ways = {
            "request": lambda: http.request("GET", server.url, **limit),
            "refusal": lambda: http.request("GET", server.url, **limit),
            "save": lambda: http.download(server.url, path, params={}, timeouts=wait, **limit),
        }
        tracemalloc.start()
        try:
            with pytest.raises(ServerError, match="more than 1000000 bytes|404"):
                ways[way]()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8_000_000


def page(**item) -> bytes:
    good = {"id": "9_2", "collection": "hrdem-mosaic-1m", "properties": {}, "assets": {}}
    return json.dumps({"features": [{**good, **item}]}).encode()


def outline(geometry: object) -> dict:
    return {"properties": {"proj:epsg": 3979, "proj:geometry": geometry}}


def ring(count: int, step: int = 1) -> list[list[float]]:
    """Corners on a circle; with a large step all edges cross one another."""
    from math import cos, pi, sin

    angles = (2 * pi * step * number / count for number in range(count))
    corners = [[1e6 * cos(angle), 1e6 * sin(angle)] for angle in angles]
    return [*corners, corners[0]]


def nested(kind: str, depth: int) -> bytes:
    return {
        "lists": b"[" * depth + b"]" * depth,
        "objects": b'{"a":' * depth + b"1" + b"}" * depth,
        "a feature": b'{"features": [{"id": %b}]}' % (b"[" * depth + b"]" * depth),
        "an outline": page(**outline("@")).replace(
            b'"@"',
            b'{"type": "GeometryCollection", "geometries": [' * depth + b"]}" * depth,
        ),
    }[kind]


@pytest.mark.parametrize("kind", ["lists", "objects", "a feature", "an outline"])
@pytest.mark.parametrize("depth", [200, 900, 5_000, 100_000])
def test_deeply_nested_json_is_an_error(http: HttpClient, kind: str, depth: int) -> None:
    with misbehaving(lambda _: Reply(body=nested(kind, depth))) as server:
        said = ""
        try:
            list_items(get_collection("1m"), f"{server.url}/", http)
        except CatalogError as exc:
            said = str(exc)
    assert len(said) < 1_000
    assert said or (kind == "an outline" and depth < 1_000)  # newer Pythons read 900


@pytest.mark.parametrize(
    "changes",
    [
        outline({"type": "Polygon", "coordinates": [[[10**400, 0], [1, 0], [1, 1], [0, 0]]]}),
        outline({"type": "Polygon", "coordinates": [[["a", {}], [1, 0]]]}),
        outline({"type": "Polygon", "coordinates": 5}),
        outline({"type": "Polygon", "coordinates": [[[1], [2], [3], [1]]]}),
        outline({"type": "Nonsense", "coordinates": []}),
        outline([1]),
        {"id": "a\x1b[2Jb"},
        {"id": "a\u202eb"},
        {"id": ""},
        {"id": "x" * 10_000},
        {"collection": "a\nb"},
        {"assets": {"dtm": {"href": "http://a.invalid/\x1b]0;x\x07"}}},
        {"assets": {"dtm": {"href": "http://["}}},
        {"assets": {"dtm": {"href": "http://a.invalid/" + "x" * 100_000}}},
        {"assets": {str(number): {"href": "http://a.invalid/"} for number in range(1000)}},
        {"properties": {"updated": {"a": 1}}},
    ],
    ids=lambda changes: repr(changes)[:60],
)
def test_invalid_item_gives_a_short_printable_message(http: HttpClient, changes: dict) -> None:
    with (
        misbehaving(lambda _: Reply(body=page(**changes))) as server,
        pytest.raises(CatalogError, match="not a STAC item") as told,
    ):
        list_items(get_collection("1m"), f"{server.url}/", http)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 1_000


def test_titles_and_dates_are_printable(http: HttpClient) -> None:
    assets = {"dtm": {"href": "x.tif", "title": "a\x1b[31m\u00a0b", "type": "image\n/tiff"}}
    body = page(properties={"updated": "2026\x9b\r\n"}, assets=assets)
    with misbehaving(lambda _: Reply(body=body)) as server:
        (found,) = list_items(get_collection("1m"), f"{server.url}/", http)
    assert (found.updated, found.assets[0].title) == ("2026", "a [31m b")
    assert found.assets[0].media_type == "image /tiff"


@pytest.mark.parametrize(
    ("corners", "step"),
    [
        pytest.param(200_000, 1, marks=pytest.mark.slow),
        (9_000, 1),
        pytest.param(8_001, 4_000, marks=pytest.mark.slow),
        (901, 450),
    ],
)
def test_huge_footprint_is_skipped_quickly(http: HttpClient, corners: int, step: int) -> None:
    """A footprint is only a hint; without it the file is opened."""
    body = page(**outline({"type": "Polygon", "coordinates": [ring(corners, step)]}))
    started = time.monotonic()
    patient = Timeouts(connect=2, read=10, total=60)
    with (
        misbehaving(lambda _: Reply(body=body)) as server,
        HttpClient(timeouts=patient, trusted=[server.url]) as client,
    ):
        (found,) = list_items(get_collection("1m"), f"{server.url}/", client)
    assert (found.footprint is None) == (corners != 9_000)
    assert time.monotonic() - started < 20


def test_item_ids_of_unusual_digits_are_sorted(http: HttpClient) -> None:
    with misbehaving(lambda _: Reply(body=page(id="²"))) as server:
        assert list_items(get_collection("1m"), f"{server.url}/", http)[0].id == "²"


@pytest.mark.parametrize("told", ["many", [1], 1e400, {}])
def test_invalid_match_count_is_ignored(http: HttpClient, told: object) -> None:
    body = page().replace(b"{", b'{"numberMatched": %b, ' % json.dumps(told).encode(), 1)
    with misbehaving(lambda _: Reply(body=body)) as server:
        assert len(list_items(get_collection("1m"), f"{server.url}/", http)) == 1


def test_server_text_is_shown_printable(http: HttpClient) -> None:
    body = b"\x1b]0;owned\x07 denied\x9b\xe2\x80\xae for http://me:pw@h/?sig=abc"
    with (
        misbehaving(lambda _: Reply(403, body)) as server,
        pytest.raises(ServerError, match="denied") as told,
    ):
        http.request("GET", server.url)
    assert str(told.value).isprintable()
    assert "pw" not in str(told.value)
    assert "abc" not in str(told.value)


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
@pytest.mark.parametrize("value", ['"a\x9b2J"', '"' + "a" * 5_000 + '"'], ids=["control", "long"])
def test_etag_unfit_for_a_header_is_an_error(http: HttpClient, header: str, value: str) -> None:
    told = {"Content-Range": "bytes 0-15/16", header: value}
    with (
        misbehaving(lambda _: Reply(206, bytes(16), told)) as server,
        pytest.raises(TransferError, match="reports its version as") as error,
    ):
        read_version(server.url, http)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_endless_pages_end_the_search(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrdem.catalog.stac_io.MAX_SEARCH_CHARACTERS", 100_000)

    def script(request: ServerRequest) -> Reply:
        link = {"rel": "next", "href": f"/{request.number}"}
        return Reply.json({"features": [], "links": [link], "more": "x" * 10_000})

    with misbehaving(script) as server:
        with pytest.raises(CatalogError, match="more than 100000 bytes"):
            list_items(get_collection("1m"), f"{server.url}/", http)
        assert len(server.requests) == 10


def test_oversized_page_is_not_read(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: Reply(length=17 << 20)) as server,
        pytest.raises(ServerError, match="more than 16777216 bytes"),
    ):
        list_items(get_collection("1m"), f"{server.url}/", http)


@pytest.mark.slow
def test_single_block_raster_is_not_opened_by_gdal(http: HttpClient, tmp_path: Path) -> None:
    """A few hundred bytes may claim one block of 100 MB."""
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", "GTiff", width=5_000, height=5_000, count=1, dtype="float32", crs="EPSG:3979",
        transform=Affine(1, 0, 9, 0, -1, 9), tiled=True, blockxsize=5_008,
        blockysize=5_008, compress="deflate", sparse_ok=True,
    ):  # fmt: skip
        pass
    content = path.read_bytes()

    with (
        misbehaving(lambda request: range_reply(content, request)) as server,
        pytest.raises(SourceError, match="blocks of 5008 x 5008 pixels"),
    ):
        probe_gdal_cog(f"{server.url}/a.tif", http)
