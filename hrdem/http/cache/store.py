"""The cache folder: mirrors of files, cached responses, coverages and grids, within a size limit.

    files/<address>/<version>/   about.json, bytes, record, lock: `hrdem.http.cache.mirror`
    answers/<request>.json       `hrdem.http.cache.responses`
    wcs/<coverage>/              pieces of a coverage: `hrdem.sources.wcs.piece_store`
    proj/ca_nrc_….tif            grids: `hrdem.processing.vertical.find_grid`

Nothing else in the folder is counted or removed: a user may choose one that has other files.

A run that uses a version shares its lock; a run that removes it takes the lock exclusively. Least
recently used entries are evicted first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import shlex
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import platformdirs

from hrdem.errors import OutputError, RequestError
from hrdem.http.cache.entries import CacheEntry, CacheInfo
from hrdem.http.cache.entry_locks import (
    COVERAGE_NAME,
    LOCK,
    REMOVED_PREFIX,
    acquire_shared,
    coverage_lock,
    is_locked,
    try_remove,
)
from hrdem.http.cache.mirror import ABOUT, Mirror, prepare
from hrdem.http.source_version import SourceVersion
from hrdem.runtime import locks
from hrdem.runtime.byte_sizes import parse_size
from hrdem.runtime.file_io import HAS_SPARSE_FILES, allocated_bytes
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES
from hrdem.runtime.private_folder import find_exposure, make_private_folder

_MIN_FREE_BYTES = 1 << 30  # that stay free on the disk
_ADDRESS = re.compile(r"[0-9a-f]{24}")
_VERSION = re.compile(r"[0-9a-f]{24}/[0-9a-f]{16}")
_SINGLE = {
    "response": ("answers", re.compile(r"[0-9a-f]{24}\.json")),
    "grid": ("proj", re.compile(r"ca_nrc_\w+\.tif")),
}  # kinds that are single small files
_PARTIAL = re.compile(r"\.[0-9a-f]{12}")  # a response that is being written
_MAX_OPEN_ATTEMPTS = 5
_MAX_PARTIAL_AGE_SECONDS = 3600.0  # older partial files are from killed processes
_PROBE_BYTES = 1 << 26  # size of a sparse file, which takes almost no disk space

#: Whether this system has the cache.
IS_SUPPORTED = HAS_SPARSE_FILES

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
        limit: Largest size in bytes, or as text, such as ``"20GB"``. During runs it can be
            exceeded: entries in use are kept.

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
        _check_sparse_files(self.folder)

    def info(self) -> CacheInfo:
        """List the entries."""
        found = [entry for entry, _ in self._all()]
        return CacheInfo(self.folder, self.limit, tuple(found))

    def prune(self) -> int:
        """Evict least recently used entries until the rest is within the limit.

        Entries in use are kept, and can exceed the limit by themselves. All other large entries
        are then evicted, but not the responses and grids, which those runs would request again.

        Returns:
            Freed bytes.
        """
        found = self._all()
        excess = sum(entry.bytes for entry, _ in found) - self.limit
        in_use = sum(entry.bytes for entry, _ in found if entry.in_use)
        freed = 0
        for entry, path in sorted(found, key=lambda each: (each[0].kind in _SINGLE, each[0].used)):
            if freed >= excess - (in_use if entry.kind in _SINGLE else 0):
                break
            if try_remove(path):
                freed += entry.bytes
        self._remove_leftovers()
        return freed

    def clear(self) -> int:
        """Remove all entries that no run is using; during a run, responses and grids stay.

        Returns:
            Freed bytes.

        Raises:
            OutputError: If an entry that is not in use cannot be removed.
        """
        found, freed = self._all(), 0
        busy = any(entry.in_use for entry, _ in found)
        for entry, path in found:
            if entry.in_use or (busy and entry.kind in _SINGLE):
                continue
            if not try_remove(path):
                if is_locked(path / LOCK) or is_locked(coverage_lock(path)):  # by now
                    continue
                if path.exists():
                    raise OutputError(
                        f"{path} cannot be removed. Check the permissions of {self.folder}."
                    )
            freed += entry.bytes
        self._remove_leftovers()
        return freed

    def open(self, version: SourceVersion) -> Mirror:
        """Open the mirror of a version for writing, and protect it until it is closed.

        Raises:
            OSError: If it cannot be created or used, or the file system has no sparse files.
        """
        folder = self._folder_of(version)
        for attempt in range(_MAX_OPEN_ATTEMPTS):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock = _lock_and_prepare(folder)
            except FileNotFoundError:  # it was removed meanwhile
                if attempt == _MAX_OPEN_ATTEMPTS - 1:
                    raise
                continue
            try:
                _write_text(folder / ABOUT, json.dumps(asdict(version)))
            except BaseException:
                lock.close()
                raise
            break
        return Mirror(folder, lock)

    def open_to_read(self, version: SourceVersion) -> Mirror | None:
        """Open the mirror of a version as it is; None if there is none.

        Raises:
            OSError: If it cannot be used.
        """
        folder = self._folder_of(version)
        if not (folder / ABOUT).exists():
            return None
        try:
            lock = acquire_shared(folder / LOCK)
        except OSError:  # no process prunes a read-only folder
            lock = locks.FileLock(-1)
        else:
            with contextlib.suppress(OSError):
                os.utime(folder / ABOUT)
        return Mirror(folder, lock)

    def latest(self, address: str) -> SourceVersion | None:
        """Return the version of a file that was opened last, by the fingerprint of its address."""
        found = [path for path in self._address(address).glob(f"*/{ABOUT}") if _read_about(path)]
        return _read_about(max(found, key=_mtime)) if found else None

    def has(self, version: SourceVersion) -> bool:
        """Whether a version has a mirror."""
        return (self._folder_of(version) / ABOUT).exists()

    def drop_others(self, version: SourceVersion) -> None:
        """Remove the mirrors of other versions of the same file, unless a run is using them."""
        ours = self._folder_of(version)
        for folder in self._address(version.address).glob("*"):
            if (
                folder != ours
                and _VERSION.fullmatch(f"{folder.parent.name}/{folder.name}")
                and (try_remove(folder))
            ):
                log.info(
                    "%s was republished: the cached ranges of its old version were removed.",
                    version.url,
                )

    def has_space(self, size: int) -> bool:
        """Whether so many bytes fit on the disk and leave some free."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free - size > _MIN_FREE_BYTES
        return True  # a write will fail if not

    def _address(self, address: str) -> Path:
        return self.folder / "files" / address

    def _folder_of(self, version: SourceVersion) -> Path:
        named = f"{version.etag} {version.size} {version.last_modified}"
        return self._address(version.address) / hashlib.sha256(named.encode()).hexdigest()[:16]

    def _all(self) -> list[tuple[CacheEntry, Path]]:
        """List all entries and their paths, most recently used first."""
        found: list[tuple[CacheEntry, Path]] = []
        for folder in self.folder.glob("files/*/*"):
            if not _VERSION.fullmatch(f"{folder.parent.name}/{folder.name}") or not folder.is_dir():
                continue
            about = _read_about(folder / ABOUT)
            name, used = about.url if about else folder.name, _mtime(folder / ABOUT)
            size = sum(map(_disk_bytes, _list_folder(folder)))
            found.append(
                (CacheEntry("file", name, size, used, is_locked(folder / LOCK), about), folder)
            )
        for folder in self.folder.glob("wcs/*"):
            if COVERAGE_NAME.fullmatch(folder.name) and folder.is_dir():
                pieces = _list_folder(folder)
                size, used = sum(map(_disk_bytes, pieces)), max(map(_mtime, pieces), default=0.0)
                in_use = is_locked(coverage_lock(folder))
                found.append((CacheEntry("coverage", folder.name, size, used, in_use), folder))
        for kind, (where, name_of) in _SINGLE.items():
            ours = (p for p in self.folder.glob(f"{where}/*") if name_of.fullmatch(p.name))
            found += [
                (CacheEntry(kind, each.name, _disk_bytes(each), _mtime(each)), each)
                for each in ours
            ]
        return sorted(found, key=lambda each: each[0].used, reverse=True)

    def _remove_leftovers(self) -> None:
        """Remove partly removed folders of killed processes, and empty folders."""
        for kind in ("files/*", "wcs"):
            for gone in self.folder.glob(f"{kind}/{REMOVED_PREFIX}*"):
                shutil.rmtree(gone, ignore_errors=True)
        for folder in self.folder.glob("files/*"):
            with contextlib.suppress(OSError):
                if _ADDRESS.fullmatch(folder.name):
                    folder.rmdir()  # if it is empty
        for partial in self.folder.glob("answers/.*"):
            with contextlib.suppress(OSError):
                if (
                    _PARTIAL.fullmatch(partial.name)
                    and time.time() - _mtime(partial) > _MAX_PARTIAL_AGE_SECONDS
                ):
                    partial.unlink()


