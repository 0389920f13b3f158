"""What is kept of one file, page or edition is never taken for that of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.http.client import HttpClient
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

AREA = {"bbox": (1_499_700, -170_300, 1_500_300, -170_000), "bbox_crs": "EPSG:3979"}


def store(
    demo: Addresses, answer: Callable[[ServerRequest, str], Reply | None]
) -> AbstractContextManager[Misbehaving]:
    def script(request: ServerRequest) -> Reply:
        base = f"http://{request.headers['host']}"
        return answer(request, base) or forward(request, demo.url, base)

    return misbehaving(script)


def pixels(path: Path) -> bytes:
    with rasterio.open(path) as dataset:
        return dataset.read(1).tobytes()


@pytest.mark.slow
def test_files_differing_in_redacted_parameters_are_kept_apart(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """A dsm once came from the cached dtm: both were named ?key=REDACTED."""

    def by_key(request: ServerRequest, base: str) -> Reply | None:
        where = urlsplit(request.path)
        if where.path == "/get":
            request.path = parse_qs(where.query)["key"][0]
            request.headers.pop("if-match", None)
            reply = forward(request, demo.url, base)
            reply.headers["etag"] = '"69c2d8f1-d431"'  # as of nginx: of a time and a size
            return reply
        if not where.path.endswith("/search"):
            return None
        found = json.loads(forward(request, demo.url, base).body)
        for item in found["features"]:
            for asset in item["assets"].values():
                asset["href"] = f"{base}/get?key={quote(urlsplit(asset['href']).path, safe='')}"
        return Reply.json(found)

    with store(demo, by_key) as server:
        words = {**AREA, "stac_url": f"{server.url}/stac/api/", "http": http}
        for product in ("dtm", "dsm"):
            hrdem.extract(**words, product=product, output=tmp_path / f"{product}.tif")
        hrdem.extract(**words, product="dsm", output=tmp_path / "right.tif", no_cache=True)
    assert pixels(tmp_path / "dsm.tif") == pixels(tmp_path / "right.tif")
    assert len([entry for entry in hrdem.Cache().info().entries if entry.kind == "file"]) == 4
    assert "REDACTED" in hrdem.Cache().info().entries[0].name


def test_pages_differing_in_redacted_parameters_are_kept_apart(
    demo: Addresses, http: HttpClient
) -> None:
    """Offline, all pages but the last of a GET search with ?token= were once missing."""

    def by_pages(request: ServerRequest, base: str) -> Reply | None:
        where = urlsplit(request.path)
        if not where.path.endswith("/search"):
            return None
        if request.method == "POST":
            return Reply(405)
        page = int(parse_qs(where.query).get("token", ["0"])[0])
        request.path = request.path.replace(f"&token={page}", "")
        found = json.loads(forward(request, demo.url, base).body)
        more = page + 1 < len(found["features"])
        found["links"] = (
            [{"rel": "next", "method": "GET", "href": f"{base}{request.path}&token={page + 1}"}]
            if more
            else []
        )
        found["features"] = found["features"][page : page + 1]
        for name in ("numberMatched", "numberReturned", "context"):
            found.pop(name, None)
        return Reply.json(found)

    with store(demo, by_pages) as server:
        words = {**AREA, "stac_url": f"{server.url}/stac/api/"}
        found = hrdem.search(**words, http=http)
    assert len(found) == 2
    assert hrdem.search(**words, offline=True) == found


@pytest.mark.slow
@pytest.mark.parametrize("cached", [True, False])
def test_versions_differing_in_date_only_are_kept_apart(
    demo: Addresses, http: HttpClient, tmp_path: Path, cached: bool
) -> None:
    """Some servers derive the ETag from the size."""
    date = "Mon, 02 Mar 2026 00:00:00 GMT"
    changes = 0

    def dated(request: ServerRequest, base: str) -> Reply | None:
        nonlocal date, changes
        if not request.path.endswith(".tif"):
            return None
        start = int(request.headers["range"][6:].partition("-")[0])
        if not cached and start > 20_000_000:
            changes += 1
            date = "Tue, 03 Mar 2026 00:00:00 GMT"
        request.headers.pop("if-match", None)
        reply = forward(request, demo.url, base)
        reply.headers |= {"etag": '"d4317bb120"', "last-modified": date}
        return reply

    with store(demo, dated) as server:
        words = {**AREA, "product": "dtm", "stac_url": f"{server.url}/stac/api/", "http": http}
        if not cached:
            with pytest.raises(hrdem.SourceChangedError):
                hrdem.extract(**words, output=tmp_path / "a.tif")
            assert changes
            return
        hrdem.extract(**words, output=tmp_path / "a.tif")
        date = "Tue, 03 Mar 2026 00:00:00 GMT"
        assert hrdem.extract(**words, output=tmp_path / "b.tif").cached_bytes < 100_000
