"""Retries: which failures, how often, and after which wait."""

from __future__ import annotations

import email.utils
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hrdem.errors import NetworkError, ServerError, TransferError
from hrdem.runtime.text import end_sentence

RETRIED_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
THROTTLING_STATUSES = frozenset({429, 503})  # the server wants fewer requests

_MIN_PROGRESS_BYTES = 64 << 10  # of an attempt that resets the count

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to try, and how long to wait between attempts.

    Attributes:
        attempts: Number of attempts in all.
        first_wait: Maximum wait before the second attempt, seconds; doubles with each attempt.
        max_wait: Maximum wait before any attempt, seconds.
        max_retry_after: Maximum Retry-After that is honoured, seconds.
    """

    attempts: int = 5
    first_wait: float = 0.5
    max_wait: float = 30.0
    max_retry_after: float = 60.0

    def waits(self) -> Iterator[float]:
        """Yield the wait before each further attempt: exponential, with jitter."""
        for attempt in range(self.attempts - 1):
            yield self.wait_after(attempt + 1)

    def wait_after(self, failures: int) -> float:
        """Return the wait after a number of consecutive failures, seconds."""
        longest = min(self.max_wait, self.first_wait * 2.0 ** min(failures - 1, 30))
        return random.uniform(longest / 2, longest)  # noqa: S311 (jitter)

    def next_wait(self, error: RetryableError, tries: int, failures: int | None = None) -> float:
        """Return the wait before another try, seconds.

        Args:
            error: Failure of the last try.
            tries: Number of tries so far.
            failures: Number of failures in a row, which the wait grows with; `tries` if None.

        Raises:
            NetworkError: The error's own, if there is no other try, or the server requests too long
                a wait.
        """
        if tries >= self.attempts:
            raise error.final_error(f"Tried {self.attempts} times.") from error
        if error.after is None:
            return self.wait_after(tries if failures is None else failures)
        if error.after > self.max_retry_after:
            raise error.final_error(
                f"It requests a wait of {error.after:.0f} s: try again after that."
            ) from error
        return error.after


class RetryableError(Exception):
    """A request failed in a way that another attempt may fix.

    Attributes:
        status: HTTP status; None without a complete response.
        after: Retry-After of the server, seconds; None if there is none.
        body: Beginning of the response body.
        connected: Whether a connection was made.
        kind: Class of the error that ends the run if this failure lasts; None for `ServerError`
            with a status, `TransferError` without.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        after: float | None = None,
        body: bytes = b"",
        *,
        connected: bool = True,
        kind: type[NetworkError] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.after = after
        self.body = body
        self.connected = connected
        self.kind = kind

    def final_error(self, why: str = "") -> NetworkError:
        """Return the error to raise when there is no further attempt."""
        text = f"{end_sentence(str(self))} {why}".rstrip()
        kind = self.kind or (TransferError if self.status is None else ServerError)
        return kind(text, self.status or 0, self.body) if kind is ServerError else kind(text)


def run_with_retries(
    attempt: Callable[[], T],
    retries: Retries,
    sleep: Callable[[float], None],
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """Call a function until it succeeds or the attempts are used up.

    Args:
        attempt: Raises `RetryableError` if another attempt may succeed.
        retries: How often to try, and how long to wait.
        sleep: Waits a number of seconds.
        progress: Returns the bytes received so far. An attempt that brings 64 kB resets the count.

    Raises:
        NetworkError: As `Retries.next_wait` does.
    """
    tries, before = 0, progress()
    while True:
        try:
            return attempt()
        except RetryableError as error:
            now = progress()
            if now - before >= _MIN_PROGRESS_BYTES:
                tries = 0
            before = now
            tries += 1
            wait = retries.next_wait(error, tries)
            log.warning("%s Trying again in %.1f s.", error, wait)
            sleep(wait)


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); None without a valid one."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, when - time.time())
