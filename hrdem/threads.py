"""Pools of threads that an interrupt or an error does not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
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
