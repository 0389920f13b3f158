"""How long to try a WCS that has not returned one chunk."""

from __future__ import annotations

import time

MAX_FRUITLESS_SECONDS = 60.0  # all tries of all chunks and their waits included
_MAX_FAILURES = 3  # times the longest failure, if that takes longer: halves need their time
_MAX_STALLED_LIMITS = 3  # server time limits spent on requests, by all threads together


class FirstChunkDeadline:
    """Decides when to give up a server from which no chunk has arrived.

    Args:
        limit: Time limit of the server, seconds.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._begun: float | None = None
        self._slowest = self._stalled = 0.0
        self._any_received = False

    @property
    def elapsed(self) -> float:
        """Seconds since the first request."""
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def begin(self) -> None:
        """Record that a request is sent."""
        if self._begun is None:
            self._begun = time.monotonic()

    def record_success(self) -> None:
        """Record that a chunk arrived: the server works, and each chunk has its own tries."""
        self._any_received = True

    def record_failure(self, seconds: float) -> None:
        """Record that a request failed after some seconds."""
        self._slowest = max(self._slowest, seconds)
        self._stalled += seconds

    def is_over(self, wait: float) -> bool:
        """Whether no chunk ever arrived, and a try after a wait, in seconds, would be too late."""
        if self._any_received:
            return False
        longest = max(MAX_FRUITLESS_SECONDS, _MAX_FAILURES * self._slowest)
        return self.elapsed + wait > longest or self._stalled > _MAX_STALLED_LIMITS * self._limit
