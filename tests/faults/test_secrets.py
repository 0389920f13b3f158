"""Names, passwords and signatures in addresses go to the server they are for, and nowhere else."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.http.client import HttpClient
from hrdem.http.ranges import read_version
from hrdem.http.retry import Retries
from hrdem.jobs.doctor import run_checks
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

AREA = (1_499_400, -170_600, 1_500_600, -170_000)  # 8_2 and 9_2
QUERY = "X-Amz-Signature=hush1&X-Amz-Credential=hush2%2Fca&sig=hush3&versionId=7"
SECRETS = ("hush", "me:", "bWU6")


@contextmanager
def guarded(demo: Addresses, broken: bool = False) -> Iterator[tuple[Misbehaving, list[str]]]:
    """A store whose addresses are signed, and hold a password; what was asked without either."""
    stray: list[str] = []

    def script(request: ServerRequest) -> Reply:
        path, _, query = request.path.partition("?")
        if "/canelevation-dem/" in path:
            if query != QUERY or request.headers.get("authorization") != "Basic bWU6aHVzaDA=":
                stray.append(request.path)
                return Reply(403, f"<Error>{request.path}</Error>".encode())
            if broken and path.endswith(".tif"):
                return Reply(403, f"no http://me:hush0@h{path}?{QUERY} for you".encode())
            request.path = path
        if path.endswith(".tif") and "range" not in request.headers:  # GDAL hangs up at once
            request.method = "HEAD"
            head = forward(request, demo.url, server.url)
            return Reply(head.status, b"", head.headers, cut=0, length=head.length)
        reply = forward(request, demo.url, server.url)
        if "/canelevation-dem/" not in path or path.endswith(".vrt"):
            signed = server.url.replace("//", "//me:hush0@")
            query_here = QUERY.replace("&", "&amp;") if path.endswith(".vrt") else QUERY
            text = reply.body.decode().replace(f"{server.url}/can", f"{signed}/can")
            for ending in (".tif", ".vrt", ".gpkg", ".geojson"):
                text = text.replace(f'{ending}"', f'{ending}?{query_here}"')
                text = text.replace(f"{ending}<", f"{ending}?{query_here}<")
            reply.body = text.encode()
        return reply

    with misbehaving(script) as server:
        yield server, stray


def clean(text: str) -> str:
    for secret in SECRETS:
        assert secret not in text
    return text


@pytest.mark.parametrize(
    "way",
    [
        {},
        pytest.param({"engine": "gdal"}, marks=pytest.mark.slow),
        pytest.param({"via": "vrt"}, marks=pytest.mark.slow),
    ],
    ids=["cog", "gdal", "vrt"],
)
def test_outputs_and_logs_hold_no_secret(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: dict
) -> None:
    with guarded(demo) as (server, stray), caplog.at_level(logging.DEBUG, "hrdem"):
        words = {"bbox": AREA, "bbox_crs": "EPSG:3979", "product": "dtm", "http": http, **way}
        words["stac_url"] = f"{server.url}/stac/api/"
        plan = hrdem.plan(**words)
        result = hrdem.extract(**words, output=tmp_path / "out.tif", surveys=True)
    assert stray == []
    clean(json.dumps(plan.as_dict()))
    told = clean(json.dumps(result.as_dict()))
    assert "X-Amz-Signature=REDACTED" in told
    assert "versionId=7" in told
    with rasterio.open(tmp_path / "out.tif") as dataset:
        clean(str(dataset.tags()))
        assert (dataset.read(1) != -32767).any()
    clean((tmp_path / "out.stac.json").read_text())
    clean("\n".join(each.getMessage() for each in caplog.records if each.name[:5] == "hrdem"))


@pytest.mark.parametrize("engine", ["auto", "gdal"])
def test_messages_hold_no_secret_echoed_by_the_server(
    demo: Addresses, http: HttpClient, tmp_path: Path, engine: str
) -> None:
    with (
        guarded(demo, broken=True) as (server, _),
        pytest.raises(hrdem.ServerError, match="403") as told,
    ):
        hrdem.extract(
            bbox=AREA, bbox_crs="EPSG:3979", product="dtm", output=tmp_path / "out.tif",
            stac_url=f"{server.url}/stac/api/", http=http, engine=engine,
        )  # fmt: skip
    clean(str(told.value))


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from hrdem.cli.main import main; main()", *arguments],
        cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_command_line_prints_no_secret(demo: Addresses, tmp_path: Path) -> None:
    """Httpx logs requests at -vv without them; a saved VRT keeps them, as it has to work."""
    place = ["--bbox", "-75.72,45.40,-75.71,45.41", "--product", "dtm"]
    with guarded(demo) as (server, stray):
        stac = ["--stac-url", f"{server.url}/stac/api/"]
        done = run("plan", *place, *stac, "--json", "-vv", cwd=tmp_path)
        vrt = ["9_2-mosaic-1m", "--product", "dtm", "--download"]
        saved = run("assets", *vrt, *stac, cwd=tmp_path)
    assert (done.returncode, saved.returncode) == (0, 0), done.stderr + saved.stderr
    assert stray == []
    clean(done.stdout)
    assert "HTTP Request: GET http" in clean(done.stderr)
    assert "X-Amz-Signature=REDACTED" in done.stderr
    assert (tmp_path / "9_2-mosaic-1m-dtm.vrt").read_text().count("hush0") == 1


@pytest.mark.slow
def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    reply = Reply(403, b"\x1b]0;owned\x07no\x9b31m")
    with misbehaving(lambda _: reply) as server:
        done = run(
            "search", "--bbox", "-75.72,45.40,-75.71,45.41", "--stac-url", server.url, "-vv",
            cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 5
    assert "\x1b" not in done.stdout + done.stderr
    assert "owned" in done.stderr


@pytest.mark.slow
@pytest.mark.long
def test_etag_with_control_characters_is_not_cached(demo: Addresses, tmp_path: Path) -> None:
    def script(request: ServerRequest) -> Reply:
        reply = forward(request, demo.url, server.url)
        reply.headers["etag"] = '"\x1b]0;owned\x07"'
        return reply

    with misbehaving(script) as server:
        place = ["--bbox", "-75.72,45.40,-75.71,45.41", "--stac-url", f"{server.url}/stac/api/"]
        cache = ["--cache-dir", str(tmp_path / "cache")]
        assert run("plan", *place, "--product", "dtm", *cache, cwd=tmp_path).returncode == 5
        told = run("cache", "info", *cache, cwd=tmp_path)
    assert told.returncode == 0
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:hush0@127.0.0.1:9",
        "me:hush0@127.0.0.1:9",
        "foo://me:hush0@127.0.0.1:9",
        "http://me:hush0#1@127.0.0.1:9",
        "http://me:hush0/1@127.0.0.1:9",
        'http://me:x"hush0@127.0.0.1:9',
    ],
)
def test_proxy_password_is_redacted(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Retries, "wait_after", lambda self, failures: 0.0)
    for check in run_checks("http://catalogue.invalid/?token=hush0", "http://wcs.invalid/"):
        clean(f"{check.found} {check.fix}")


def test_password_in_a_redirect_is_redacted(http: HttpClient) -> None:
    def script(request: ServerRequest) -> Reply:
        if request.path == "/":
            there = server.url.replace("//", "//me:hush0@")
            return Reply(302, headers={"Location": f"{there}/a?token=hush1"})
        return Reply(404)

    with misbehaving(script) as server:
        with pytest.raises(hrdem.ServerError) as told:
            read_version(server.url, http)
        assert server.requests[1].headers["authorization"] == "Basic bWU6aHVzaDA="
    clean(str(told.value))
    with (
        misbehaving(
            lambda _: Reply(302, headers={"Location": "http://me:hush0@10.0.0.1/?key=hush"})
        ) as server,
        pytest.raises(
            hrdem.BlockedAddressError,
            match=r"redirects to another address: http://10.0.0.1/\?key=RED",
        ),
    ):
        http.request("GET", server.url)
