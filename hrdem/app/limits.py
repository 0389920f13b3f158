"""How much may be computed at the same time, and how much may wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from hrdem.app.problems import RefusedError

T = TypeVar("T")


@dataclass(slots=True)
class _Queue:
    """What one browser has in a lane."""

    turns: anyio.Semaphore
    count: int = 0


@dataclass(slots=True)
class Lane:
    """Runs functions in threads, a few at a time, and fewer of one browser.

    Attributes:
        width: Functions that run at the same time.
        width_of_one: Those of one browser.
        most: Functions that run or wait; more are refused.
        most_of_one: Those of one browser.
    """

    width: int
    width_of_one: int
    most: int
    most_of_one: int
    _turns: anyio.Semaphore = field(init=False)
    _queues: dict[str, _Queue] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        """Make the turns."""
        self._turns = anyio.Semaphore(self.width)

    async def run(self, request: Request, function: Callable[[], T]) -> T:
        """Run a function in a thread, if the page still waits for it when its turn comes.

        Args:
            request: The request that it is for.
            function: The function.

        Raises:
            RefusedError: If too many wait, or the page has gone on.
        """
        owner = request.state.owner or ""
        queue = self._queues.setdefault(owner, _Queue(anyio.Semaphore(self.width_of_one)))
        if self._count >= self.most or queue.count >= self.most_of_one:
            raise RefusedError(
                429,
                "Busy",
                "The server is busy. Try again in a second.",
                headers={"retry-after": "1"},
            )
        self._count += 1
        queue.count += 1
        try:
            async with queue.turns, self._turns:
                if await request.is_disconnected():
                    raise RefusedError(503, "Gone", "Nobody waits for this any more.")
                return await anyio.to_thread.run_sync(function)
        finally:
            self._count -= 1
            queue.count -= 1
            if not queue.count:
                del self._queues[owner]
