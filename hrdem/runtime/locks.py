"""File locks between processes; the system releases them when a process ends."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_POLL_SECONDS = 0.01

HAS_FILE_LOCKS = fcntl is not None


class FileLock:
    """A lock, released when it is closed; use it as a context manager."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

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
        self.close()

    def share(self) -> None:
        """Turn an exclusive lock into a shared one."""
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        """Release the lock; it may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def acquire_lock(path: Path, *, shared: bool = False, wait: float = 0.0) -> FileLock | None:
    """Lock a file, which is created if it does not exist.

    Args:
        path: The file; its folder has to exist.
        shared: Whether other shared locks are allowed.
        wait: Maximum seconds to wait for other processes to release it.

    Returns:
        The lock; None if another process holds it. Systems without such locks always grant it.

    Raises:
        OSError: If the file cannot be created or opened, or the file system has no locks.
    """
    until = time.monotonic() + wait
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if fcntl is not None:
                how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return FileLock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= until:
                return None
            time.sleep(_POLL_SECONDS)
            continue
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was removed meanwhile


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a path still refers to an open file."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
