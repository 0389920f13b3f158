"""An engine on a Dask scheduler: a cluster of any kind, by its client or its address.

Tasks are submitted as workers become free, so that neither scheduler nor driver holds more of them
than there are workers. A task is the name of a tile and the address of its job.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from hrdem.errors import HrdemError, MissingLibraryError
from hrdem.tiling.task import MakeTile, Report, TileFailure, TileTask, Work

if TYPE_CHECKING:
    from distributed import Client, Future

_WORKERS_AGE_SECONDS = 2.0  # after which the scheduler is asked for its workers again
CONNECT_SECONDS = 30.0

log = logging.getLogger(__name__)


class DaskEngine:
    """Makes tiles on a Dask scheduler (see `hrdem.tiling.engines.protocol.Engine`).

    Each worker process makes one tile at a time, whatever its number of threads. Workers may come
    and go.

    Args:
        work: What to do with tiles.
        scheduler: Address of the scheduler, or a client that is connected and left open.

    Raises:
        MissingLibraryError: If distributed is not installed.
    """

    keeps_connections = False  # which worker gets the next tile is the scheduler's choice

    def __init__(self, work: Work, scheduler: str | Client) -> None:
        try:
            import distributed  # noqa: PLC0415 (optional)
        except ModuleNotFoundError as exc:
            raise MissingLibraryError(
                "A Dask scheduler needs distributed, which is not installed: pip install "
                "'hrdem[dask]'. `workers` and `part` work without it.",
                name=exc.name,
            ) from exc
        self._work = work
        self._scheduler = scheduler
        self._distributed: Any = distributed
        self._stack = contextlib.ExitStack()
        self._futures: dict[str, Future] = {}
        self._ended: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
        self._capacity, self._asked = 0, 0.0

    def __enter__(self) -> Self:
        self._client: Any = self._scheduler
        if isinstance(self._scheduler, str):
            try:
                self._client = self._stack.enter_context(
                    self._distributed.Client(
                        self._scheduler, timeout=CONNECT_SECONDS, set_as_default=False
                    )
                )
            except (OSError, ValueError) as exc:
                raise HrdemError(
                    f"No Dask scheduler answers at {self._scheduler} ({exc}). Check the address "
                    "that it printed when it started, such as tcp://host:8786."
                ) from exc
        return self

    def __exit__(self, *error: object) -> None:
        if self._futures:
            self._client.cancel(list(self._futures.values()))
        self._stack.close()

    @property
    def capacity(self) -> int:
        """Number of worker processes of the scheduler."""
        if time.monotonic() - self._asked > _WORKERS_AGE_SECONDS:
            self._check_connected()
            self._capacity = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._asked = time.monotonic()
        return self._capacity

    def submit(self, task: TileTask) -> None:
        """Submit a task to the scheduler, which chooses the worker."""
        future = self._client.submit(
            run_task, self._work, task, key=f"hrdem-{task.name}-{time.monotonic_ns()}", pure=False
        )
        self._futures[task.name] = future
        future.add_done_callback(functools.partial(self._put, task.name))

    def wait(self, seconds: float) -> list[Report]:
        """Return the reports of tasks that have ended, after so many seconds at the latest."""
        try:
            name, future = self._ended.get(timeout=seconds)
        except queue.Empty:
            self._check_connected()
            return []
        del self._futures[name]
        return [self._get_report(name, future)]

    def _put(self, name: str, future: Future) -> None:
        self._ended.put((name, future))

    def _get_report(self, name: str, future: Future) -> Report:
        try:
            report: Report | HrdemError = future.result()
        except Exception as exc:  # noqa: BLE001 (of Dask: killed workers, lost results)
            return TileFailure(
                name, type(exc).__name__, f"Dask lost the tile ({type(exc).__name__}: {exc})."
            )
        if isinstance(report, HrdemError):
            raise report
        return report

    def _check_connected(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise HrdemError(
                "The Dask scheduler does not answer any more. Run the same command again once it "
                "does: finished tiles are kept."
            )


class _Process:
    """The work that this worker process has opened, and its turn."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.key = ""
        self.stack = contextlib.ExitStack()
        self.make: MakeTile | None = None


_process = _Process()


def run_task(work: Work, task: TileTask) -> Report | HrdemError:
    """Run a task in a worker process of Dask, which opens the work once.

    Args:
        work: What to do with tiles.
        task: The task.

    Returns:
        The report; the error if the work cannot be opened.
    """
    with _process.turn:
        if _process.key != work.key or _process.make is None:
            _process.stack.close()
            _process.key, _process.make = work.key, None
            try:
                _process.make = _process.stack.enter_context(work.open())
            except HrdemError as exc:
                return exc
        return _process.make(task)
