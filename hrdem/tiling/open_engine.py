"""Choose the engine of a run: a Dask scheduler, processes of this machine, or this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrdem.errors import RequestError
from hrdem.runtime.processors import count_processors
from hrdem.tiling.engines.dask import DaskEngine
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.task import Work

if TYPE_CHECKING:
    from distributed import Client


def open_engine(
    work: Work,
    *,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    connections: int,
) -> Engine:
    """Return an engine, which is a context manager.

    Args:
        work: What to do with tiles.
        workers: Number of processes on this machine; None for one a processor that this process
            may use, and 0 to make tiles in this process. Those without a connection are left out.
        scheduler: Address of a Dask scheduler or a client of one, in place of processes.
        connections: Connections of all workers together.

    Raises:
        RequestError: If both workers and a scheduler are given, or the number is negative.
        MissingLibraryError: If a scheduler is given, and distributed is not installed.
    """
    check_workers(workers, scheduler)
    if scheduler is not None:
        return DaskEngine(work, scheduler)
    if workers is None:
        workers = count_processors()
    if workers == 0:
        return InProcessEngine(work)
    return ProcessEngine(work, min(workers, connections))


def check_workers(workers: int | None, scheduler: str | Client | None) -> None:
    """Check who is to make tiles.

    Raises:
        RequestError: If both workers and a scheduler are given, or the number is negative.
    """
    if scheduler is not None and workers is not None:
        raise RequestError(
            "`workers` are processes of this machine, and `scheduler` has workers of its own. "
            "Give one of the two."
        )
    if workers is not None and workers < 0:
        raise RequestError(
            f"{workers} `workers` were requested: give 1 or more, or 0 to make tiles in this "
            "process."
        )
