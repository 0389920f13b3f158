"""Measure what engines add to the work of a job's tiles.

    python -m benchmarks.tile_engines sleep [--tasks 40] [--seconds 0.5]
    python -m benchmarks.tile_engines dask [--tiles 100000]

The first measures the efficiency of 1, 2 and 4 workers whose tiles sleep: the time that they would
take without any overhead over the time that they took once they had started. The second runs tiles
that do nothing on Dask, and measures the processor time of a tile in the driver and in the
scheduler, and by how much the memory of both grows. Each prints one line of JSON.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.dask import DaskEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.task import MakeTile, TileOutcome, TileTask

WORKERS = (1, 2, 4)
FEW = 1_000  # tiles after which measuring begins

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster of Dask.

    Attributes:
        address: Of the scheduler.
        scheduler: Its process.
        workers: Processes of the workers.
    """

    address: str
    scheduler: psutil.Process
    workers: list[psutil.Process]


@dataclass(frozen=True)
class Sleep:
    """Tiles that sleep."""

    seconds: float

    @property
    def key(self) -> str:
        return f"sleep {self.seconds}"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        yield self._make

    def _make(self, task: TileTask) -> TileOutcome:
        time.sleep(self.seconds)
        return TileOutcome(task.name)


def run(engine: Engine, tiles: int) -> Iterator[int]:
    """Yield the number of tiles that have ended."""
    names = (f"{number:08}" for number in range(tiles))
    for count, _ in enumerate(dispatch_tiles(names, engine, Allowance(64)), start=1):
        yield count


def measure_efficiency(tasks: int, seconds: float) -> Figures:
    """Measure the time of tiles that sleep on 1, 2 and 4 workers that have started."""
    found: Figures = {}
    work = Sleep(seconds)
    for name in ("processes", "dask"):
        for workers in WORKERS:
            with contextlib.ExitStack() as stack:
                began = time.monotonic()
                if name == "processes":
                    engine: Engine = ProcessEngine(work, workers)
                else:
                    cluster = stack.enter_context(open_cluster(workers))
                    engine = DaskEngine(work, cluster.address)
                stack.enter_context(engine)
                while engine.capacity < workers:
                    time.sleep(0.1)
                collections.deque(run(engine, workers), 0)
                started = time.monotonic()
                collections.deque(run(engine, tasks), 0)
                took = time.monotonic() - started
            found[f"{name}_{workers}_efficiency"] = tasks * seconds / workers / took
            found[f"{name}_{workers}_start_seconds"] = started - began - seconds
    return found


@contextlib.contextmanager
def open_cluster(workers: int) -> Iterator[Cluster]:
    """Run a scheduler and workers in processes of their own, as on a cluster."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        note = folder / "scheduler.json"
        options = ["--scheduler-file", str(note), "--no-dashboard"]
        scheduler = start_dask(stack, "scheduler", *options, "--port", "0")
        options += ["--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        others = [start_dask(stack, "worker", *options) for _ in range(workers)]
        while not note.exists():
            time.sleep(0.01)
        yield Cluster(json.loads(note.read_text("utf-8"))["address"], scheduler, others)


def start_dask(stack: contextlib.ExitStack, kind: str, *options: str) -> psutil.Process:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
    process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    stack.callback(process.kill)
    return psutil.Process(process.pid)


def measure_dask(tiles: int) -> Figures:
    """Measure driver and scheduler of tiles that do nothing."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(open_cluster(WORKERS[-1]))
        engine = stack.enter_context(DaskEngine(Sleep(0.0), cluster.address))
        while engine.capacity < len(cluster.workers):
            time.sleep(0.1)
        collections.deque(run(engine, FEW), 0)
        processes = psutil.Process(), cluster.scheduler
        before = [(cpu_seconds(each), each.memory_info().rss) for each in processes]
        collections.deque(run(engine, tiles), 0)
        after = [(cpu_seconds(each), each.memory_info().rss) for each in processes]
    found: Figures = {"dask_tiles": tiles}
    for name, old, new in zip(("driver", "scheduler"), before, after, strict=True):
        found[f"dask_{name}_seconds"] = (new[0] - old[0]) / tiles
        found[f"dask_{name}_growth_bytes"] = new[1] - old[1]
    return found


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("sleep", "dask"))
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--tiles", type=int, default=100_000)
    options = parser.parse_args()
    if options.part == "sleep":
        found = measure_efficiency(options.tasks, options.seconds)
    else:
        found = measure_dask(options.tiles)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
