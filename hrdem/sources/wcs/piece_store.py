"""Cached pieces of a coverage: a run resumes from the pieces that an earlier one received."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path

from hrdem.geo.grid import Window
from hrdem.http.cache.coverage_locks import COVERAGE_NAME, coverage_lock
from hrdem.runtime.atomic import hidden_path, is_hidden_path, publish
from hrdem.runtime.locks import FileLock, acquire_lock

_MAX_AGE_SECONDS = 24 * 3600  # a WCS does not report when its data change
_MAX_LOCK_WAIT_SECONDS = 30.0  # another process may be removing pieces
_NAME = re.compile(r"(-?\d{1,9})_(-?\d{1,9})_(\d{1,9})_(\d{1,9})\.tif")


class PieceStore:
    """A folder with pieces of one coverage, on one grid, of one edition.

    Args:
        cache: Cache folder; it is created when needed.
        identity: Text that differs for each coverage, grid and edition.
    """

    def __init__(self, cache: Path, identity: str) -> None:
        self._cache = cache / "wcs"
        self._folder = self._cache / hashlib.sha256(identity.encode()).hexdigest()[:24]

    def lock(self) -> FileLock | None:
        """Lock the pieces against removal until the lock is closed; None if that fails."""
        with contextlib.suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            return acquire_lock(
                coverage_lock(self._folder), shared=True, wait=_MAX_LOCK_WAIT_SECONDS
            )
        return None

    def list_windows(self, *, sweep: bool = True) -> list[Window]:
        """Return the windows of pieces that do not overlap.

        Args:
            sweep: Whether to remove pieces older than a day first, of any coverage.
        """
        if sweep:
            self._remove_old_pieces()
        found: list[Window] = []
        near: list[Window] = []  # found windows that reach this row
        for window in sorted(_parse_windows(self._folder), key=lambda window: window.row):
            near = [other for other in near if other.bottom > window.row]
            if not any(window.intersection(other) for other in near):
                found.append(window)
                near.append(window)
        return found

    def _remove_old_pieces(self) -> None:
        """Remove old pieces of any coverage, and nothing that this package did not write."""
        ours = [each for each in _list_folder(self._cache) if COVERAGE_NAME.fullmatch(each.name)]
        for path in (path for folder in ours for path in _list_folder(folder)):
            with contextlib.suppress(OSError):  # another run may remove it at the same time
                old = time.time() - path.stat().st_mtime > _MAX_AGE_SECONDS
                if old and (_NAME.fullmatch(path.name) or is_hidden_path(path)):
                    path.unlink()
        for folder in ours:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only if it is empty

    def get_path(self, window: Window) -> Path:
        """Return the path of a piece."""
        name = f"{window.column}_{window.row}_{window.width}_{window.height}.tif"
        return self._folder / name

    def touch(self, window: Window) -> None:
        """Set the age of a piece to zero, so that no run removes it while this one uses it."""
        with contextlib.suppress(OSError):
            os.utime(self.get_path(window))

    def make_partial_path(self, window: Window) -> Path:
        """Return a hidden path to write an unfinished piece to.

        Raises:
            OSError: If the folder cannot be created.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        return hidden_path(self.get_path(window))

    def add(self, window: Window, finished: Path) -> None:
        """Move a finished piece to its path.

        Raises:
            OSError: If the disk refuses, or another run has just removed the folder.
        """
        publish(finished, self.get_path(window), overwrite=True)

    def remove(self, window: Window) -> None:
        """Remove a damaged piece."""
        self.get_path(window).unlink(missing_ok=True)


def _parse_windows(folder: Path) -> list[Window]:
    names = (_NAME.fullmatch(path.name) for path in _list_folder(folder))
    return [Window(*map(int, name.groups())) for name in names if name]


def _list_folder(folder: Path) -> list[Path]:
    """List a folder; nothing if it is missing or unreadable, which writing will report."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
