"""Locks of the cache's entries: whether a run uses one, and removal of those that none uses."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from pathlib import Path

from hrdem.runtime import locks

LOCK = "lock"  # in the folder of a version
REMOVED_PREFIX = ".gone-"  # of a folder that is being removed
COVERAGE_NAME = re.compile(r"[0-9a-f]{24}")
_LOCK_WAIT_SECONDS = 30.0  # for another process to remove something


def coverage_lock(folder: Path) -> Path:
    """Return the path of the lock of a coverage's folder."""
    return folder.with_name(f"{folder.name}.lock")


def is_locked(path: Path) -> bool:
    """Whether any process has acquired a lock."""
    with contextlib.suppress(OSError):
        if not path.exists():
            return False
        lock = locks.acquire_lock(path)
        if lock is not None:
            lock.close()
        return lock is None
    return False


def acquire_shared(path: Path) -> locks.FileLock:
    """Share a lock, so that nobody removes what it protects.

    Raises:
        OSError: If another process does not release it in time.
    """
    lock = locks.acquire_lock(path, shared=True, wait=_LOCK_WAIT_SECONDS)
    if lock is None:
        raise OSError(f"another process has locked {path} for {_LOCK_WAIT_SECONDS:.0f} s")
    return lock


def try_remove(path: Path) -> bool:
    """Remove an entry unless it is in use; return whether it is gone."""
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
            return True
        beside = coverage_lock(path) if COVERAGE_NAME.fullmatch(path.name) else None
        lock = locks.acquire_lock(beside or path / LOCK)
        if lock is not None:
            gone = path.with_name(f"{REMOVED_PREFIX}{secrets.token_hex(6)}")
            with lock:
                path.rename(gone)
                if beside:
                    beside.unlink()
            shutil.rmtree(gone, ignore_errors=True)
            return True
    return False
