"""An engine without workers: tiles are made in this process, one after the other."""

from __future__ import annotations

import contextlib
from typing import Self

from hrdem.tiling.task import MakeTile, Report, TileTask, Work


class InProcessEngine:
    """Makes tiles in this process (see `hrdem.tiling.engines.protocol.Engine`).

    Args:
        work: What to do with tiles.
    """

    capacity = 1
    keeps_connections = True

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stack = contextlib.ExitStack()
        self._make: MakeTile | None = None
        self._task: TileTask | None = None

    def __enter__(self) -> Self:
        self._make = self._stack.enter_context(self._work.open())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def submit(self, task: TileTask) -> None:
        """Take a task; `wait` makes its tile."""
        self._task = task

    def wait(self, seconds: float) -> list[Report]:
        """Make the tile of the task; there is no waiting."""
        task, self._task = self._task, None
        assert self._make is not None
        return [] if task is None else [self._make(task)]
