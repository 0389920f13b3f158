"""When a request is tried again, how often, and after which wait."""

from __future__ import annotations

import email.utils
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hrdem.errors import ServerError, TransferError
from hrdem.runtime.text import end_sentence

RETRIED_STATUSES = frozenset({408, 425, 429, *range(500, 600)})

_WORTH_A_TRY = 64 << 10  # bytes

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently to try again.

    Attributes:
        attempts: Number of tries in all.
        first_wait: Longest wait before the second try, seconds; doubles with each try.
        longest_wait: Longest wait before any try, seconds.
        longest_retry_after: Longest wait that a server's Retry-After may ask for, seconds.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_retry_after: float = 60.0

    def waits(self) -> Iterator[float]:
        """Yield the wait before each further try: exponential, with jitter."""
        for attempt in range(self.attempts - 1):
            yield self.wait_after(attempt + 1)

    def wait_after(self, failures: int) -> float:
        """Return the wait after so many failures in a row, seconds."""
        most = min(self.longest_wait, self.first_wait * 2.0 ** min(failures - 1, 30))
        return random.uniform(most / 2, most)  # noqa: S311 (jitter)

    def next_wait(self, error: RetryableError, tries: int, failures: int | None = None) -> float:
        """Return the wait before another try, seconds.

        Args:
            error: Failure of the last try.
            tries: Number of tries so far.
            failures: Number of failures in a row, which the wait grows with; `tries` if None.

        Raises:
            TransferError: If there is no other try, and the last one got no response.
            ServerError: If there is no other try, or the server asks for too long a wait.
        """
        if tries >= self.attempts:
            raise error.given_up(f"Tried {self.attempts} times.") from error
        if error.after is None:
            return self.wait_after(tries if failures is None else failures)
        if error.after > self.longest_retry_after:
            raise error.given_up(
                f"It asks to wait {error.after:.0f} s: try again after that."
            ) from error
        return error.after


class RetryableError(Exception):
    """The request failed in a way that another try may mend.

    Attributes:
        status: HTTP status of the answer; None if there was none, or not a whole one.
        after: Seconds that the server asks to wait.
        body: The beginning of what it said.
        met: Whether a connection was made.
    """

    def __init__(
        self,
        said: str,
        status: int | None = None,
        after: float | None = None,
        body: bytes = b"",
        *,
        met: bool = True,
    ) -> None:
        super().__init__(said)
        self.status = status
        self.after = after
        self.body = body
        self.met = met

    def given_up(self, why: str) -> TransferError | ServerError:
        """Return the error to raise when there is no other try."""
        text = f"{end_sentence(str(self))} {why}"
        if self.status is None:
            return TransferError(text)
        return ServerError(text, self.status, self.body)


def retried(
    once: Callable[[], T],
    retries: Retries,
    sleep: Callable[[float], None],
    progress: Callable[[], int] = lambda: 0,
) -> T:
    """Do something until it works, or there is no other try.

    Args:
        once: Does it; raises `RetryableError` if another try may mend what went wrong.
        retries: How often and how patiently to try.
        sleep: Waits that many seconds.
        progress: How many bytes have come so far. A try that brought some begins the count anew.

    Raises:
        TransferError: If the last try failed without an answer.
        ServerError: If the last try was refused, or the server asks to wait for too long.
    """
    tries, before = 0, progress()
    while True:
        try:
            return once()
        except RetryableError as again:
            now = progress()
            if now - before >= _WORTH_A_TRY:
                tries = 0
            before = now
            tries += 1
            wait = retries.next_wait(again, tries)
            log.warning("%s Trying again in %.1f s.", again, wait)
            sleep(wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, when - time.time())
