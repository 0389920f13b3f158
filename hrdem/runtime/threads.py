"""Pools of threads that an interrupt or an error does not wait for."""

from __future__ import annotations

import collections
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_LAST_WAIT = 2.0  # seconds that what is under way is given when its results are not wanted any more


@contextmanager
def thread_pool(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Run a pool of threads for as long as the context lasts.

    When the context ends by an exception, what has not begun is given up and what runs is not
    waited for: it may be waiting for a server that has gone silent.
    """
    pool = ThreadPoolExecutor(count, name)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def map_in_order(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], most: int
) -> Generator[R]:
    """Yield the results of work on items in their order, while the next ones are under way.

    Args:
        pool: What does the work.
        work: Called with each item.
        items: Taken as far as they are begun.
        most: How many may be under way or wait to be taken.
    """
    coming: collections.deque[Future[R]] = collections.deque()
    try:
        for item in items:
            coming.append(pool.submit(work, item))
            if len(coming) >= most:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        for future in coming:
            future.cancel()
        wait(coming, _LAST_WAIT)
