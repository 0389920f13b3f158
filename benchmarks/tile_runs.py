"""Measure runs of jobs over native pixels: processor time, bytes, memory, connections, kills.

    python -m benchmarks.tile_runs PART --data FOLDER

Store and catalogue are on this machine: nginx, and a file as large as a sub-tile of 1 m, which is
made in FOLDER if it is not there. What nginx logs is what counts. A part prints one line of JSON:

    pixels   processor time of a tile and of a pixel, bytes read over those that were foreseen
    warped   the same for pixels of 10 m
    sharing  bytes read over unique ones with a cache that tiles share, connections, and the size of
             a cache over its limit
    memory   peak memory of a worker that makes a COG of one large tile
    kills    bytes that are read again after kill -9 of the driver, and of a worker
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.catalog_server import serve_catalog
from benchmarks.links import open_link
from benchmarks.store import stored_file, window_of_size
from benchmarks.store_server import LoggedRequest, StoreServer, serve_store
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import encode_job
from hrdem.tiling.journal import create_job, read_journal
from hrdem.tiling.open_engine import open_engine
from hrdem.tiling.output_store import ITEM_SUFFIX, open_store
from hrdem.tiling.progress import JobProgress, OnJobProgress, ignore_job_progress
from hrdem.tiling.run_job import run_job
from hrdem.tiling.task import TileOutcome
from hrdem.tiling.tile_work import TileWork, WorkerSettings

Figures = dict[str, float]

CONNECTIONS = 8
WIDTH, HEIGHT = 15_000, 16_000  # metres of the largest area
SMALL = 5_000
MAX_CACHE = 200_000_000  # of the cache whose limit is tested
DONE_BEFORE_KILL = 5  # tiles
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Service:
    """Store and catalogue, and a folder for outputs."""

    store: StoreServer
    stac_url: str
    folder: Path

    def freeze(
        self,
        scheme: str,
        *,
        layout: Format = Format.GTIFF,
        width: int = WIDTH,
        height: int = HEIGHT,
        resolution: float | None = None,
    ) -> Job:
        """Freeze a job; the requests for that are not counted."""
        request = Request.of(
            bbox=find_box(width, height),
            bbox_crs=NATIVE_CRS,
            product="dtm",
            stac_url=self.stac_url,
            resolution=resolution,
        )
        options = JobOptions(layout, Compression.DEFLATE, None, 0)
        with HttpClient(trusted=[self.stac_url]) as http, pinned_gdal():
            job = freeze_job(request, scheme, options, http)
        self.store.new_requests()
        return job

    def run(
        self,
        job: Job,
        name: str,
        workers: int,
        max_cache: int | None = None,
        on_progress: OnJobProgress = ignore_job_progress,
    ) -> None:
        """Run a job into a new folder.

        Args:
            job: The job.
            name: Name of the folder.
            workers: Number of processes.
            max_cache: Bytes of the cache; None for no cache.
            on_progress: Called whenever a tile has ended.
        """
        output = open_store(self.folder / name)
        create_job(output, encode_job(job))
        cache = str(self.folder / f"{name}-cache")
        limit = DEFAULT_MAX_CACHE_BYTES if max_cache is None else max_cache
        settings = WorkerSettings(output.address, job.sha256, cache, max_cache is None, limit)
        with open_engine(TileWork(settings), workers=workers, connections=CONNECTIONS) as engine:
            journal = read_journal(job, output)
            done = run_job(
                job, output, engine, journal, connections=CONNECTIONS, on_progress=on_progress
            )
        assert done.exit_code == 0, done.failures

    def time_tiles(self, job: Job, name: str) -> list[tuple[int, float]]:
        """Run a job in one worker; return pixels and processor time of each tile.

        The first is left out: the worker imports libraries meanwhile.
        """
        points = []

        def note(progress: JobProgress) -> None:
            if isinstance(progress.report, TileOutcome):
                pixels = job.tile(progress.report.name).pixels
                points.append((pixels, progress.report.cpu_seconds))

        self.run(job, name, 1, on_progress=note)
        return points[1:]


def find_box(width: int, height: int) -> tuple[float, float, float, float]:
    """Return a box in the surveyed area, whose left edge is one of squares of 5 km."""
    left, _, _, top = window_of_size(16_384).bounds
    left, top = -(-left // SMALL) * SMALL, top // 1_000 * 1_000
    return left, top - height, left + width, top


def count_bytes(requests: Iterable[LoggedRequest]) -> tuple[int, int]:
    """Return the bytes that were sent, and those of them that are unique."""
    spans = sorted((each.start, each.start + each.size) for each in requests if each.status == 206)
    unique = end = 0
    for start, stop in spans:
        unique += max(0, stop - max(start, end))
        end = max(end, stop)
    return sum(stop - start for start, stop in spans), unique


def measure_pixels(service: Service) -> Figures:
    """Draw a line through the processor times of tiles of two sizes."""
    found: Figures = {}
    for layout in Format:
        points = []
        for scheme, width in (("1km", SMALL), ("5km", WIDTH)):
            job = service.freeze(scheme, layout=layout, width=width, height=SMALL)
            points += service.time_tiles(job, f"{layout}-{scheme}")
            sent, _ = count_bytes(service.store.new_requests())
            found[f"{layout}_{scheme}_read_over_foreseen"] = sent / job.cost.source_bytes
        slope, overhead = fit_line(points)
        found[f"{layout}_ns_a_pixel"] = 1e9 * slope
        found[f"{layout}_seconds_a_tile"] = overhead
    return found


def measure_warped(service: Service) -> Figures:
    """Measure pixels of 10 m, which are warped from an overview."""
    points = []
    for scheme in ("5km", "10km"):
        job = service.freeze(scheme, resolution=10)
        points += service.time_tiles(job, f"warped-{scheme}")
        sent, _ = count_bytes(service.store.new_requests())
    slope, _ = fit_line(points)
    return {
        "warped_ns_a_pixel": 1e9 * slope,
        "warped_read_over_foreseen": sent / job.cost.source_bytes,
    }


def fit_line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Return slope and ordinate of the line through points, by least squares."""
    slope, ordinate = np.polyfit(*zip(*points, strict=True), 1)
    return float(slope), float(ordinate)


