"""Pieces of a coverage on the local disk: what an interrupted run has fetched, the next one has."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from pathlib import Path

import platformdirs

from hrdem.grid import Window
from hrdem.output import hidden, publish

_KEPT_FOR = 24 * 3600  # seconds; a WCS does not tell when its data change
_NAME = re.compile(r"(-?\d{1,9})_(-?\d{1,9})_(\d{1,9})_(\d{1,9})\.tif")


def usual_cache() -> Path:
    """Return the folder that the system has for what can be fetched again."""
    return platformdirs.user_cache_path("hrdem", appauthor=False)


class KeptPieces:
    """A folder with pieces of one coverage, on one grid, of one edition.

    Args:
        cache: Folder of everything that is kept; it is made when it is needed.
        identity: What distinguishes the coverage, its grid and its edition from others.
    """

    def __init__(self, cache: Path, identity: str) -> None:
        self._cache = cache / "wcs"
        self._folder = self._cache / hashlib.sha256(identity.encode()).hexdigest()[:24]

    def windows(self) -> list[Window]:
        """Return the windows of the pieces, none of which overlap; those of yesterday go."""
        paths: list[Path] = []
        with contextlib.suppress(OSError):  # whoever writes a piece there will be told
            self._sweep()
            paths = list(self._folder.glob("*.tif"))
        names = (_NAME.fullmatch(path.name) for path in paths)
        windows = [Window(*map(int, name.groups())) for name in names if name]
        found: list[Window] = []
        near: list[Window] = []  # of those found, the ones that reach this row
        for window in sorted(windows, key=lambda window: window.row):
            near = [other for other in near if other.bottom > window.row]
            if not any(window.intersection(other) for other in near):
                found.append(window)
                near.append(window)
        return found

    def _sweep(self) -> None:
        """Remove what is old, of any coverage."""
        for path in self._cache.glob("*/*"):
            with contextlib.suppress(OSError):  # another run may be at it too
                if time.time() - path.stat().st_mtime > _KEPT_FOR:
                    path.unlink()
        for folder in self._cache.glob("*"):
            with contextlib.suppress(OSError):
                folder.rmdir()  # if it is empty

    def path_of(self, window: Window) -> Path:
        """Return the path of a piece."""
        name = f"{window.column}_{window.row}_{window.width}_{window.height}.tif"
        return self._folder / name

    def room_for(self, window: Window) -> Path:
        """Return a hidden path for a piece that is on its way.

        Raises:
            OSError: If the folder cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        return hidden(self.path_of(window))

    def keep(self, window: Window, finished: Path) -> None:
        """Give a finished piece its name.

        Raises:
            OSError: If the disk refuses.
        """
        publish(finished, self.path_of(window), overwrite=True)

    def forget(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)
