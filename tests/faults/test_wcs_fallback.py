"""The WCS replaces files that cannot be read, where that is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.http.client import HttpClient
from hrdem.request.endpoints import LIVE_WCS_URL
from hrdem.request.request import Request
from tests.faults.wcs_service import (
    BOX,
    WCS,
    assert_nothing_left,
    assert_right,
    counting,
    extract,
    service,
)
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

pytestmark = pytest.mark.usefixtures("small_chunks")


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.long
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


@pytest.mark.slow
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
