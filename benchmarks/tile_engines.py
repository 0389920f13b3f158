"""Measure what engines add to the work of a job's tiles.

    python -m benchmarks.tile_engines sleep [--tasks 48] [--seconds 0.5]
    python -m benchmarks.tile_engines dask [--tiles 100000] [--workers 2]

The first prints the efficiency of 1, 2 and 4 workers whose tiles sleep, starts of workers included:
over the time without any overhead, and over that of one worker. The second runs
tiles that do nothing on Dask's LocalCluster, and prints the processor time of a tile in the driver
with its scheduler, and in the workers, and the memory of the driver.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from hrdem.runtime.memory import measure_baseline
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.dask import DaskEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.task import MakeTile, TileOutcome, TileTask

WORKERS = (1, 2, 4)
STEPS = (100, 1_000, 10_000, 100_000)  # numbers of tiles at which memory is printed


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


def measure_efficiency(tasks: int, seconds: float) -> None:
    print("engine     workers  seconds  efficiency  to one")
    work = Sleep(seconds)
    for name in ("processes", "Dask"):
        alone = 0.0
        for workers in WORKERS:
            with contextlib.ExitStack() as stack:
                if name == "processes":
                    engine: Engine = ProcessEngine(work, workers)
                else:
                    cluster = stack.enter_context(open_cluster(workers))
                    engine = DaskEngine(work, cluster.scheduler_address)
                began = time.monotonic()
                stack.enter_context(engine)
                for _ in run(engine, tasks):
                    pass
                took = time.monotonic() - began
            alone = alone or took
            efficiency, relative = tasks * seconds / workers / took, alone / workers / took
            print(f"{name:<10} {workers:7}  {took:7.2f}  {efficiency:10.3f}  {relative:6.3f}")


def open_cluster(workers: int) -> Any:
    from distributed import LocalCluster  # noqa: PLC0415 (spawned workers import this module too)

    return LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )


def measure_dask(tiles: int, workers: int) -> None:
    driver = psutil.Process()
    print("tiles    driver: CPU ms a tile, MB   workers: CPU ms a tile")
    with (
        open_cluster(workers) as cluster,
        DaskEngine(Sleep(0.0), cluster.scheduler_address) as engine,
    ):
        processes = [psutil.Process(each.pid) for each in cluster.workers.values()]
        before = cpu_seconds(driver), sum(map(cpu_seconds, processes))
        for count in run(engine, tiles):
            if count in STEPS or count == tiles:
                used = cpu_seconds(driver), sum(map(cpu_seconds, processes))
                own, others = (1000 * (a - b) / count for a, b in zip(used, before, strict=True))
                memory = measure_baseline() / 1e6
                print(f"{count:<8} {own:21.2f} {memory:5.0f} {others:22.2f}", flush=True)


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    sleep = commands.add_parser("sleep")
    sleep.add_argument("--tasks", type=int, default=48)
    sleep.add_argument("--seconds", type=float, default=0.5)
    dask = commands.add_parser("dask")
    dask.add_argument("--tiles", type=int, default=100_000)
    dask.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.command == "sleep":
        measure_efficiency(options.tasks, options.seconds)
    else:
        measure_dask(options.tiles, options.workers)


if __name__ == "__main__":
    main()
