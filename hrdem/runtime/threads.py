"""Thread pools that do not block an interrupt or an error, and that end with their context."""

from __future__ import annotations

import collections
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from hrdem.runtime.forks import add_thread, wait_for_threads
from hrdem.runtime.gdal_env import pin_thread

T = TypeVar("T")
R = TypeVar("R")

_CTRL_C_SECONDS = 0.25  # after which a wait notices Ctrl-C at the latest
_CANCEL_WAIT_SECONDS = 2.0  # for running tasks whose results are no longer needed


@contextmanager
def thread_pool(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Run a pool of threads for as long as the context lasts, with GDAL's settings pinned.

    If the context ends with an exception, queued tasks are cancelled and running ones are not
    waited for: they may be waiting for a server that has stopped responding.
    """
    pool = ThreadPoolExecutor(count, name, initializer=_begin_thread)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    wait_for_threads()


def _begin_thread() -> None:
    add_thread()
    pin_thread()


def map_in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], max_pending: int
) -> Generator[R]:
    """Yield results in the order of the items, while the next items are being processed.

    Args:
        pool: Thread pool.
        work: Called with each item.
        items: Read lazily.
        max_pending: Maximum number of results that are not yielded yet.
    """
    pending: collections.deque[Future[R]] = collections.deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= max_pending:
                yield _await(pending.popleft())
        while pending:
            yield _await(pending.popleft())
    finally:
        for future in pending:
            future.cancel()
        wait(pending, _CANCEL_WAIT_SECONDS)


def iterate_completed(futures: Iterable[Future[R]]) -> Iterator[Future[R]]:
    """Yield futures as they complete; Ctrl-C ends the wait on every system.

    Python on Windows does not notice Ctrl-C while it waits for a lock, before 3.14:
    https://github.com/python/cpython/issues/125541.
    """
    left = set(futures)
    while left:
        completed, left = wait(left, _CTRL_C_SECONDS, FIRST_COMPLETED)
        yield from completed


def _await(future: Future[R]) -> R:
    """Return the result of a future; Ctrl-C ends the wait on every system."""
    if not future.done():
        for _ in iterate_completed([future]):
            pass
    return future.result()
