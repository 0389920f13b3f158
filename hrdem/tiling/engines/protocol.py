"""The protocol of engines, which run the tasks of a job in workers."""

from __future__ import annotations

from typing import Protocol, Self

from hrdem.tiling.task import Report, TileTask


class Engine(Protocol):
    """Runs tasks in workers, each of which makes one tile at a time; a context manager.

    If the context ends with an exception, tiles in progress are given up.
    """

    @property
    def capacity(self) -> int:
        """Number of workers, which may change meanwhile."""
        ...

    @property
    def keeps_connections(self) -> bool:
        """Whether a worker may keep its connections open from one tile to the next."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def submit(self, task: TileTask) -> None:
        """Begin a task; at most `capacity` may be in progress."""
        ...

    def wait(self, seconds: float) -> list[Report]:
        """Return the reports of tasks that have ended, after so many seconds at the latest.

        A worker that was killed is replaced; its task has failed.

        Raises:
            HrdemError: If no task can be run any more.
        """
        ...
