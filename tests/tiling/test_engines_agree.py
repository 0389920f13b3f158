"""Whatever makes the tiles, they have the same bytes, and the store sees no more connections."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from hrdem.demo import Addresses
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.engines.dask import DaskEngine
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import encode_job
from hrdem.tiling.journal import create_job, read_journal
from hrdem.tiling.output_store import open_store
from hrdem.tiling.run_job import run_job
from hrdem.tiling.task import Work
from hrdem.tiling.tile_work import TileWork, WorkerSettings
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward

EDGE, CONNECTIONS = 3_000, 5


class CountingStore(Misbehaving):
    """The demonstration; it counts open connections, and bytes of files.

    Attributes:
        most: The most connections at a time.
        sent: Bytes of files.
        throttles: Whether the next requests for parts of files are answered with 503.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(self._respond)
        self.upstream = upstream
        self.open = self.most = self.sent = self.throttles = 0

    def process_request_thread(self, request, client_address) -> None:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.open -= 1

    def _respond(self, request: ServerRequest) -> Reply:
        if request.path.endswith(".tif"):
            with self.lock:
                if self.throttles:
                    self.throttles -= 1
                    return Reply(503, b"busy", {"Retry-After": "0"})
        reply = forward(request, self.upstream, f"http://{request.headers['host']}")
        if reply.status == 206:
            with self.lock:
                self.sent += len(reply.body)
        return reply


@pytest.fixture(scope="module")
def server(demo: Addresses) -> Iterator[CountingStore]:
    with CountingStore(demo.url) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def job(server: CountingStore) -> Job:
    """Nine tiles of 1 km over a corner where four files meet."""
    left, top = 1_499_000, 1_000
    box = (left, top - EDGE, left + EDGE, top)
    request = Request.of(
        bbox=box,
        bbox_crs=NATIVE_CRS,
        product="dtm",
        collection="2m",
        stac_url=f"{server.url}/stac/api/",
    )
    options = JobOptions(Format.GTIFF, Compression.DEFLATE, None, 0)
    with HttpClient(trusted=[server.url]) as http:
        return freeze_job(request, "1km", options, http)


@contextmanager
def on_dask(work: Work) -> Iterator[DaskEngine]:
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        DaskEngine(work, cluster.scheduler_address) as engine,
    ):
        yield engine


ENGINES = {
    "in process": InProcessEngine,
    "processes": lambda work: ProcessEngine(work, 3),
    "dask": on_dask,
}


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    """The checksums of the engine that was tested first."""
    return {}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("kind", ENGINES)
def test_engines_agree(
    kind: str, job: Job, server: CountingStore, expected: dict[str, str], tmp_path: Path
) -> None:
    store = open_store(tmp_path / "out")
    create_job(store, encode_job(job))
    server.most, server.throttles = server.open, 4
    work = TileWork(WorkerSettings(store.address, job.sha256, str(tmp_path / "cache")))
    (tmp_path / "cache").mkdir(mode=0o700)
    with ENGINES[kind](work) as engine:
        summary = run_job(job, store, engine, read_journal(job, store), connections=CONNECTIONS)
    assert (summary.exit_code, summary.progress.done) == (0, 9)
    assert summary.progress.throttled == 4
    assert server.most <= CONNECTIONS
    paths = sorted((tmp_path / "out").glob("*.tif"))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    assert len(found) == 9
    for name, checksum in found.items():
        assert expected.setdefault(name, checksum) == checksum


@pytest.mark.slow
@pytest.mark.long
def test_a_worker_that_is_killed_has_little_fetched_again(
    job: Job, server: CountingStore, tmp_path: Path
) -> None:
    """Its tile is made again, of what it had fetched before."""
    store = open_store(tmp_path / "out")
    create_job(store, encode_job(job))
    (tmp_path / "cache").mkdir(mode=0o700)
    work = TileWork(WorkerSettings(store.address, job.sha256, str(tmp_path / "cache")))
    server.sent = server.throttles = 0
    killed = threading.Event()

    def kill() -> None:
        while server.sent < job.cost.source_bytes / 4:
            time.sleep(0.005)
        workers = psutil.Process(os.getpid()).children()
        next(each for each in workers if "spawn_main" in " ".join(each.cmdline())).kill()
        killed.set()

    threading.Thread(target=kill, daemon=True).start()
    with ProcessEngine(work, 2) as engine:
        summary = run_job(job, store, engine, read_journal(job, store), connections=CONNECTIONS)
    assert killed.is_set()
    assert (summary.exit_code, summary.progress.done) == (0, 9)
    assert server.sent <= 1.05 * job.cost.source_bytes