def _lock_and_prepare(folder: Path) -> locks.FileLock:
    """Share the lock of a version and create its files; the first process also cleans up."""
    lock = locks.acquire_lock(folder / LOCK)
    if lock is None:
        lock = acquire_shared(folder / LOCK)
        prepare(folder)  # the other process may only have tested the lock
        return lock
    try:
        _check_sparse_files(folder)
        for left in folder.glob(".*"):  # by a process that was killed
            left.unlink()
        prepare(folder)
        lock.share()
    except BaseException:
        lock.close()
        raise
    return lock


def _check_sparse_files(folder: Path) -> None:
    """Make sure that the file system has sparse files.

    Raises:
        OSError: If it has none.
    """
    probe = folder / f".probe-{secrets.token_hex(4)}"
    try:
        with probe.open("wb") as file:
            file.seek(_PROBE_BYTES)
            file.write(b"\0")
        if _disk_bytes(probe) > _PROBE_BYTES // 2:
            raise OSError(f"the file system of {folder} has no sparse files")
    finally:
        probe.unlink(missing_ok=True)


def _read_about(path: Path) -> SourceVersion | None:
    try:
        version = SourceVersion(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (version.address, version.url, version.etag, version.last_modified)
    is_valid = all(isinstance(text, str) for text in texts) and type(version.size) is int
    return version if is_valid and version.size >= 0 else None


def _write_text(path: Path, text: str) -> None:
    """Write a small file atomically."""
    partial = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _list_folder(folder: Path) -> list[Path]:
    """List a folder; nothing if it has just been removed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _disk_bytes(path: Path) -> int:
    """Return the bytes that a file takes on disk, without its holes."""
    try:
        return allocated_bytes(path)
    except OSError:
        return 0


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
