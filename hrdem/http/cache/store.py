"""The cache folder: parts of files, cached responses, coverages and grids, within a size limit.

    ranges/                      byte ranges of files: `hrdem.http.cache.part_store`
    answers/<request>.json       `hrdem.http.cache.responses`
    wcs/<coverage>/              pieces of a coverage: `hrdem.sources.wcs.piece_store`
    proj/ca_nrc_….tif            grids: `hrdem.processing.vertical.find_grid`

Nothing else in the folder is counted or removed: a user may choose one that has other files. Least
recently used entries are evicted first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import shutil
import time
from pathlib import Path

import platformdirs

from hrdem.errors import OutputError, RequestError
from hrdem.http.cache.coverage_locks import (
    COVERAGE_NAME,
    REMOVED_PREFIX,
    coverage_lock,
    is_locked,
    try_remove_coverage,
)
from hrdem.http.cache.disk import list_folder, modification_time, try_unlink
from hrdem.http.cache.entries import CacheEntry, CacheInfo
from hrdem.http.cache.index import disk_bytes
from hrdem.http.cache.index_database import MAX_JOURNAL_BYTES
from hrdem.http.cache.part_store import INDEX, PartStore
from hrdem.runtime.byte_sizes import parse_size
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES
from hrdem.runtime.private_folder import find_exposure, make_private_folder

_MIN_FREE_BYTES = 1 << 30  # that stay free on the disk
_SINGLE = {
    "response": ("answers", re.compile(r"[0-9a-f]{24}\.json")),
    "grid": ("proj", re.compile(r"ca_nrc_\w+\.tif")),
}  # kinds that are single small files
_PARTIAL = re.compile(r"\.[0-9a-f]{12}")  # a response that is being written
_MAX_PARTIAL_AGE_SECONDS = 3600.0  # older partial files are from killed processes
_RANGES = "ranges"
_MIRRORS = "files"  # sparse files, in which earlier versions cached byte ranges
_MIRROR = re.compile(r"[0-9a-f]{24}/([0-9a-f]{16}|\.gone-[0-9a-f]{12})")

log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """Return the system's cache folder for hrdem.

    Raises:
        RequestError: If the user has no home folder.
    """
    try:
        return platformdirs.user_cache_path("hrdem", appauthor=False)
    except RuntimeError as exc:
        raise RequestError(
            f"The user has no folder for the cache: {exc}. Set HOME, or give `cache_dir`. "
            "`no_cache` works without one."
        ) from exc


class Cache:
    """The download cache on the local disk.

    Args:
        folder: Folder, created on demand; None for the system's cache folder.
        limit: Largest size in bytes, or as text, such as ``"20GB"``.

    Raises:
        RequestError: If the folder has an empty name, or the limit is not a size.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        limit: int | str = DEFAULT_MAX_CACHE_BYTES,
    ) -> None:
        if folder == "":
            raise RequestError("The cache's folder has an empty name; give another `cache_dir`.")
        self.folder = default_cache_dir() if folder is None else Path(folder).expanduser()
        self.folder = self.folder.absolute()  # the working folder may change
        try:
            self.limit = parse_size(limit)
        except ValueError as exc:
            raise RequestError(f"The cache's limit: {exc}") from exc

    @property
    def responses(self) -> Path:
        """Folder of cached responses."""
        return self.folder / "answers"

    def check_private(self) -> None:
        """Make sure that nobody else can change what is cached.

        Raises:
            RequestError: If others can write to the folder or to one above it.
        """
        exposure = find_exposure(self.folder)
        if exposure is None:
            return
        way = "" if exposure.path == self.folder.resolve() else f", in {exposure.path},"
        if exposure.owner is None:
            why, fix = (
                "can be written to by others",
                f"Run chmod go-w {shlex.quote(str(exposure.path))}",
            )
        else:
            why, fix = f"belongs to another user (id {exposure.owner})", "Use a folder of your own"
        raise RequestError(
            f"The cache folder {self.folder}{way} {why}, who could change what is read from it. "
            f"{fix}, or give another `cache_dir`. `no_cache` works without one."
        )

    def check(self) -> None:
        """Make sure that the cache can be written.

        Raises:
            OSError: If not.
        """
        make_private_folder(self.folder)
        with self.open_parts() as parts:
            parts.index.open()

    def info(self) -> CacheInfo:
        """List the entries."""
        files: list[CacheEntry] = []
        with contextlib.suppress(OSError), self._existing_parts(read_only=True) as parts:
            files = [
                CacheEntry("file", version.url, size, used, version=version)
                for version, size, used in parts.index.list_versions()
            ]
        entries = [*files, *(entry for entry, _ in (*self._coverages(), *self._singles()))]
        entries.sort(key=lambda entry: entry.used, reverse=True)
        return CacheInfo(self.folder, self.limit, tuple(entries))

    def open_parts(self, *, read_only: bool = False) -> PartStore:
        """Return the store of byte ranges, which has to be closed."""
        return PartStore(self.folder / _RANGES, read_only=read_only)

    def max_part_bytes(self) -> int:
        """Return the bytes that byte ranges may take beside all other entries."""
        others = self._other_bytes(self._coverages(), self._singles())
        return self.limit - others - MAX_JOURNAL_BYTES

    def prune(self) -> int:
        """Evict least recently used entries until the rest is within the limit.

        Responses and grids are evicted last, and coverages in use are kept.

        Returns:
            Freed bytes.
        """
        coverages, singles = self._coverages(), self._singles()
        others, freed = self._other_bytes(coverages, singles), 0
        with contextlib.suppress(OSError), self._existing_parts() as parts:
            for entry, folder in coverages:
                freed += parts.evict(self.limit - others, entry.used)
                if parts.index.total_bytes() + others <= self.limit:
                    break
                if not entry.in_use and try_remove_coverage(folder):
                    freed, others = freed + entry.bytes, others - entry.bytes
            freed += parts.evict(self.limit - others)
            parts.sweep()
        for entry, path in (*coverages, *singles):
            if others <= self.limit:
                break
            if not entry.in_use and path.exists() and _try_remove(path):
                freed, others = freed + entry.bytes, others - entry.bytes
        self._remove_leftovers()
        return freed

    def clear(self) -> int:
        """Remove all entries but coverages in use; runs in progress fetch again what they need.

        Returns:
            Freed bytes.

        Raises:
            OutputError: If an entry that is not in use cannot be removed.
        """
        freed = 0
        try:
            with self._existing_parts() as parts:
                freed = parts.clear()
        except FileNotFoundError:
            pass  # there are none
        except OSError as exc:
            raise OutputError(f"The cache {self.folder} cannot be cleared: {exc}.") from exc
        for entry, path in (*self._coverages(), *self._singles()):
            if entry.in_use:
                continue
            if not _try_remove(path):
                if is_locked(coverage_lock(path)):  # by now
                    continue
                if path.exists():
                    raise OutputError(
                        f"{path} cannot be removed. Check the permissions of {self.folder}."
                    )
            freed += entry.bytes
        self._remove_leftovers()
        return freed

    def has_space(self, size: int) -> bool:
        """Whether so many bytes fit on the disk and leave some free."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free - size > _MIN_FREE_BYTES
        return True  # a write will fail if not

    def _existing_parts(self, *, read_only: bool = False) -> PartStore:
        """Return the store of byte ranges; raise FileNotFoundError if there is none."""
        (self.folder / _RANGES).stat()
        return self.open_parts(read_only=read_only)

    def _other_bytes(self, *listed: list[tuple[CacheEntry, Path]]) -> int:
        """Return the bytes of listed entries, and of the index of byte ranges."""
        index = self.folder.glob(f"{_RANGES}/{INDEX}*")
        return sum(entry.bytes for each in listed for entry, _ in each) + sum(
            map(_file_bytes, index)
        )

    def _coverages(self) -> list[tuple[CacheEntry, Path]]:
        """List coverages and their folders, least recently used first."""
        found = []
        for folder in self.folder.glob("wcs/*"):
            if COVERAGE_NAME.fullmatch(folder.name) and folder.is_dir():
                pieces = list_folder(folder)
                size, used = (
                    sum(map(_file_bytes, pieces)),
                    max(map(modification_time, pieces), default=0.0),
                )
                in_use = is_locked(coverage_lock(folder))
                found.append((CacheEntry("coverage", folder.name, size, used, in_use), folder))
        return sorted(found, key=lambda each: each[0].used)

    def _singles(self) -> list[tuple[CacheEntry, Path]]:
        """List responses and grids and their paths, least recently used first."""
        found = [
            (CacheEntry(kind, path.name, _file_bytes(path), modification_time(path)), path)
            for kind, (where, name) in _SINGLE.items()
            for path in self.folder.glob(f"{where}/*")
            if name.fullmatch(path.name)
        ]
        return sorted(found, key=lambda each: each[0].used)

    def _remove_leftovers(self) -> None:
        """Remove what killed processes and earlier versions left."""
        for gone in self.folder.glob(f"wcs/{REMOVED_PREFIX}*"):
            shutil.rmtree(gone, ignore_errors=True)
        for mirror in self.folder.glob(f"{_MIRRORS}/*/*"):
            if _MIRROR.fullmatch(f"{mirror.parent.name}/{mirror.name}"):
                shutil.rmtree(mirror, ignore_errors=True)
                for folder in (mirror.parent, mirror.parent.parent):
                    with contextlib.suppress(OSError):
                        folder.rmdir()  # if it is empty
        for partial in self.folder.glob("answers/.*"):
            is_old = time.time() - modification_time(partial) > _MAX_PARTIAL_AGE_SECONDS
            if _PARTIAL.fullmatch(partial.name) and is_old:
                _try_remove(partial)


def _try_remove(path: Path) -> bool:
    """Remove a file, or a coverage that is not in use; return whether it is gone."""
    if path.is_dir():
        return try_remove_coverage(path)
    return try_unlink(path)


def _file_bytes(path: Path) -> int:
    try:
        return disk_bytes(path.stat().st_size)
    except OSError:
        return 0
