"""Soak test of jobs: tiles from a store that misbehaves, while workers and drivers are killed.

    python -m benchmarks.tile_soak [--edge 17] [--engines processes,dask] [--seed 1]

A job of EDGE x EDGE tiles of 1 km over four files is run again until it is complete: by processes,
and on Dask. Drivers and workers are killed at random with SIGKILL. The store resets connections,
cuts bodies off, and now and then answers everything with 503 for a second. Half way one file is
republished: the job is planned again, and only its tiles are made anew. In the end every pixel is
compared with the terrain function: all pixels of a file have to be of one edition.

The store counts its open connections, and the bytes of files that it sends more than once.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import rasterio
from distributed import LocalCluster

from hrdem.demo import running
from hrdem.demo.terrain import heights
from hrdem.errors import ExitCode
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job, encode_job
from hrdem.tiling.journal import create_job, replace_job
from hrdem.tiling.open_engine import open_engine
from hrdem.tiling.output_store import JOB_NAME, open_store
from hrdem.tiling.run_job import run_job
from hrdem.tiling.tile_work import TileWork, WorkerSettings
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward

CONNECTIONS, WORKERS = 8, 2
MIDDLE = 1_500_000, 0  # where four files meet
_FAULT_SHARE = 0.03  # of the requests for parts of files
_STORM_SECONDS, _STORM_EVERY_SECONDS = 1.0, 12.0
_DELAY = 0.03  # seconds before each response, as on a network
_KILLED_WORKER_SECONDS = 8.0, 20.0  # between two
_KILLED_DRIVER_SECONDS = 25.0, 60.0  # of its life
_FIRST_EDITION_SHARE = 0.4  # of the tiles, before the file is republished


class Store(Misbehaving):
    """The demonstration with faults; it counts connections, and bytes by version of a file.

    Attributes:
        open: Connections at present.
        most: The most of them at a time.
        faults: Faults by kind.
        republished: Path of the file that is sent in its second edition; empty before.
    """

    def __init__(self, upstreams: dict[int, str], seed: int) -> None:
        super().__init__(self._respond)
        self._upstreams = upstreams
        self._chance = random.Random(seed)
        self._began = time.monotonic()
        self._sent: collections.defaultdict[tuple[str, int], list[tuple[int, int]]]
        self._sent = collections.defaultdict(list)
        self.open = self.most = 0
        self.faults: collections.Counter[str] = collections.Counter()
        self.republished = ""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Count a connection for as long as it is open."""
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.open -= 1

    def count_bytes(self) -> tuple[int, int]:
        """Return the bytes that were sent, each once, and those that were sent again."""
        once = total = 0
        for spans in self._sent.values():
            end = 0
            for start, stop in sorted(spans):
                once += max(0, stop - max(start, end))
                end = max(end, stop)
                total += stop - start
        return once, total - once

    def _respond(self, request: ServerRequest) -> Reply:
        edition = 2 if self.republished and request.path.endswith(self.republished) else 1
        base = f"http://{request.headers['host']}"
        time.sleep(_DELAY)
        is_part = request.path.endswith(".tif")
        with self.lock:
            dice = self._chance.random()
        phase = (time.monotonic() - self._began) % _STORM_EVERY_SECONDS
        if is_part and phase < _STORM_SECONDS:
            return self._count_fault("503 storm", Reply(503, b"busy", {"Retry-After": "1"}))
        reply = forward(request, self._upstreams[edition], base)
        if reply.status != 206:
            return reply
        if dice < _FAULT_SHARE / 3:
            return self._count_fault("dropped", Reply(dropped=True))
        if dice < _FAULT_SHARE:
            reply.cut, reply.reset = len(reply.body) // 2, dice < _FAULT_SHARE / 2
            self._count_fault("cut off", reply)
        start = int(re.findall(r"\d+", reply.headers["content-range"])[0])
        size = len(reply.body) if reply.cut is None else reply.cut
        with self.lock:
            self._sent[request.path, edition].append((start, start + size))
        return reply

    def _count_fault(self, what: str, reply: Reply) -> Reply:
        with self.lock:
            self.faults[what] += 1
        return reply


