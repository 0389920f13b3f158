"""File locks between processes; the system releases them when a process ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

fcntl: Any
windows_locks: Any
try:
    import fcntl

    windows_locks = None
except ImportError:
    from hrdem.runtime import windows_locks

_POLL_SECONDS = 0.01
_MAX_REPLACED = 5  # times that the file was replaced, if there is no time to wait

_Locked = tuple[tuple[int, int], ...] | None  # bytes on Windows; None if another process holds it


class FileLock:
    """A lock, released when it is closed; use it as a context manager."""

    def __init__(self, descriptor: int, locked: _Locked = ()) -> None:
        self._descriptor = descriptor
        self._locked = locked

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if os is not None:  # modules are None when Python ends; the system closes files then
            self.close()

    def close(self) -> None:
        """Release the lock; it may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if windows_locks is not None:
            with contextlib.suppress(OSError):
                windows_locks.unlock(descriptor, self._locked)
        os.close(descriptor)


def acquire_lock(path: Path, *, shared: bool = False, wait: float = 0.0) -> FileLock | None:
    """Lock a file, which is created if it does not exist.

    Args:
        path: The file; its folder has to exist.
        shared: Whether other shared locks are allowed.
        wait: Maximum seconds to wait for other processes to release it.

    Returns:
        The lock; None if other processes hold it, or keep replacing the file.

    Raises:
        OSError: If the file cannot be created or opened, or the file system has no locks.
    """
    until = time.monotonic() + wait
    for attempt in itertools.count(1):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = _lock(descriptor, shared=shared)
            if locked is not None and _is_still(path, descriptor):
                return FileLock(descriptor, locked)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= until and (locked is None or attempt >= _MAX_REPLACED):
            break
        time.sleep(_POLL_SECONDS)
    return None


def _lock(descriptor: int, *, shared: bool) -> _Locked:
    """Lock an open file without waiting; None if another process holds it."""
    if windows_locks is not None:
        locked: _Locked = windows_locks.lock(descriptor, shared=shared)
        return locked
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return ()


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a path still refers to an open file; Windows lets nobody remove it meanwhile."""
    if windows_locks is not None:
        return True
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
