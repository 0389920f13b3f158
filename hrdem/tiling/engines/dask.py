"""An engine on a Dask scheduler: a cluster of any kind, by its client or its address.

Tasks are submitted as workers become free, so that neither scheduler nor driver holds more of them
than there are workers. A task is the name of a tile and the address of its job.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from hrdem.errors import HrdemError, MissingLibraryError, RequestError
from hrdem.tiling.task import MakeTile, Report, TileFailure, TileTask, Work

if TYPE_CHECKING:
    from distributed import Client, Future

_WORKERS_AGE_SECONDS = 2.0  # after which the scheduler's workers are counted again
_POLL_SECONDS = 0.01
_WATCH_SECONDS = 0.2  # after which a worker looks whether its tile is still wanted
CONNECT_SECONDS = 30.0
MAX_EVENT_BYTES = 16_384  # the scheduler keeps the last 1,000 or more events of a topic

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
        RequestError: If the client is asynchronous.
    """

    keeps_connections = False  # which worker gets the next tile is the scheduler's choice

    def __init__(self, work: Work, scheduler: str | Client) -> None:
        try:
            import cloudpickle  # noqa: PLC0415 (as distributed, which has it)
            import distributed  # noqa: PLC0415 (optional)
        except ModuleNotFoundError as exc:
            raise MissingLibraryError(
                "A Dask scheduler needs distributed, which is not installed: pip install "
                "'hrdem[dask]'. `workers` and `part` work without it.",
                name=exc.name,
            ) from exc
        if not isinstance(scheduler, str) and scheduler.asynchronous:
            raise RequestError(
                "The client of Dask is an asynchronous one. Give one that is not, or the address "
                "of the scheduler."
            )
        self._packed_work: bytes = cloudpickle.dumps(work)
        self._scheduler = scheduler
        self._distributed: Any = distributed
        self._stack = contextlib.ExitStack()
        self._topic = f"hrdem-{uuid.uuid4().hex[:12]}"
        self._futures: dict[str, Future] = {}
        self._packed_reports: dict[str, bytes] = {}
        self._capacity, self._asked, self._has_warned = 0, 0.0, False

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
        self._client.subscribe_topic(self._topic, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        if self._client.status == "running":  # otherwise no scheduler would learn of it
            self._client.unsubscribe_topic(self._topic)
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
            if not self._capacity and not self._has_warned:
                self._has_warned = True
                log.warning("The Dask scheduler has no workers yet. Tiles begin when it has some.")
        return self._capacity

    def submit(self, task: TileTask) -> None:
        """Submit a task to the scheduler, which chooses the worker."""
        self._futures[task.name] = self._client.submit(
            run_task,
            self._packed_work,
            task.name,
            task.connections,
            self._topic,
            key=f"hrdem-{self._topic}-{task.name}-{time.monotonic_ns()}",
            pure=False,
        )

    def wait(self, seconds: float) -> list[Report]:
        """Return the reports of tasks that have ended, after so many seconds at the latest."""
        until = time.monotonic() + seconds
        while not (ended := [name for name, each in self._futures.items() if each.done()]):
            if time.monotonic() > until:
                self._check_connected()
                return []
            time.sleep(_POLL_SECONDS)
        reports = []
        for name in ended:
            future, packed = self._futures.pop(name), self._packed_reports.pop(name, None)
            if packed is None and future.status == "finished":
                packed = future.result()
            report = _describe_lost(name, future) if packed is None else pickle.loads(packed)  # noqa: S301 (of our own worker)
            if isinstance(report, HrdemError):
                raise report
            reports.append(report)
        return reports

    def _receive(self, event: tuple[float, tuple[str, bytes]]) -> None:
        """Receive a report, which comes before Dask says that its task has ended."""
        _, (name, packed) = event
        self._packed_reports[name] = packed

    def _check_connected(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise HrdemError(
                "The Dask scheduler does not answer any more. Run the same command again once it "
                "does: finished tiles are kept."
            )


def _describe_lost(name: str, future: Future) -> TileFailure:
    """Describe what became of a task that has not reported: Dask lost it, or its worker."""
    error = future.exception() if future.status == "error" else None
    why = f"{type(error).__name__}: {error}" if error else future.status
    return TileFailure(name, "DaskError", f"Dask lost the tile or its worker ({why}).")


class _Process:
    """The work that this worker process has opened, and its turn."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.key = ""
        self.stack = contextlib.ExitStack()
        self.make: MakeTile | None = None

    def run(self, work: Work, task: TileTask, is_wanted: Callable[[], bool]) -> Report | HrdemError:
        """Run a task; return the error if the work cannot be opened.

        When the task is wanted no more, the work is closed, so that reading ends.
        """
        if self.key != work.key or self.make is None:
            self.stack.close()
            self.key, self.make = work.key, None
            try:
                self.make = self.stack.enter_context(work.open())
            except HrdemError as exc:
                return exc
        has_ended = threading.Event()
        watcher = threading.Thread(
            target=self._close_unwanted, args=(is_wanted, has_ended), daemon=True
        )
        watcher.start()
        try:
            return self.make(task)
        finally:
            has_ended.set()
            watcher.join()

    def _close_unwanted(self, is_wanted: Callable[[], bool], has_ended: threading.Event) -> None:
        while not has_ended.wait(_WATCH_SECONDS):
            if not is_wanted():
                self.make = None
                self.stack.close()
                return


_process = _Process()


def run_task(packed_work: bytes, name: str, connections: int, topic: str) -> bytes | None:
    """Run a task in a worker process of Dask, which opens the work once; report by an event.

    It ends early if its driver goes away: the next driver may use as many connections.

    The result of a Dask task would take the driver and the scheduler two more requests, as much
    time as all else. Only large reports are returned in this way.

    Args:
        packed_work: What to do with tiles, pickled.
        name: Name of the tile.
        connections: Maximum number of connections to make it with.
        topic: Topic of the event.

    Returns:
        The report, pickled, if it is too large for an event.
    """
    from distributed import get_worker  # noqa: PLC0415 (optional)

    worker: Any = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    work: Work = pickle.loads(packed_work)  # noqa: S301 (of our own driver)
    with _process.turn:
        if not is_wanted():
            return None
        task = TileTask(name, connections, keeps_connections=False)
        report = _process.run(work, task, is_wanted)
    packed = pickle.dumps(report)
    if len(packed) > MAX_EVENT_BYTES:
        return packed
    worker.log_event(topic, (name, packed))
    return None
