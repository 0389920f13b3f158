"""An engine of processes on this machine: a worker that is killed is replaced."""

from __future__ import annotations

import collections
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Self

from hrdem.errors import ExitCode, HrdemError
from hrdem.runtime.signals import (
    delay_signals,
    end_with_parent,
    ignore_keyboard,
    start_resource_tracker,
)
from hrdem.tiling.task import MakeTile, Report, TileFailure, TileTask, Work

MAX_FAILED_STARTS = 3  # in a row
_CTRL_C_SECONDS = 0.25  # after which a wait notices Ctrl-C at the latest, on Windows
_END_SECONDS = 10.0  # for a worker to close its cache
_INTERRUPT_SECONDS = 2.0  # for a worker to remove its unfinished files

_spawn = multiprocessing.get_context("spawn")  # a fork would inherit locks of threads

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """A process, and the task that it has."""

    process: SpawnProcess
    connection: Any  # a Connection, or on Windows a PipeConnection
    task: TileTask | None
    is_open: bool = False  # whether it has begun its work


class ProcessEngine:
    """Makes tiles in processes of this machine (see `hrdem.tiling.engines.protocol.Engine`).

    Processes are spawned when there is a task for them. They end when this process does, however
    that ends.

    Args:
        work: What to do with tiles.
        workers: Number of processes.
    """

    keeps_connections = True

    def __init__(self, work: Work, workers: int) -> None:
        self.capacity = workers
        self._work = work
        self._workers: list[_Worker] = []
        self._ended: collections.deque[Report] = collections.deque()
        self._failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        kind = error[0]
        for worker in self._workers:
            if kind is None:
                worker.connection.close()  # ends it
            else:
                worker.process.terminate()
        deadline = time.monotonic() + (_END_SECONDS if kind is None else _INTERRUPT_SECONDS)
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()

    def submit(self, task: TileTask) -> None:
        """Begin a task in an idle process, or in a new one."""
        worker = next((each for each in self._workers if each.task is None), None)
        if worker is None:
            worker = self._start()
        worker.task = task
        with contextlib.suppress(OSError):  # it has died: `wait` finds that
            worker.connection.send(task)

    def wait(self, seconds: float) -> list[Report]:
        """Return the reports of tasks that have ended, after so many seconds at the latest."""
        deadline = time.monotonic() + seconds
        reports: list[Report] = []
        while not reports and (left := deadline - time.monotonic()) > 0:
            connections: dict[Any, _Worker] = {each.connection: each for each in self._workers}
            for connection in wait(list(connections), min(left, _CTRL_C_SECONDS)):
                reports += self._receive(connections[connection])
        return reports

    def _start(self) -> _Worker:
        ours, theirs = _spawn.Pipe()
        process = _spawn.Process(
            target=serve, args=(theirs, self._work), name="hrdem-worker", daemon=True
        )
        start_resource_tracker()
        with delay_signals():  # a process that is half started prints how it failed
            process.start()
            self._workers.append(_Worker(process, ours, None))
        theirs.close()  # so that reading from it ends when the process does
        return self._workers[-1]

    def _receive(self, worker: _Worker) -> Iterator[Report]:
        """Yield the report that a process sends; if it has died, that its task failed."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker)
            return
        match message:
            case _Opened():
                worker.is_open = True
                self._failed_starts = 0
            case _Logged(level, text):
                name = worker.task.name if worker.task else "worker"
                log.log(level, "%s: %s", name, text)
            case HrdemError():
                raise message
            case _:
                worker.task = None
                yield message

    def _bury(self, worker: _Worker) -> Iterator[Report]:
        """Forget a process that has died; yield that its task failed."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        if not worker.is_open:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise HrdemError(
                    f"{self._failed_starts} worker processes in a row ended {how} before they had "
                    'begun. A script that starts them needs `if __name__ == "__main__":` around '
                    "its calls, as for the processes of multiprocessing."
                )
        if worker.task is not None:
            yield TileFailure(
                worker.task.name,
                "WorkerKilled",
                f"The worker process was ended {how}. If the system has no memory left, give fewer "
                "`workers`.",
            )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A worker has begun its work."""


@dataclass(frozen=True, slots=True)
class _Logged:
    """A message that a worker logged."""

    level: int
    text: str


class _Channel(logging.Handler):
    """Sends messages to the driver, from several threads; its log shows warnings as information.

    A tile that fails is reported with its reason, and one that was tried again is no problem.
    """

    def __init__(self, connection: Any) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message."""
        with self._sending:
            self._connection.send(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a logged message."""
        with contextlib.suppress(OSError):
            self.send(_Logged(logging.INFO, record.getMessage()))


def serve(connection: Any, work: Work) -> None:
    """Make tiles until the driver closes the connection, or ends; run in a process of its own.

    Args:
        connection: To the driver, an end of a pipe of `multiprocessing`.
        work: What to do with tiles.
    """
    ignore_keyboard()
    signal.signal(signal.SIGTERM, _interrupt)
    end_with_parent(ExitCode.INTERRUPTED)  # another run would exceed the connections with it
    channel = _Channel(connection)
    logger = logging.getLogger("hrdem")
    logger.addHandler(channel)
    logger.propagate = False
    try:
        _make_tiles(connection, work, channel)
    except (EOFError, OSError):  # the driver needs it no more
        return
    except KeyboardInterrupt:
        os._exit(ExitCode.INTERRUPTED)  # do not wait for threads that read from a silent server


def _make_tiles(connection: Any, work: Work, channel: _Channel) -> None:
    try:
        with contextlib.ExitStack() as stack:
            make = _open(work, stack)
            channel.send(_Opened())
            while True:
                channel.send(make(connection.recv()))
    except HrdemError as exc:
        channel.send(exc)


def _open(work: Work, stack: contextlib.ExitStack) -> MakeTile:
    try:
        return stack.enter_context(work.open())
    except HrdemError:  # some are OSErrors too
        raise
    except OSError as exc:
        raise HrdemError(f"A worker process cannot begin: {exc}.") from exc


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
