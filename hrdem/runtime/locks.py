"""Locks on files, between processes, that end with the process that holds them, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

try:
    import fcntl
except ImportError:  # Windows has no locks that end so
    fcntl = None  # type: ignore[assignment]

_PAUSE = 0.01  # seconds between two tries

HAS_FILE_LOCKS = fcntl is not None


class FileLock:
    """A lock that is held until it is closed, to be used as a context manager."""

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
        """Let others share a lock that was held alone."""
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        """Give it up; twice does no harm."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def acquire_lock(path: Path, *, shared: bool = False, wait: float = 0.0) -> FileLock | None:
    """Take a lock on a file, which is made if it is missing.

    Args:
        path: The file; its folder has to exist.
        shared: Whether others may hold it too, as long as they share it.
        wait: Seconds to wait at most for others to give it up.

    Returns:
        The lock; None if others hold it. Where the system has no such locks, nobody ever holds
        one.

    Raises:
        OSError: If the file cannot be made or opened, or the file system has no locks.
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
            time.sleep(_PAUSE)
            continue
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was taken away while we waited


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether a path leads to an open file."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
