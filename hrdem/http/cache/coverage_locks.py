"""Locks of cached WCS coverages: whether a run uses one, and removal of those that none uses."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from pathlib import Path

from hrdem.runtime import locks

REMOVED_PREFIX = ".gone-"  # of a folder that is being removed
COVERAGE_NAME = re.compile(r"[0-9a-f]{24}")


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


def try_remove_coverage(folder: Path) -> bool:
    """Remove the folder of a coverage unless it is in use; return whether it is gone."""
    path, gone = coverage_lock(folder), folder.with_name(f"{REMOVED_PREFIX}{secrets.token_hex(6)}")
    with contextlib.suppress(OSError):
        lock = locks.acquire_lock(path)
        if lock is None:
            return False
        with lock:
            folder.rename(gone)
            is_removed = _try_unlink(path)
        if not is_removed:  # Windows removes no open file, nor one that another process has locked
            _try_unlink(path)
        shutil.rmtree(gone, ignore_errors=True)
        return True
    return False


def _try_unlink(path: Path) -> bool:
    with contextlib.suppress(PermissionError):
        path.unlink()
        return True
    return False
