"""Runs that are killed go on where they stopped; without a network, what was fetched is enough."""

from __future__ import annotations

import contextlib
import filecmp
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.cli.main import run as command_line
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from hrdem.errors import NotCachedError
from hrdem.http.client import HttpClient
from tests.metered import Metered, metered
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

WIDE = (1_498_000, -172_800, 1_502_000, -170_000)  # 8_2 and 9_2, some 60 MB
NARROW = (1_499_400, -170_600, 1_500_600, -170_000)
SLOW, FAST = 4e6, 1e9  # bytes a second on each connection
SLOWER, CONNECTIONS = 500_000, 16  # so that a second is less than what a run has fetched
WITHIN = (1_499_700, -170_500, 1_500_300, -170_200)


def begun(folder: Path, server: Metered, *more: str, name: str = "a.tif") -> subprocess.Popen[str]:
    """The command, under way."""
    box = ",".join(map(str, WIDE))
    arguments = [
        *("extract", f"--bbox={box}", "--bbox-crs", "EPSG:3979", "--product", "dtm"),
        *("--stac-url", f"{server.url}/stac/api/", "--cache-dir", str(folder / "cache")),
        *("-o", str(folder / "out" / name), *more),
    ]
    (folder / "out").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "hrdem", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    return said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_pixels(path: Path, box: tuple[float, ...] = WIDE) -> None:
    with rasterio.open(path) as dataset:
        expected = heights(box[0], box[3], 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)


@pytest.fixture(scope="module")
def server(demo: Addresses) -> Iterator[Metered]:
    """One for all: its address is written into outputs."""
    with metered(demo.url) as server:
        yield server


@pytest.fixture(scope="module")
def undisturbed(server: Metered, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The output of a run that nothing befell, and the bytes that it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    server.begin(FAST)
    ended(begun(folder, server))
    return folder / "out" / "a.tif", server.sent


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long)]
)
def test_killed_run_resumes(
    server: Metered, tmp_path: Path, undisturbed: tuple[Path, int], seed: int
) -> None:
    """At most the last second is fetched again, and the output is byte-identical."""
    whole, size = undisturbed
    moment = random.Random(seed).uniform(0.05 + 0.3 * seed, 0.35 + 0.3 * seed)
    process = begun(tmp_path, server)
    server.begin(SLOWER, round(size * moment), process.kill)
    ended(process, -signal.SIGKILL)
    fetched = server.sent
    (left,) = (tmp_path / "out").iterdir()
    assert left.name.startswith(".hrdem-")
    time.sleep(0.6)  # a folder that new may be of a run that is just beginning
    server.begin(FAST)
    ended(begun(tmp_path, server))
    again = fetched + server.sent - size
    assert again < 1.3 * CONNECTIONS * SLOWER  # with what waits in the buffers of the system
    assert names(tmp_path / "out") == ["a.stac.json", "a.tif"]
    assert filecmp.cmp(tmp_path / "out" / "a.tif", whole, shallow=False)


@pytest.mark.slow
@pytest.mark.long
def test_interrupted_run_says_that_it_can_resume(
    server: Metered, tmp_path: Path, undisturbed: tuple[Path, int]
) -> None:
    process = begun(tmp_path, server)
    server.begin(SLOW, 20_000_000, lambda: process.send_signal(signal.SIGINT))
    said = ended(process, 130)
    assert "run the same command again to resume" in said
    assert names(tmp_path / "out") == []
    sent = server.sent
    server.begin(FAST)
    ended(begun(tmp_path, server))
    assert sent + server.sent < 1.05 * undisturbed[1]


@pytest.mark.slow
@pytest.mark.long
def test_limit_holds_during_a_run(
    server: Metered, tmp_path: Path, undisturbed: tuple[Path, int]
) -> None:
    """An area that needs more is whole as well; a line before the start says what to expect."""
    whole, _ = undisturbed
    server.begin(FAST)
    process, most = begun(tmp_path, server, "--max-cache", "10MB"), 0
    while process.poll() is None:
        most = max(most, disk_bytes(tmp_path / "cache"))
        time.sleep(0.01)
    assert "the cache holds at most 10 MB: if the run is interrupted" in ended(process)
    assert 5_000_000 < most <= 10_000_000
    assert filecmp.cmp(tmp_path / "out" / "a.tif", whole, shallow=False)


def disk_bytes(folder: Path) -> int:
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