def measure_sharing(service: Service) -> Figures:
    """Measure what tiles of a host read that share a cache, and more of them than its limit."""
    job = service.freeze("5km")  # at 1 m as many stored tiles as 10 km at 2 m
    service.run(job, "shared", 4, DEFAULT_MAX_CACHE_BYTES)
    requests = service.store.new_requests()
    sent, unique = count_bytes(requests)
    largest = [0]
    with watch_size(service.folder / "limited-cache", largest):
        service.run(job, "limited", 2, MAX_CACHE)
    foreseen = job.cost_of(job.tiles, DEFAULT_MAX_CACHE_BYTES).source_bytes
    return {
        "shared_read_over_foreseen": sent / foreseen,
        "shared_read_over_unique": sent / unique,
        "unshared_read_over_unique": job.cost.source_bytes / unique,
        "connections": max(each.open for each in requests),
        "connections_allowed": CONNECTIONS,
        "cache_over_limit": largest[0] / MAX_CACHE,
    }


@contextlib.contextmanager
def watch_size(folder: Path, largest: list[int]) -> Iterator[None]:
    """Note the largest size of a folder on the disk."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            largest[0] = max(largest[0], measure_folder(folder))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def measure_folder(folder: Path) -> int:
    """Return the bytes on the disk of the files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += 512 * path.lstat().st_blocks
    return total


def measure_memory(service: Service) -> Figures:
    """Measure the peak memory of the worker of one tile of 240 million pixels."""
    job = service.freeze("50km", layout=Format.COG)
    service.run(job, "large", 1, DEFAULT_MAX_CACHE_BYTES)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"cog_peak_bytes": peak, "cog_pixels": max(tile.pixels for tile in job.tiles)}


def measure_kills(service: Service) -> Figures:
    """Kill the driver, and in another run a worker; run the same command until it is complete."""
    found: Figures = {}
    for victim, find in (("driver", itself), ("worker", find_worker)):
        folder = service.folder / f"killed-{victim}"
        command = make_command(service.stac_url, folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(list(folder.glob(f"out/*{ITEM_SUFFIX}"))) < DONE_BEFORE_KILL:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(_LOOK_SECONDS)
        find(psutil.Process(process.pid)).send_signal(signal.SIGKILL)
        if process.wait() != 0:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        sent, unique = count_bytes(service.store.new_requests())
        found[f"refetched_after_{victim}"] = sent / unique - 1
    return found


def itself(process: psutil.Process) -> psutil.Process:
    """Return the driver."""
    return process


def find_worker(process: psutil.Process) -> psutil.Process:
    """Return a worker of a driver."""
    return next(each for each in process.children() if "spawn_main" in " ".join(each.cmdline()))


def make_command(stac_url: str, folder: Path) -> list[str]:
    """Return the command of a user."""
    left, bottom, right, top = find_box(WIDTH, HEIGHT)
    options = {
        "--bbox": f"{left},{bottom},{right},{top}",
        "--bbox-crs": NATIVE_CRS,
        "--product": "dtm",
        "--scheme": "5km",
        "--stac-url": stac_url,
        "--cache-dir": folder / "cache",
        "--workers": 2,
        "--output": folder / "out",
    }
    given = map(str, itertools.chain.from_iterable(options.items()))
    return [sys.executable, "-m", "hrdem", "tile", *given]


PARTS: dict[str, Callable[[Service], Figures]] = {
    "pixels": measure_pixels,
    "warped": measure_warped,
    "sharing": measure_sharing,
    "memory": measure_memory,
    "kills": measure_kills,
}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    file = stored_file(options.data, "lzw")
    path = Path(file.path)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(open_link("loopback"))
        store = stack.enter_context(serve_store(link, path.parents[1], scratch / "nginx"))
        url = f"{store.base}/{file.codec}/{path.name}"
        stac_url = stack.enter_context(serve_catalog(link, url, 0, None))
        found = PARTS[options.part](Service(store, stac_url, scratch))
    print(json.dumps(found, default=float))


if __name__ == "__main__":
    main()