def freeze(url: str, edge: int) -> Job:
    left, top = MIDDLE[0] - 1_000 * (edge // 2), MIDDLE[1] + 1_000 * (edge // 2)
    box = (left, top - 1_000 * edge, left + 1_000 * edge, top)
    request = Request.of(
        bbox=box, bbox_crs=NATIVE_CRS, product="dtm", collection="2m", stac_url=f"{url}/stac/api/"
    )
    options = JobOptions(Format.GTIFF, Compression.DEFLATE, None, 0)
    with HttpClient(trusted=[url]) as http, pinned_gdal():
        return freeze_job(request, "1km", options, http)


def drive(folder: Path, scheduler: str | None) -> int:
    """Run the job in a folder, in a process of its own."""
    store = open_store(folder / "out")
    job = decode_job(store.read(JOB_NAME) or b"")
    work = TileWork(WorkerSettings(store.address, job.sha256, str(folder / "cache")))
    workers = None if scheduler else WORKERS
    with open_engine(work, workers=workers, scheduler=scheduler, connections=CONNECTIONS) as engine:
        return run_job(job, store, engine, connections=CONNECTIONS).exit_code


@contextlib.contextmanager
def serve(seed: int) -> Iterator[Store]:
    """Serve two editions of the demonstration, with faults."""
    with contextlib.ExitStack() as stack:
        upstreams = {each: stack.enter_context(running(edition=each)).url for each in (1, 2)}
        server = stack.enter_context(Store(upstreams, seed))
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        stack.callback(server.shutdown)
        yield server


@contextlib.contextmanager
def open_scheduler(engine: str) -> Iterator[str | None]:
    """Yield the address of a Dask scheduler; None for processes."""
    if engine != "dask":
        yield None
        return
    with LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


class Soak:
    """Drivers of one job, one after the other, and what kills them.

    Args:
        folder: Folder for cache and output.
        server: The store.
        scheduler: Address of a Dask scheduler; None for processes.
        edge: Tiles along an edge of the area.
        chance: Decides what is killed, and when.
    """

    def __init__(
        self, folder: Path, server: Store, scheduler: str | None, edge: int, chance: random.Random
    ) -> None:
        self._folder = folder
        self._server = server
        self._scheduler = scheduler
        self._edge = edge
        self._chance = chance
        self._output = open_store(folder / "out")
        self.job = freeze(server.url, edge)
        create_job(self._output, encode_job(self.job))
        server.most = server.open
        self.kills: collections.Counter[str] = collections.Counter()
        self.codes: collections.Counter[int] = collections.Counter()

    def run(self) -> None:
        """Run drivers until the job is complete; plan it again when a file was republished.

        Raises:
            RuntimeError: If a driver ends as none should.
        """
        is_updated = False
        while True:
            code = self._run_driver()
            self.codes[code] += 1
            if code == ExitCode.SOURCE_CHANGED and not is_updated:
                stale, self.job = self.job, freeze(self._server.url, self._edge)
                replace_job(self._output, stale, self.job, encode_job(self.job))
                is_updated = True
            elif code == ExitCode.COMPLETE and is_updated:
                return
            elif code not in (ExitCode.INCOMPLETE, -signal.SIGKILL):
                raise RuntimeError(f"the driver ended with exit code {code}")

    def _run_driver(self) -> int:
        """Run a driver until it ends or is killed, and kill workers meanwhile."""
        command = [sys.executable, "-m", "benchmarks.tile_soak", "--drive", str(self._folder)]
        command += ["--scheduler", self._scheduler] if self._scheduler else []
        until = time.monotonic() + self._chance.uniform(*_KILLED_DRIVER_SECONDS)
        next_kill = time.monotonic() + self._chance.uniform(*_KILLED_WORKER_SECONDS)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as driver:
            parent = os.getpid() if self._scheduler else driver.pid
            while driver.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
                self._republish_when_due()
                if time.monotonic() > next_kill:
                    self.kills["workers"] += kill_worker(parent, self._chance)
                    next_kill = time.monotonic() + self._chance.uniform(*_KILLED_WORKER_SECONDS)
            if driver.poll() is None:
                driver.kill()
                self.kills["drivers"] += 1
        return driver.returncode

    def _republish_when_due(self) -> None:
        done = len(list(Path(self._folder, "out").glob("*.stac.json")))
        if not self._server.republished and done > _FIRST_EDITION_SHARE * len(self.job.tiles):
            self._server.republished = self.job.plan.sources[-1].url.rpartition("/")[2]


def soak(engine: str, edge: int, seed: int) -> bool:
    """Run a job to its end; print what happened, and return whether all is right."""
    began = time.monotonic()
    with (
        serve(seed) as server,
        tempfile.TemporaryDirectory() as folder,
        open_scheduler(engine) as scheduler,
    ):
        run = Soak(Path(folder), server, scheduler, edge, random.Random(seed))
        run.run()
        wrong, mixed = compare(run.job, Path(folder, "out"))
        once, again = server.count_bytes()
    print(
        f"{engine}: {len(run.job.tiles)} tiles, {wrong} wrong pixels, {mixed} mixed tiles; "
        f"at most {server.most} connections of {CONNECTIONS}; "
        f"{100 * again / once:.1f} % of {once / 1e6:.0f} MB sent again; "
        f"killed {dict(run.kills)}; faults {dict(server.faults)}; "
        f"exit codes {dict(run.codes)}; {time.monotonic() - began:.0f} s"
    )
    return not wrong and not mixed


def kill_worker(parent: int, chance: random.Random) -> int:
    """Kill a worker process at random; return the number that was killed."""
    with contextlib.suppress(psutil.Error):
        found = [
            each
            for each in psutil.Process(parent).children(recursive=True)
            if "spawn_main" in " ".join(each.cmdline()) and not each.children()
        ]
        if found:
            chance.choice(found).kill()
            return 1
    return 0


def compare(job: Job, folder: Path) -> tuple[int, int]:
    """Return the number of pixels of no edition, and of tiles of several editions of a file."""
    wrong = mixed = 0
    for tile in job.tiles:
        if tile.is_empty:
            continue
        with rasterio.open(folder / f"{tile.name}.tif") as dataset:
            found = dataset.read(1)
            left, top = dataset.bounds.left, dataset.bounds.top
        height, width = found.shape
        unlike = [
            found != heights(left, top, 2, width, height, collection="2m", edition=edition)
            for edition in (1, 2)
        ]
        wrong += int((unlike[0] & unlike[1]).sum())
        if len(tile.sources) == 1 and unlike[0].any() and unlike[1].any():
            mixed += 1
    return wrong, mixed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edge", type=int, default=17)
    parser.add_argument("--engines", default="processes,dask")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--scheduler")
    options = parser.parse_args()
    if options.drive:
        return drive(options.drive, options.scheduler)
    names = options.engines.split(",")
    results = [soak(name, options.edge, options.seed) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
