"""The command that serves the page: it starts fast, tells its address, and stops at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from hrdem.demo import Addresses
from tests.app.conftest import BOX, NOWHERE, pixels_of, wait_for


@contextmanager
def app(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process and the address of the page."""
    command = [sys.executable, "-m", "hrdem", "app", "--no-browser", "--json", "--port=0"]
    command += [f"--data={data}", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            lines = iter(process.stdout.readline, "}\n")
            yield process, json.loads("".join(lines) + "}")["url"]
        finally:
            process.kill()


@pytest.mark.slow
def test_ctrl_c_ends_it_while_pages_listen(tmp_path: Path) -> None:
    with app(tmp_path, f"--stac-url={NOWHERE}") as (process, url), httpx.Client() as client:
        client.get(f"{url}api/config")
        with client.stream("GET", f"{url}api/events") as stream:
            next(stream.iter_lines())
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, "stopped" in errors) == (0, True)


@pytest.mark.slow
def test_a_signal_ends_it_while_it_waits_for_a_silent_catalogue(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stac = f"--stac-url=http://127.0.0.1:{silent.getsockname()[1]}"
        with app(tmp_path, stac) as (process, url), httpx.Client() as client:
            client.get(f"{url}api/config")
            with ThreadPoolExecutor(1) as page:
                post = partial(client.post, f"{url}api/estimate", json={"area": BOX}, timeout=60)
                waiting = page.submit(post)
                with silent.accept()[0]:
                    process.send_signal(signal.SIGINT)
                    _, errors = process.communicate(timeout=40)
    assert waiting.result().status_code == 503
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no ignored signals")
def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As of a server that a script started in the background."""
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with app(tmp_path, f"--stac-url={NOWHERE}") as (process, url):
            process.send_signal(signal.SIGINT)
            assert httpx.get(f"{url}api/config").status_code == 200
            process.terminate()
            process.wait(timeout=60)
    finally:
        signal.signal(signal.SIGINT, ignoring)


@pytest.mark.slow
def test_folders_may_be_relative(
    demo: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs run in folders of their own, and read the area of a file from the folder of data."""
    monkeypatch.chdir(tmp_path)
    west, south, east, north = BOX["bbox"]
    ring = [[west, south], [east, south], [east, north], [west, south]]
    area = json.dumps({"type": "Polygon", "coordinates": [ring]})
    options = f"--stac-url={demo.stac}", f"--wcs-url={demo.wcs}", "--cache-dir=cache"
    with app(Path("data"), *options) as (_, url), httpx.Client() as client:
        client.get(f"{url}api/config")
        sent = client.post(f"{url}api/areas?name=a.geojson", content=area, timeout=60).json()
        client.post(f"{url}api/jobs", json={"area": {"upload": sent["id"]}})
        wait_for(lambda: client.get(f"{url}api/jobs").json()[0]["finished"])
        (job,) = client.get(f"{url}api/jobs").json()
    assert (job["state"], job["error"]) == ("done", None)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "cache"}
    assert not [*tmp_path.glob("data/jobs/*/run-1/cache")]


@pytest.mark.slow
def test_the_jobs_of_a_server_that_is_killed_stop_and_begin_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a catalogue that does not answer
        stac = f"--stac-url=http://127.0.0.1:{silent.getsockname()[1]}"
        with app(tmp_path, stac) as (process, url), httpx.Client() as client:
            client.get(f"{url}api/config")
            job = client.post(f"{url}api/jobs", json={"area": BOX}).json()
            connection, _ = silent.accept()
            process.kill()
            process.wait()
            cookies = client.cookies
        with connection, app(tmp_path, stac) as (_, url), httpx.Client(cookies=cookies) as client:
            connection.settimeout(60)
            while connection.recv(1 << 16):  # until the process of the first server is gone
                pass
            silent.accept()[0].close()
            (found,) = client.get(f"{url}api/jobs").json()
            assert (found["id"], found["state"]) == (job["id"], "running")
    assert [path.name for path in (tmp_path / "jobs" / job["id"]).iterdir()] == ["run-2"]


@pytest.mark.slow
@pytest.mark.long
def test_a_job_that_began_again_has_the_same_pixels(tmp_path: Path) -> None:
    request = {"area": {"bbox": [-75.72, 45.38, -75.69, 45.40]}, "products": ["chm"]}
    with app(tmp_path / "data", "--demo") as (process, url), httpx.Client() as client:
        client.get(f"{url}api/config")
        job = client.post(f"{url}api/jobs", json=request).json()
        wait_for(lambda: client.get(f"{url}api/jobs").json()[0]["progress"]["fraction"] > 0)
        process.kill()
        process.wait()
        cookies = client.cookies
    with app(tmp_path / "data", "--demo") as (_, url), httpx.Client(cookies=cookies) as client:
        wait_for(lambda: client.get(f"{url}api/jobs").json()[0]["state"] == "done")
        raster = client.get(f"{url}api/jobs/{job['id']}/files/chm.tif").content
    command = [sys.executable, "-m", *job["command_line"].split()]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (pixels_of(raster) == pixels_of((tmp_path / "chm.tif").read_bytes())).all()


@pytest.mark.slow
def test_a_second_server_says_what_is_in_use(tmp_path: Path) -> None:
    with app(tmp_path, f"--stac-url={NOWHERE}") as (_, url):
        port = url.rstrip("/").rpartition(":")[2]
        for options, message in (
            ([f"--port={port}", f"--data={tmp_path / 'other'}"], "--port 0"),
            (["--port=0", f"--data={tmp_path}"], "another hrdem app uses it"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "hrdem", "app", "--no-browser", *options],
                capture_output=True,
                text=True,
            )
            assert done.returncode in (2, 7)
            assert message in done.stderr


@pytest.mark.slow
def test_other_machines_need_the_token_of_the_address(tmp_path: Path) -> None:
    with app(tmp_path, "--host=0.0.0.0", f"--stac-url={NOWHERE}") as (_, url):
        page, _, token = url.partition("?token=")
        port = httpx.URL(page).port
        assert httpx.get(f"http://127.0.0.1:{port}/api/config").status_code == 403
        with httpx.Client(follow_redirects=False) as client:
            opened = client.get(f"http://127.0.0.1:{port}/?token={token}")
            assert opened.headers["location"] == "/"
            assert client.get(f"http://127.0.0.1:{port}/api/config").status_code == 200
    assert (tmp_path / "token").read_text("ascii") == token
    if os.name == "posix":
        assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
