"""Files and folders of the cache, which other processes may remove at any time."""

from __future__ import annotations

import contextlib
from pathlib import Path


def try_unlink(path: Path) -> bool:
    """Remove a file; return whether it is gone. Windows removes none that is being read."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        return True
    return False


def list_folder(folder: Path) -> list[Path]:
    """List a folder; nothing if it is missing, or has just been removed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def modification_time(path: Path) -> float:
    """Return when a file was written, seconds since 1970; 0 if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
