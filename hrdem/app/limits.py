"""How much may be computed at the same time, and how much may wait for it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from hrdem.app.problems import RefusedError

T = TypeVar("T")


class Lane:
    """Runs functions in threads, a few at a time.

    Args:
        width: Functions that run at the same time.
        most: Functions that run or wait; more are refused.
    """

    def __init__(self, width: int, most: int) -> None:
        self._limiter = anyio.CapacityLimiter(width)
        self._most = most
        self._count = 0

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function in a thread.

        Raises:
            RefusedError: If too many wait.
        """
        async with self.hold():
            return await anyio.to_thread.run_sync(function, limiter=self._limiter)

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Count as one that waits.

        Raises:
            RefusedError: If too many wait.
        """
        if self._count >= self._most:
            raise RefusedError(
                429,
                "Busy",
                "The server is busy. Try again in a second.",
                headers={"retry-after": "1"},
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
