"""Forks of the process: threads end before one, and a fork while a call runs is refused.

A process that forks while another thread holds a lock, of GDAL, of the allocator or of Python,
leaves it locked in the child for ever. Python's join returns before the thread of the system has
ended (before Python 3.13), while it still takes such locks.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hrdem.errors import HrdemError

_TASKS = Path("/proc/self/task")  # threads of the process, on Linux
MAX_END_SECONDS = 1.0  # for threads to end; one of the system takes less than a millisecond
_STEP_SECONDS = 0.0002


class _State:
    """Calls and threads of this process.

    Attributes:
        calls: Number of calls that are running.
        threads: Threads of pools, until they have ended.
        is_broken: Whether the process was forked while a call was running.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = 0
        self.threads: set[threading.Thread] = set()
        self.is_broken = False


_state = _State()


def check_fork() -> None:
    """Refuse to run in a child of a process in which a call was running.

    Raises:
        HrdemError: If this is one.
    """
    if _state.is_broken:
        raise HrdemError(
            "This process was forked while hrdem was running in its parent: it has inherited locks "
            "without the threads that hold them. Fork before or after a call of hrdem, or start "
            'processes with the method "spawn" or "forkserver" of multiprocessing.'
        )


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Count a call as running."""
    with _state.lock:
        _state.calls += 1
    try:
        yield
    finally:
        with _state.lock:
            _state.calls -= 1


def add_thread() -> None:
    """Add the current thread to those that have to end before a fork."""
    with _state.lock:
        _state.threads.add(threading.current_thread())


def wait_for_threads() -> None:
    """Wait until the system has ended the threads that Python has ended."""
    with _state.lock:
        ended = [thread for thread in _state.threads if not thread.is_alive()]
    deadline = time.monotonic() + MAX_END_SECONDS
    for thread in ended:
        while (_TASKS / str(thread.native_id)).exists() and time.monotonic() < deadline:
            time.sleep(_STEP_SECONDS)
    with _state.lock:
        _state.threads.difference_update(ended)


def _begin_fork() -> None:
    """Wait for threads that outlive their call, such as those that open connections ahead."""
    with _state.lock:
        left = [] if _state.calls else [*_state.threads]
    deadline = time.monotonic() + MAX_END_SECONDS
    for thread in left:
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
    wait_for_threads()


def _begin_child() -> None:
    _state.lock = threading.Lock()
    _state.is_broken = _state.is_broken or bool(_state.calls or _state.threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_begin_fork, after_in_child=_begin_child)