@pytest.mark.slow
def test_limit_holds_while_an_array_lives(demo: Addresses, http: HttpClient) -> None:
    words = {"bbox": NARROW, "bbox_crs": "EPSG:3979", "stac_url": demo.stac, "http": http}
    array = hrdem.load(**words, product="dtm", chunks=512, max_cache=3_000_000)
    array[:512].compute()  # from tiles of some 5 MB
    assert 1_000_000 < hrdem.Cache().info().bytes <= 3_000_000


@pytest.mark.slow
def test_run_killed_between_item_and_raster_is_repeated(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    extract(demo.url, tmp_path / "a.tif", http)
    (tmp_path / "a.tif").unlink()
    item = tmp_path / "a.stac.json"
    os.utime(item, (0, 0))
    with pytest.raises(hrdem.OutputExistsError):  # of another raster
        extract(demo.url, tmp_path / "a.tiff", http)
    extract(demo.url, tmp_path / "a.tif", http)
    assert item.stat().st_mtime > 0
    check_pixels(tmp_path / "a.tif", NARROW)


@pytest.mark.slow
def test_login_page_does_not_replace_cached_responses(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    caught: Reply | None = None
    page = Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})
    with store(demo, lambda _: caught) as server:
        extract(server.url, tmp_path / "a.tif", http)
        for hindrance in (page, Reply(403)):
            caught = hindrance
            with pytest.raises(hrdem.NetworkError):
                extract(server.url, tmp_path / "b.tif", http)
        url = server.url
    extract(url, tmp_path / "b.tif", offline=True)
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)


@pytest.mark.slow
@pytest.mark.long
def test_no_cache_writes_nothing(server: Metered, tmp_path: Path) -> None:
    process = begun(tmp_path, server, "--no-cache")
    server.begin(SLOW, 20_000_000, lambda: process.send_signal(signal.SIGINT))
    assert "to resume" not in ended(process, 130)
    assert not (tmp_path / "cache").exists()


@pytest.mark.long
@pytest.mark.slow
def test_concurrent_runs_write_identical_files(
    server: Metered, tmp_path: Path, undisturbed: tuple[Path, int]
) -> None:
    server.begin(FAST)
    one = begun(tmp_path, server)
    other = begun(tmp_path, server, name="b.tif")
    ended(one)
    ended(other)
    for name in ("a.tif", "b.tif"):
        assert filecmp.cmp(tmp_path / "out" / name, undisturbed[0], shallow=False)
    server.begin(FAST)
    ended(begun(tmp_path, server, "--overwrite"))
    assert server.sent == 2 * 12_288
    assert filecmp.cmp(tmp_path / "out" / "a.tif", undisturbed[0], shallow=False)


def extract(
    url: str, output: Path, http: HttpClient | None = None, box=NARROW, **more
) -> hrdem.Result:
    words = {"bbox": box, "bbox_crs": "EPSG:3979", "product": "dtm", **more}
    return hrdem.extract(**words, output=output, stac_url=f"{url}/stac/api/", http=http)


def store(demo: Addresses, fault: Callable[[ServerRequest], Reply | None]):
    """The demonstration service behind a server that sometimes answers by itself."""

    def script(request: ServerRequest) -> Reply:
        return fault(request) or forward(request, demo.url, f"http://{request.headers['host']}")

    return misbehaving(script)


@pytest.mark.slow
def test_repeated_area_reads_no_tile(server: Metered, tmp_path: Path) -> None:
    server.begin(FAST)
    first = extract(server.url, tmp_path / "a.tif")
    server.begin(FAST)
    second = extract(server.url, tmp_path / "b.tif")
    assert server.sent == 2 * 12_288  # the beginnings of two files tell their version
    assert first.cached_bytes < 100_000
    assert second.cached_bytes > 6_000_000
    assert first.received_bytes > 6_000_000
    assert second.received_bytes == 0
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)


@pytest.mark.long
@pytest.mark.slow
def test_offline_repeats_an_extraction_and_any_part_of_it(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    with store(demo, lambda _: None) as server:
        extract(server.url, tmp_path / "a.tif", http)
        url, request = server.url, len(server.requests)
        extract(url, tmp_path / "b.tif", http, offline=True)
        assert len(server.requests) == request
    extract(url, tmp_path / "c.tif", offline=True, box=WITHIN)
    extract(url, tmp_path / "d.tif", offline=True, resolution=2, box=WITHIN)
    found = hrdem.search(
        bbox=WITHIN, bbox_crs="EPSG:3979", stac_url=f"{url}/stac/api/", offline=True
    )
    assert [item.id for item in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)
    check_pixels(tmp_path / "c.tif", WITHIN)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["WMS", "overviews"])
