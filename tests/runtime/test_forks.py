"""Processes that fork: after a call their children work, during one they are told."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hrdem.demo import Addresses
from hrdem.errors import HrdemError
from hrdem.http.client import HttpClient
from hrdem.runtime.forks import check_fork, running
from hrdem.runtime.threads import thread_pool
from tests.systems import needs_forks

pytestmark = needs_forks

TASKS = Path("/proc/self/task")
CHILDREN = """
import multiprocessing, os, signal, sys
import hrdem

area = {"bbox": (1480000, -150600, 1480600, -150000), "bbox_crs": "EPSG:3979", "product": "dtm"}
service = {"stac_url": sys.argv[1], "no_cache": True}

def extract(**options):
    hrdem.extract(**area, **service, **options, output=f"{os.getpid()}.tif", overwrite=True)

def work():
    extract(format="cog")
    hrdem.load(**area, **service)

calls = {
    "cog": lambda: extract(format="cog"),
    "warp": lambda: extract(crs="EPSG:2959", resolution=2),
    "load": lambda: hrdem.load(**area, **service),
}
for name, call in calls.items():
    call()
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        try:
            work()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    assert os.waitpid(pid, 0)[1] == 0, name
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
assert child.exitcode == 0
"""


@pytest.mark.slow
def test_children_work_after_every_call(demo: Addresses, tmp_path: Path) -> None:
    """A child that waits for a lock or a thread of its parent is ended by an alarm."""
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN, demo.stac], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="threads of the system are listed on Linux")
def test_threads_of_the_system_end_with_their_pool() -> None:
    """Python's own join returns earlier, in one of some hundred cases."""
    before = set(TASKS.iterdir())
    for _ in range(100):
        with thread_pool(4, "test") as pool:
            list(pool.map(time.sleep, [0.0] * 8))
        assert set(TASKS.iterdir()) <= before


def fork_and_check() -> int:
    """Fork, and return whether the child is refused."""
    pid = os.fork()
    if not pid:
        code = 0
        try:
            check_fork()
        except HrdemError as exc:
            code = 3 if "forked while hrdem was running" in str(exc) else 4
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork")  # Python 3.12 warns if the test runner has threads
def test_fork_during_a_call_is_refused_in_the_child() -> None:
    assert fork_and_check() == 0
    with running():
        assert fork_and_check() == 3
    assert fork_and_check() == 0


@pytest.mark.filterwarnings("ignore:.*fork")
def test_fork_waits_for_threads_that_outlive_their_call() -> None:
    """Connections that were opened ahead may not be needed in the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        with HttpClient(trusted=[url]) as client:
            client.open_connections(url, 2)
        threading.Timer(0.1, lambda: [server.accept()[0].close() for _ in range(2)]).start()
        assert fork_and_check() == 0


@pytest.mark.filterwarnings("ignore:.*fork")
def test_fork_beside_a_thread_that_does_not_end_is_refused_in_the_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an error, threads may still wait for a server."""
    monkeypatch.setattr("hrdem.runtime.forks.MAX_END_SECONDS", 0.05)
    begun, answered = threading.Event(), threading.Event()
    with contextlib.suppress(OSError), thread_pool(1, "test") as pool:
        pool.submit(lambda: [begun.set(), answered.wait()])
        begun.wait()
        raise OSError
    assert fork_and_check() == 3
    answered.set()
    assert fork_and_check() == 0
