"""What a diagnosis says of services that are not as they should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from hrdem.demo import Addresses
from hrdem.errors import ExitCode
from hrdem.http.client import HttpClient
from hrdem.http.timeouts import Timeouts
from hrdem.jobs import doctor
from hrdem.jobs.doctor import Check, State, run_checks
from hrdem.request import fields
from hrdem.request.message_parameters import find_foreign
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

NAMES = ["versions", "PROJ", "cache", "network", "STAC 1m", "STAC 2m", "STAC 30m", "store"]
WCS = ["WCS", "WCS dtm", "WCS dsm"]


def looked_at(stac: str, wcs: str, http: HttpClient) -> dict[str, Check]:
    return {check.name: check for check in run_checks(stac, wcs, http)}


def through(server: Misbehaving, demo: Addresses, http: HttpClient) -> dict[str, Check]:
    """A diagnosis of the demonstration, as a server passes it on."""
    wcs = f"{server.url}/wrapper/ogc/elevation-hrdem-mosaic"  # the other redirects past the server
    return looked_at(Addresses(server.url).stac, wcs, http)


def changing(
    demo: Addresses, pattern: str, change: Callable[[Reply], Reply]
) -> Callable[[Misbehaving], Callable[[ServerRequest], Reply]]:
    """A script for the demonstration with some of its answers changed."""

    def of(server: Misbehaving) -> Callable[[ServerRequest], Reply]:
        def script(request: ServerRequest) -> Reply:
            reply = forward(request, demo.url, server.url)
            return change(reply) if re.search(pattern, request.path) else reply

        return script

    return of


@pytest.fixture
def diagnosed(demo: Addresses, http: HttpClient):
    def diagnose(pattern: str, change: Callable[[Reply], Reply]) -> dict[str, Check]:
        with misbehaving(lambda _: Reply()) as server:
            server.script = changing(demo, pattern, change)(server)
            return through(server, demo, http)

    return diagnose


def failed(checks: dict[str, Check]) -> list[str]:
    return [check.name for check in checks.values() if check.state is State.FAIL]


def test_healthy_service_passes_every_check(demo: Addresses, http: HttpClient) -> None:
    checks = looked_at(demo.stac, demo.wcs, http)
    assert list(checks) == NAMES + WCS
    assert {check.state for check in checks.values()} == {State.OK}
    assert {check.exit_code for check in checks.values()} == {ExitCode.COMPLETE}
    assert checks["STAC 1m"].found.startswith("hrdem-mosaic-1m: dtm in 56, dsm in 66 of 66 items")
    assert "blocks of 512 x 512" in checks["store"].found
    assert checks["WCS"].found.endswith("serves dtm, dsm")
    assert checks["WCS dtm"].found.startswith("pixels 1 x 1 m; EPSG:3979, EPSG:4326")


def test_wcs_is_checked_when_the_catalogue_is_down(demo: Addresses, http: HttpClient) -> None:
    checks = looked_at("http://catalogue.invalid/", demo.wcs, http)
    assert list(checks) == [*NAMES[:5], *WCS]
    assert failed(checks) == ["STAC 1m"]
    assert checks["STAC 1m"].exit_code == ExitCode.NETWORK
    assert "cannot be reached" in checks["STAC 1m"].found
    assert "http://catalogue.invalid/ opens in a browser" in checks["STAC 1m"].fix


@pytest.mark.slow
def test_missing_wcs_is_a_warning(demo: Addresses, http: HttpClient) -> None:
    checks = looked_at(demo.stac, f"{demo.url}/gone", http)
    assert list(checks) == [*NAMES, "WCS"]
    assert failed(checks) == []
    assert checks["WCS"].state is State.WARN
    assert checks["WCS"].found.endswith("no WCS there. Check `wcs_url`.")
    assert "Nothing to do while COGs are available" in checks["WCS"].fix
    assert not find_foreign(checks["WCS"].fix, {field.name for field in fields.DOCTOR})


@pytest.mark.slow
def test_failing_wcs_is_a_failure(diagnosed) -> None:
    checks = diagnosed("/wrapper/", lambda _: Reply(503, b"maintenance"))
    assert failed(checks) == ["WCS"]
    assert checks["WCS"].exit_code == ExitCode.NETWORK
    assert "503: maintenance" in checks["WCS"].found


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("pattern", "old", "new", "name", "said"),
    [
        ("GetCapabilities", b">dtm</Identifier>", b">chm</Identifier>", "WCS", "serves dsm"),
        ("DescribeCoverage", b"image/geotiff", b"image/tiff", "WCS dtm", "not image/geotiff in"),
        (
            "DescribeCoverage",
            b"EPSG::3979<",
            b"EPSG::3347<",
            "WCS dsm",
            "pixels of unknown size; EPSG:33",
        ),
        ("GetCapabilities", b"</Identifier>", b"-1m</Identifier>", "WCS", "no product of hrdem in"),
        ("GetCapabilities", b">1.1.1</ows:S", b">2.0.1</ows:S", "WCS", "in version 1.1.1"),
    ],
)
def test_incomplete_wcs_is_reported(
    diagnosed, pattern: str, old: bytes, new: bytes, name: str, said: str
) -> None:
    def change(reply: Reply) -> Reply:
        return Reply(reply.status, reply.body.replace(old, new), reply.headers)

    checks = diagnosed(pattern, change)
    assert failed(checks) == []
    assert said in checks[name].found


@pytest.mark.slow
def test_store_without_ranges_is_a_failure(diagnosed) -> None:
    checks = diagnosed(r"\.tif$", lambda _: Reply(200, b"II*\0" * 9_999))
    assert failed(checks) == ["store"]
    assert "ignores the Range header" in checks["store"].found
    assert "Range headers" in checks["store"].fix


@pytest.mark.slow
def test_store_without_etags_is_a_warning(diagnosed) -> None:
    def without_etag(reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if name.lower() != "etag"}
        return Reply(reply.status, reply.body, kept)

    checks = diagnosed(r"\.tif$", without_etag)
    assert failed(checks) == []
    assert checks["store"].state is State.WARN
    assert "no strong ETag" in checks["store"].found


@pytest.mark.slow
def test_one_missing_file_does_not_fail_the_store(diagnosed) -> None:
    def once(seen: list[Reply], reply: Reply) -> Reply:
        seen.append(reply)
        return Reply(403) if len(seen) == 1 else reply

    checks = diagnosed(r"\.tif$", partial(once, []))
    assert failed(checks) == []
    checks = diagnosed(r"\.tif$", lambda _: Reply(403))
    assert failed(checks) == ["store"]


def test_empty_catalogue_is_reported(http: HttpClient, demo: Addresses) -> None:
    empty = Reply.json({"type": "FeatureCollection", "features": [], "links": []})
    with misbehaving(lambda _: empty) as server:
        checks = looked_at(f"{server.url}/", demo.wcs, http)
    assert [checks[name].state for name in NAMES[4:7]] == [State.WARN] * 3
    assert failed(checks) == ["store"]
    assert checks["store"].exit_code == ExitCode.NO_DATA


@pytest.mark.slow
@pytest.mark.long
def test_silent_service_gets_two_short_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert doctor.TIMEOUTS.read <= 15
    monkeypatch.setattr(doctor, "TIMEOUTS", Timeouts(connect=2, read=0.3, total=1))
    with misbehaving(lambda _: Reply(silent=True)) as server:
        checks = {check.name: check for check in run_checks(f"{server.url}/", f"{server.url}/wcs")}
        assert len(server.requests) == 4
    assert failed(checks) == ["STAC 1m", "WCS"]
    assert checks["WCS"].seconds < 5
