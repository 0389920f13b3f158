"""How much may be computed at the same time, and how much may wait for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
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
    _scopes: set[anyio.CancelScope] = field(default_factory=set)
    _is_closed: bool = False

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
        async with self.turn(request):
            if self._is_closed or await request.is_disconnected():
                raise RefusedError(503, "Gone", "Nobody waits for this any more.")
            with anyio.CancelScope() as scope:
                self._scopes.add(scope)
                try:
                    return await anyio.to_thread.run_sync(function, abandon_on_cancel=True)
                finally:
                    self._scopes.discard(scope)
        raise RefusedError(503, "Stopping", "The server stops. Try again when it is back.")

    def close(self) -> None:
        """Give up what runs or waits, for a server that stops: a service may be silent."""
        self._is_closed = True
        for scope in self._scopes:
            scope.cancel()

    @contextlib.asynccontextmanager
    async def turn(self, request: Request) -> AsyncIterator[None]:
        """Wait for a turn, and have it in the context.

        Raises:
            RefusedError: If too many wait.
        """
        owner = request.state.owner or ""
        queue = self._queues.get(owner) or _Queue(anyio.Semaphore(self.width_of_one))
        if self._count >= self.most or queue.count >= self.most_of_one:
            raise RefusedError(
                429,
                "Busy",
                "The server is busy. Try again in a second.",
                headers={"retry-after": "1"},
            )
        self._queues[owner] = queue
        self._count += 1
        queue.count += 1
        try:
            async with queue.turns, self._turns:
                yield
        finally:
            self._count -= 1
            queue.count -= 1
            if not queue.count:
                del self._queues[owner]
