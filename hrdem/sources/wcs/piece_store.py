"""Pieces of a coverage on the local disk: what an interrupted run has fetched, the next one has."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path

from hrdem.geo.grid import Window
from hrdem.http.cache.store import COVERAGE_NAME, coverage_lock
from hrdem.runtime.atomic import hidden_path, is_hidden_path, publish
from hrdem.runtime.locks import FileLock, acquire_lock

_KEPT_FOR = 24 * 3600  # seconds; a WCS does not tell when its data change
_PATIENCE = 30.0  # seconds that another process may take to remove them
_NAME = re.compile(r"(-?\d{1,9})_(-?\d{1,9})_(\d{1,9})_(\d{1,9})\.tif")


class PieceStore:
    """A folder with pieces of one coverage, on one grid, of one edition.

    Args:
        cache: Folder of everything that is kept; it is made when it is needed.
        identity: What distinguishes the coverage, its grid and its edition from others.
    """

    def __init__(self, cache: Path, identity: str) -> None:
        self._cache = cache / "wcs"
        self._folder = self._cache / hashlib.sha256(identity.encode()).hexdigest()[:24]

    def lock(self) -> FileLock | None:
        """Keep others from removing the pieces until the lock is closed; None if that fails."""
        with contextlib.suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            return acquire_lock(coverage_lock(self._folder), shared=True, wait=_PATIENCE)
        return None

    def list_windows(self, *, sweep: bool = True) -> list[Window]:
        """Return the windows of the pieces, none of which overlap.

        Args:
            sweep: Whether those of yesterday go, of any coverage.
        """
        if sweep:
            self._sweep()
        found: list[Window] = []
        near: list[Window] = []  # of those found, the ones that reach this row
        for window in sorted(_windows_in(self._folder), key=lambda window: window.row):
            near = [other for other in near if other.bottom > window.row]
            if not any(window.intersection(other) for other in near):
                found.append(window)
                near.append(window)
        return found

    def _sweep(self) -> None:
        """Remove what is old, of any coverage; what is not ours stays."""
        ours = [each for each in _listed(self._cache) if COVERAGE_NAME.fullmatch(each.name)]
        for path in (path for folder in ours for path in _listed(folder)):
            with contextlib.suppress(OSError):  # another run may be at it too
                old = time.time() - path.stat().st_mtime > _KEPT_FOR
                if old and (_NAME.fullmatch(path.name) or is_hidden_path(path)):
                    path.unlink()
        for folder in ours:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if it is empty

    def get_path(self, window: Window) -> Path:
        """Return the path of a piece."""
        name = f"{window.column}_{window.row}_{window.width}_{window.height}.tif"
        return self._folder / name

    def touch(self, window: Window) -> None:
        """Make a piece young again, as a run counts on it."""
        with contextlib.suppress(OSError):
            os.utime(self.get_path(window))

    def make_partial_path(self, window: Window) -> Path:
        """Return a hidden path for a piece that is on its way.

        Raises:
            OSError: If the folder cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        return hidden_path(self.get_path(window))

    def add(self, window: Window, finished: Path) -> None:
        """Give a finished piece its name.

        Raises:
            OSError: If the disk refuses, or another run has just taken the folder away.
        """
        publish(finished, self.get_path(window), overwrite=True)

    def remove(self, window: Window) -> None:
        """Remove a piece that is damaged."""
        self.get_path(window).unlink(missing_ok=True)


def _windows_in(folder: Path) -> list[Window]:
    names = (_NAME.fullmatch(path.name) for path in _listed(folder))
    return [Window(*map(int, name.groups())) for name in names if name]


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it is missing or cannot be read, which writing will tell."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
