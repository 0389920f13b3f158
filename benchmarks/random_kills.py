"""The workers of a job of tiles, started as users do, and killed at random."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ENGINES = ("processes", "dask")
WORKERS = 2
_START_SECONDS = 60.0  # for a scheduler
_WORKER_SHARES = (0.015, 0.04), (0.06, 0.12)  # of the tiles, least and most to the next kill
_MIN_TILES = 4  # between kills of workers, as each new one needs a second to start
# of the runs, least and most; others end
_DRIVER_SHARES = {"kill": (0.3, 0.6), "kill early": (0.05, 0.15), "interrupt": (0.05, 0.15)}
_MAX_EARLY_SECONDS = 5.0


@dataclass(frozen=True)
class Workers:
    """How a command gets its workers.

    Attributes:
        options: Options of the command.
        pool: Process whose children they are; None for the command itself.
    """

    options: tuple[str, ...]
    pool: psutil.Process | None = None

    def find(self, driver: int) -> list[psutil.Process]:
        """Return the worker processes that there are.

        Args:
            driver: Process id of the command.
        """
        found = []
        with contextlib.suppress(psutil.Error):
            for child in (self.pool or psutil.Process(driver)).children():
                with contextlib.suppress(psutil.Error):
                    if any("spawn_main" in argument for argument in child.cmdline()):
                        found.append(child)
        return found


@contextlib.contextmanager
def open_workers(engine: str, folder: Path) -> Iterator[Workers]:
    """Yield the workers of an engine.

    Args:
        engine: ``"processes"``, or ``"dask"`` for a scheduler that runs meanwhile.
        folder: For files of Dask.
    """
    if engine == "processes":
        yield Workers(("--workers", str(WORKERS)))
        return
    address_file = folder / "scheduler.json"
    common = ("--scheduler-file", str(address_file))
    scheduler = _start(
        *("distributed.cli.dask_scheduler", *common, "--host=127.0.0.1", "--port=0"),
        "--no-dashboard",
    )
    pool = _start(
        *("distributed.cli.dask_worker", *common, "--nthreads=1", "--no-dashboard"),
        *(f"--nworkers={WORKERS}", "--preload=benchmarks.short_timeouts"),
        f"--local-directory={folder}",
    )
    try:
        yield Workers(("--scheduler", _read_address(address_file)), psutil.Process(pool.pid))
    finally:
        for process in (pool, scheduler):
            process.terminate()
            process.wait(30)


def _start(module: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", module, *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _read_address(path: Path) -> str:
    from distributed.utils import json_load_robust  # noqa: PLC0415

    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, "the scheduler has not started"
        time.sleep(0.1)
    address: str = json_load_robust(path)["address"]
    return address


@dataclass
class Killer:
    """Kills drivers and workers of a job at random.

    Kills follow tiles that were made, so that a slow machine has as many of them. How often which
    of them are killed is drawn once.

    Attributes:
        workers: Where workers are.
        tiles: Number of tiles of the job.
        chance: Decides.
        times: When a process was killed, as of `time.monotonic`.
        killed_workers: Number of killed workers.
    """

    workers: Workers
    tiles: int
    chance: random.Random
    times: list[float] = field(default_factory=list)
    killed_workers: int = 0

    def __post_init__(self) -> None:
        self._worker_shares = [self.chance.uniform(*bounds) for bounds in _WORKER_SHARES]
        shares = {plan: self.chance.uniform(*most) for plan, most in _DRIVER_SHARES.items()}
        self._plans = {**shares, "": 1 - sum(shares.values())}
        self._next_worker = self._draw(*self._worker_shares)
        self._plan, self._next_driver = "", 0

    def begin_run(self, made: int, *, calm: bool) -> None:
        """Decide how the next run ends.

        Args:
            made: Number of tiles that were made before.
            calm: Whether nothing is killed.
        """
        self._plan = self.chance.choices(list(self._plans), list(self._plans.values()))[0]
        self._next_driver = made + self._draw(0.03, 0.15)
        self._early = self.chance.uniform(0.3, _MAX_EARLY_SECONDS)
        self._calm = calm

    def step(self, driver: subprocess.Popen[bytes], made: int, seconds: float) -> None:
        """Kill what is to be killed now.

        Args:
            driver: The command.
            made: Number of tiles that have been made.
            seconds: Since the command began.
        """
        if self._calm:
            return
        if made >= self._next_worker and (workers := self.workers.find(driver.pid)):
            self._next_worker = made + self._draw(*self._worker_shares)
            time.sleep(self.chance.uniform(0, 0.3))
            with contextlib.suppress(psutil.Error):
                self.chance.choice(workers).kill()
                self.killed_workers += 1
                self.times.append(time.monotonic())
        is_early = self._plan == "kill early" and seconds > self._early
        if is_early or (made >= self._next_driver and self._plan in ("kill", "interrupt")):
            time.sleep(self.chance.uniform(0, 0.3))
            self.times.append(time.monotonic())
            driver.send_signal(signal.SIGINT if self._plan == "interrupt" else signal.SIGKILL)
            self._plan = ""

    def _draw(self, least: float, most: float) -> int:
        """Return a number of tiles, given as shares of the job's."""
        return max(_MIN_TILES, round(self.tiles * self.chance.uniform(least, most)))