def test_offline_repeats_a_picture(
    demo: Addresses, http: HttpClient, tmp_path: Path, way: str
) -> None:
    words = {
        "bbox": NARROW, "bbox_crs": "EPSG:3979", "product": "dtm-hillshade", "size": 64,
        "stac_url": demo.stac, "wms_url": demo.wms if way == "WMS" else f"{demo.url}/nothing",
    }  # fmt: skip
    hrdem.preview(**words, output=tmp_path / "a.png", http=http)
    hrdem.preview(**words, output=tmp_path / "b.png", offline=True)
    assert filecmp.cmp(tmp_path / "a.png", tmp_path / "b.png", shallow=False)


def test_offline_warns_of_an_old_response(
    demo: Addresses,
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = {"bbox": NARROW, "bbox_crs": "EPSG:3979", "stac_url": demo.stac}
    found = hrdem.search(**words, http=http)
    assert hrdem.search(**words, offline=True) == found
    assert not caplog.text
    later = time.time() + 3 * 86_400
    monkeypatch.setattr("hrdem.http.cache.responses.time.time", lambda: later)
    assert hrdem.search(**words, offline=True) == found
    assert re.search(r"/search is from 20\d\d-\d\d-\d\d \d\d:\d\d\.", caplog.text)


def test_offline_error_names_the_missing_ranges(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    with store(demo, lambda _: None) as server:
        url = server.url
        extract(url, tmp_path / "a.tif", http, box=WITHIN)
        hrdem.search(bbox=WIDE, bbox_crs="EPSG:3979", stac_url=f"{url}/stac/api/", http=http)
    told = r"lacks 2\.38 MB of the 4\.76 MB that the area needs of .*9_2-mosaic-1m-dtm.tif\. Run"
    with pytest.raises(NotCachedError, match=told):
        extract(url, tmp_path / "b.tif", offline=True)
    with pytest.raises(NotCachedError, match="bytes of .* are not in the cache"):  # of the index
        extract(url, tmp_path / "b.tif", offline=True, box=WIDE)
    with pytest.raises(NotCachedError, match="search of .* for the area .* is not in the cache"):
        extract(url, tmp_path / "b.tif", offline=True, box=(0, 0, 100, 100))
    with pytest.raises(NotCachedError, match="is not in the cache"):
        hrdem.assets("9_2-mosaic-1m", stac_url=f"{url}/stac/api/", offline=True)
    assert names(tmp_path) == ["a.stac.json", "a.tif"]


@pytest.mark.slow
def test_offline_fills_with_what_was_read(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Of the collections that fill, only the tiles around empty pixels were fetched."""
    box = {"box": (1_512_000, -120_000, 1_517_000, -116_000), "fill": "2m,30m", "resolution": 8}
    online = extract(demo.url, tmp_path / "a.tif", http, **box)
    assert len(online.plan.tiers) == 3
    extract(demo.url, tmp_path / "b.tif", offline=True, **box)
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)


@pytest.mark.slow
def test_offline_replays_405_and_404(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    """A refused request is refused again."""

    def odd(request: ServerRequest) -> Reply | None:
        if request.method == "POST":
            return Reply(405)
        return Reply(404) if "8_2-mosaic-1m-dtm.tif" in request.path else None

    east = (1_500_100, -170_600, 1_500_600, -170_000)
    with store(demo, odd) as server:
        extract(server.url, tmp_path / "a.tif", http, box=east)
        url = server.url
    done = extract(url, tmp_path / "b.tif", offline=True, box=east)
    assert done.plan.skipped_neighbours == ("8_2-mosaic-1m",)
    extract(url, tmp_path / "c.tif", offline=True, box=(1_500_200, -170_500, 1_500_300, -170_400))
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)


@pytest.mark.parametrize(
    "words", [{"via": "vrt"}, {"engine": "gdal"}, {"surveys": True}, {"no_cache": True}]
)
def test_offline_rejects_options_that_bypass_the_cache(tmp_path: Path, words: dict) -> None:
    with pytest.raises(hrdem.RequestError, match="offline.* the cache"):
        extract("http://store.invalid", tmp_path / "a.tif", offline=True, **words)


@pytest.mark.slow
def test_offline_finds_wcs_chunks(demo: Addresses, http: HttpClient, tmp_path: Path) -> None:
    more = {"via": "wcs", "wcs_url": demo.wcs}
    extract(demo.url, tmp_path / "a.tif", http, **more)
    extract(
        demo.url, tmp_path / "again.tif", http, max_download=1_000, **more
    )  # nothing is to come
    extract(demo.url, tmp_path / "b.tif", offline=True, **more)
    assert filecmp.cmp(tmp_path / "a.tif", tmp_path / "b.tif", shallow=False)
    with pytest.raises(NotCachedError):
        extract(demo.url, tmp_path / "c.tif", offline=True, box=WIDE, **more)


def test_response_with_etag_is_revalidated(demo: Addresses, http: HttpClient) -> None:
    """By GET with If-None-Match; the catalogue need not send it again."""

    def tagged(request: ServerRequest) -> Reply | None:
        if request.method == "POST":
            return Reply(405)
        if request.headers.get("if-none-match") == '"7"':
            return Reply(304)
        reply = forward(request, demo.url, f"http://{request.headers['host']}")
        reply.headers["etag"] = '"7"'
        return reply

    with store(demo, tagged) as server:
        words = {"bbox": NARROW, "bbox_crs": "EPSG:3979", "stac_url": f"{server.url}/stac/api/"}
        first = hrdem.search(**words, http=http)
        assert hrdem.search(**words, http=http) == first
        request = [each.headers.get("if-none-match") for each in server.requests]
    assert request == [None, None, None, '"7"']


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("where", ["index", "tile"])
def test_corrupt_bytes_are_not_cached(
    demo: Addresses, http: HttpClient, tmp_path: Path, where: str
) -> None:
    hurt = True

    def altered(request: ServerRequest) -> Reply | None:
        start = int(request.headers.get("range", "bytes=0-")[6:].partition("-")[0])
        hit = 12_288 <= start < 7_000_000 if where == "index" else start > 20_000_000
        if not (hit and hurt):
            return None
        reply = forward(request, demo.url, "")
        body = bytearray(reply.body)
        for at in range(3, len(body), 8) if where == "index" else range(4):
            body[at] ^= 1
        reply.body = bytes(body)
        return reply

    with store(demo, altered) as server:
        with pytest.raises(hrdem.SourceError):
            extract(server.url, tmp_path / "a.tif", http)
        hurt = False
        extract(server.url, tmp_path / "a.tif", http)
    check_pixels(tmp_path / "a.tif", NARROW)


@pytest.mark.slow
def test_file_with_a_weak_etag_is_not_cached(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    def weak(request: ServerRequest) -> Reply | None:
        if not request.path.endswith(".tif"):
            return None
        reply = forward(request, demo.url, "")
        reply.headers["etag"] = f"W/{reply.headers['etag']}"
        return reply

    with store(demo, weak) as server:
        assert extract(server.url, tmp_path / "a.tif", http).cached_bytes == 0
        assert extract(server.url, tmp_path / "b.tif", http).cached_bytes == 0
    assert not [entry for entry in hrdem.Cache().info().entries if entry.kind == "file"]


@pytest.mark.slow
@pytest.mark.parametrize("on_change", ["stop", "restart"])
def test_republished_file_stops_or_restarts_the_run(
    demo: Addresses, http: HttpClient, tmp_path: Path, on_change: str
) -> None:
    """Only the changed file is fetched again; none of its old bytes remain."""
    editions = _Editions(demo)
    with misbehaving(editions) as server:
        if on_change == "stop":
            with pytest.raises(hrdem.SourceChangedError, match=r'ETag "1".* now it is .*ETag "2"'):
                extract(server.url, tmp_path / "a.tif", http)
            assert not list(tmp_path.iterdir())
            return
        done = extract(server.url, tmp_path / "a.tif", http, on_change="restart")
    assert done.plan.sources[1].file.version.etag == '"2"'
    check_pixels(tmp_path / "a.tif", NARROW)
    west = [
        request
        for request in server.requests
        if "8_2" in request.path and "range" in request.headers
    ]
    ranges = [request.headers["range"] for request in west]
    assert len(ranges) == len(set(ranges)) + 1  # but for the beginning, nothing came twice
    etags = {entry.version.etag for entry in hrdem.Cache().info().entries if entry.version}
    assert '"2"' in etags
    assert '"1"' not in etags


class _Editions:
    """The eastern file has another ETag from the third tile read on."""

    def __init__(self, demo: Addresses) -> None:
        self.demo = demo
        self.tiles = 0

    def __call__(self, request: ServerRequest) -> Reply:
        if "9_2-mosaic-1m-dtm.tif" not in request.path:
            return forward(request, self.demo.url, f"http://{request.headers['host']}")
        start = int(request.headers["range"][6:].partition("-")[0])
        self.tiles += start > 20_000_000
        etag = '"1"' if self.tiles < 3 else '"2"'
        if request.headers.get("if-match", etag) != etag:
            return Reply(412)
        request.headers.pop("if-match", None)
        reply = forward(request, self.demo.url, "")
        reply.headers["etag"] = etag
        return reply


@pytest.mark.slow
def test_file_that_changes_twice_stops_the_run(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    number = 0

    def restless(request: ServerRequest) -> Reply | None:
        nonlocal number
        if "9_2-mosaic-1m-dtm.tif" not in request.path:
            return None
        start = int(request.headers["range"][6:].partition("-")[0])
        if start > 20_000_000:
            number += 1
            return Reply(412)
        request.headers.pop("if-match", None)
        reply = forward(request, demo.url, "")
        reply.headers["etag"] = f'"{number}"'
        return reply

    with store(demo, restless) as server, pytest.raises(hrdem.SourceChangedError):
        extract(server.url, tmp_path / "a.tif", http, on_change="restart")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_unwritable_cache_is_a_warning(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    extract(demo.url, tmp_path / "a.tif", http, cache_dir=tmp_path / "cache" / "below")
    assert caplog.text.count("cannot be written") == 1
    check_pixels(tmp_path / "a.tif", NARROW)


@pytest.mark.slow
def test_nearly_full_disk_is_left_to_the_output(
    demo: Addresses, http: HttpClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch
) -> None:
    monkeypatch.setattr(hrdem.Cache, "has_space", lambda *_: False)
    extract(demo.url, tmp_path / "a.tif", http)
    assert "the disk is nearly full" in caplog.text
    check_pixels(tmp_path / "a.tif", NARROW)


@pytest.mark.slow
def test_max_download_is_checked_before_reading(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    told = r"1200 x 600 pixels come from 8 tiles of 2 files, .* MB; .*`max_download` allows 5 MB"
    with pytest.raises(hrdem.RequestError, match=told):
        extract(demo.url, tmp_path / "a.tif", http, max_download=5_000_000)
    done = extract(demo.url, tmp_path / "a.tif", http, max_download=20_000_000)
    assert done.received_bytes > 5_000_000
    extract(demo.url, tmp_path / "b.tif", http, max_download=5_000_000)  # it is in the cache


@pytest.mark.slow
def test_disk_space_is_checked_before_reading(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.planning.cost.free_disk_bytes", lambda folder: 1_000_000)
    with pytest.raises(hrdem.OutputError, match=r"takes about .* MB .* has 1 MB free"):
        extract(demo.url, tmp_path / "a.tif", http)
    monkeypatch.setattr("hrdem.planning.cost.free_disk_bytes", lambda folder: 10_000_000)
    told = r"and the cache .* MB on the same disk, .*`no_cache`"
    with pytest.raises(hrdem.OutputError, match=told):
        extract(demo.url, tmp_path / "a.tif", http)
    extract(demo.url, tmp_path / "a.tif", http, no_cache=True)


def test_disk_space_of_an_array_is_that_of_temporary_files(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no `output` to choose another folder with."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("hrdem.planning.cost.free_disk_bytes", lambda folder: 1_000)
    box = {"bbox": (1_500_010, -170_060, 1_500_090, -170_000), "bbox_crs": "EPSG:3979"}
    params = {"product": "dtm-slope", "stac_url": demo.stac, "no_cache": True, "http": http}
    with pytest.raises(hrdem.OutputError, match=r"disk of (.*) has 1 kB free.*TMPDIR") as caught:
        hrdem.load(**box, **params)
    assert str(tmp_path) in str(caught.value)
    assert "`output`" not in str(caught.value)


@pytest.mark.slow
def test_cache_command_shows_prunes_and_clears(
    demo: Addresses, http: HttpClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract(demo.url, tmp_path / "a.tif", http)
    assert command_line(["cache", "info"]) == 0
    told = capsys.readouterr().out
    assert "9_2-mosaic-1m-dtm.tif" in told
    assert "1 catalogue response" in told
    assert command_line(["cache", "info", "--json"]) == 0
    assert '"schema_version": 1' in capsys.readouterr().out
    assert command_line(["cache", "prune", "--max-cache", "1kB"]) == 0
    assert "removed, 0 B left" in capsys.readouterr().out
    assert command_line(["cache", "clear"]) == 0
    assert "0 B removed" in capsys.readouterr().out
