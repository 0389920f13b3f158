"""The folder of what was fetched: mirrors of files, answers of catalogues, within a size.

    files/<address>/<version>/   about.json, bytes, record, lock: `hrdem.http.cache.mirror`
    answers/<question>.json      `hrdem.http.cache.responses`
    wcs/<coverage>/              pieces of a coverage: `hrdem.sources.wcs.piece_store`
    proj/ca_nrc_….tif            grids: `hrdem.processing.vertical.find_grid`

Nothing else in the folder is counted or removed: a user may have given one that holds other files.

Whoever uses a version holds its lock together with others; whoever removes it, alone. What was
not used for longest is removed first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import platformdirs

from hrdem.errors import OutputError, RequestError
from hrdem.http.cache.entries import CacheEntry, CacheInfo
from hrdem.http.cache.mirror import ABOUT, Mirror, prepare
from hrdem.http.source_version import SourceVersion
from hrdem.runtime import locks
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES

_LEAST_FREE = 1 << 30  # bytes that are left to others on the disk
_LOCK = "lock"
_GONE = ".gone-"  # how the name begins of what is being removed
_ADDRESS = re.compile(r"[0-9a-f]{24}")
_VERSION = re.compile(r"[0-9a-f]{24}/[0-9a-f]{16}")
COVERAGE_NAME = re.compile(r"[0-9a-f]{24}")
_SINGLE = {
    "answer": ("answers", re.compile(r"[0-9a-f]{24}\.json")),
    "grid": ("proj", re.compile(r"ca_nrc_\w+\.tif")),
}  # kinds that are single files, and small
_PARTIAL = re.compile(r"\.[0-9a-f]{12}")  # an answer that is being written
_ATTEMPTS = 5
_PATIENCE = 30.0  # seconds that another process may take to remove something
_OLD = 3600.0  # seconds: by then a small file is written, or its process was killed
_PROBE = 1 << 26  # bytes; a file with a hole of that size takes next to nothing

log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """Return the folder that the system has for what can be fetched again.

    Raises:
        RequestError: If the user has no home.
    """
    try:
        return platformdirs.user_cache_path("hrdem", appauthor=False)
    except RuntimeError as exc:
        raise RequestError(
            f"There is no folder to keep things in: {exc}. Set HOME, or give --cache-dir or "
            "--no-cache."
        ) from exc


class Cache:
    """What earlier runs have fetched, on the local disk.

    Args:
        folder: Where it is; it is made when it is needed. None for the system's folder for such
            files.
        limit: Bytes that it may take. While runs go on it may be more: what they use is spared.

    Raises:
        RequestError: If the folder has an empty name.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, limit: int = DEFAULT_MAX_CACHE_BYTES
    ) -> None:
        if folder == "":
            raise RequestError("The cache's folder has an empty name; give another --cache-dir.")
        self.folder = default_cache_dir() if folder is None else Path(folder).expanduser()
        self.limit = limit

    @property
    def answers(self) -> Path:
        """Folder of the answers."""
        return self.folder / "answers"

    def check(self) -> None:
        """Make sure that something can be kept.

        Raises:
            OSError: If not.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _check_holes(self.folder)

    def info(self) -> CacheInfo:
        """Tell what is kept."""
        found = [kept for kept, _ in self._all()]
        return CacheInfo(self.folder, self.limit, tuple(found))

    def prune(self) -> int:
        """Remove what was not used for longest, until the rest is within the limit.

        What runs use is spared, and may be more than the limit by itself. Then everything else of
        size goes, but not the answers and grids, which those runs would ask for again.

        Returns:
            Bytes that were freed.
        """
        found = self._all()
        excess = sum(kept.bytes for kept, _ in found) - self.limit
        in_use = sum(kept.bytes for kept, _ in found if kept.in_use)
        freed = 0
        for kept, path in sorted(found, key=lambda each: (each[0].kind in _SINGLE, each[0].used)):
            if freed >= excess - (in_use if kept.kind in _SINGLE else 0):
                break
            if _removed(path):
                freed += kept.bytes
        self._sweep()
        return freed

    def clear(self) -> int:
        """Remove everything that no run is using; while one goes on, answers and grids stay.

        Returns:
            Bytes that were freed.

        Raises:
            OutputError: If something cannot be removed though nobody uses it.
        """
        found, freed = self._all(), 0
        busy = any(kept.in_use for kept, _ in found)
        for kept, path in found:
            if kept.in_use or (busy and kept.kind in _SINGLE):
                continue
            if not _removed(path):
                if is_used(path / _LOCK) or is_used(coverage_lock(path)):  # by now
                    continue
                if path.exists():
                    raise OutputError(
                        f"{path} cannot be removed. Check the permissions of {self.folder}."
                    )
            freed += kept.bytes
        self._sweep()
        return freed

    def open(self, version: SourceVersion) -> Mirror:
        """Open the mirror of a version, which is spared until it is closed.

        Raises:
            OSError: If it cannot be made or used, or the file system cannot hold files with holes.
        """
        folder = self._folder_of(version)
        for attempt in range(_ATTEMPTS):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                held = _prepared(folder)
            except FileNotFoundError:  # it was removed meanwhile
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            try:
                _keep_text(folder / ABOUT, json.dumps(asdict(version)))
            except BaseException:
                held.close()
                raise
            break
        return Mirror(folder, held)

    def open_to_read(self, version: SourceVersion) -> Mirror | None:
        """Open the mirror of a version as it is; None if nothing is kept of it.

        Raises:
            OSError: If it cannot be used.
        """
        folder = self._folder_of(version)
        if not (folder / ABOUT).exists():
            return None
        try:
            held = _shared(folder / _LOCK)
        except OSError:  # a folder that can only be read is pruned by nobody
            held = locks.FileLock(-1)
        else:
            with contextlib.suppress(OSError):
                os.utime(folder / ABOUT)
        return Mirror(folder, held)

    def latest(self, address: str) -> SourceVersion | None:
        """Return the version of a file that was met last, by the address's fingerprint."""
        found = [path for path in self._address(address).glob(f"*/{ABOUT}") if _read_about(path)]
        return _read_about(max(found, key=_mtime)) if found else None

    def has(self, version: SourceVersion) -> bool:
        """Whether anything is kept of a version."""
        return (self._folder_of(version) / ABOUT).exists()

    def drop_others(self, version: SourceVersion) -> None:
        """Remove what is kept of other versions of the same file, if nobody uses it."""
        ours = self._folder_of(version)
        for folder in self._address(version.address).glob("*"):
            if (
                folder != ours
                and _VERSION.fullmatch(f"{folder.parent.name}/{folder.name}")
                and (_removed(folder))
            ):
                log.info("%s was published again: what was kept of it is gone.", version.url)

    def has_room(self, size: int) -> bool:
        """Whether the disk can take so many bytes and leave some to others."""
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.folder).free - size > _LEAST_FREE
        return True  # writing will tell

    def _address(self, address: str) -> Path:
        return self.folder / "files" / address

    def _folder_of(self, version: SourceVersion) -> Path:
        named = f"{version.etag} {version.size} {version.last_modified}"
        return self._address(version.address) / hashlib.sha256(named.encode()).hexdigest()[:16]

    def _all(self) -> list[tuple[CacheEntry, Path]]:
        """Everything that is kept and where, from what was used last."""
        found: list[tuple[CacheEntry, Path]] = []
        for folder in self.folder.glob("files/*/*"):
            if not _VERSION.fullmatch(f"{folder.parent.name}/{folder.name}") or not folder.is_dir():
                continue
            about = _read_about(folder / ABOUT)
            name, used = about.url if about else folder.name, _mtime(folder / ABOUT)
            size = sum(map(_space, _listed(folder)))
            found.append(
                (CacheEntry("file", name, size, used, is_used(folder / _LOCK), about), folder)
            )
        for folder in self.folder.glob("wcs/*"):
            if COVERAGE_NAME.fullmatch(folder.name) and folder.is_dir():
                pieces = _listed(folder)
                size, used = sum(map(_space, pieces)), max(map(_mtime, pieces), default=0.0)
                in_use = is_used(coverage_lock(folder))
                found.append((CacheEntry("coverage", folder.name, size, used, in_use), folder))
        for kind, (where, name_of) in _SINGLE.items():
            ours = (p for p in self.folder.glob(f"{where}/*") if name_of.fullmatch(p.name))
            found += [
                (CacheEntry(kind, each.name, _space(each), _mtime(each)), each) for each in ours
            ]
        return sorted(found, key=lambda each: each[0].used, reverse=True)

    def _sweep(self) -> None:
        """Remove what a killed process had begun to remove, and folders that are empty."""
        for kind in ("files/*", "wcs"):
            for gone in self.folder.glob(f"{kind}/{_GONE}*"):
                shutil.rmtree(gone, ignore_errors=True)
        for folder in self.folder.glob("files/*"):
            with contextlib.suppress(OSError):
                if _ADDRESS.fullmatch(folder.name):
                    folder.rmdir()  # if it is empty
        for partial in self.folder.glob("answers/.*"):
            with contextlib.suppress(OSError):
                if _PARTIAL.fullmatch(partial.name) and time.time() - _mtime(partial) > _OLD:
                    partial.unlink()


def coverage_lock(folder: Path) -> Path:
    """Return the path of the lock of a folder of pieces."""
    return folder.with_name(f"{folder.name}.lock")


def is_used(lock: Path) -> bool:
    """Whether somebody holds a lock."""
    with contextlib.suppress(OSError):
        if not lock.exists():
            return False
        alone = locks.acquire_lock(lock)
        if alone is not None:
            alone.close()
        return alone is None
    return False


def _shared(path: Path) -> locks.FileLock:
    held = locks.acquire_lock(path, shared=True, wait=_PATIENCE)
    if held is None:
        raise OSError(f"another process has held {path} for {_PATIENCE:.0f} s")
    return held


def _prepared(folder: Path) -> locks.FileLock:
    """Share the lock of a version, and make its files; whoever comes first tidies up."""
    alone = locks.acquire_lock(folder / _LOCK)
    if alone is None:
        held = _shared(folder / _LOCK)
        prepare(folder)  # who had the lock may only have looked
        return held
    try:
        _check_holes(folder)
        for left in folder.glob(".*"):  # by a process that was killed
            left.unlink()
        prepare(folder)
        alone.share()
    except BaseException:
        alone.close()
        raise
    return alone


def _check_holes(folder: Path) -> None:
    """Make sure that the file system does not fill holes.

    Raises:
        OSError: If it does, or does not tell.
    """
    probe = folder / f".probe-{secrets.token_hex(4)}"
    if not hasattr(os, "pwrite"):
        raise OSError("this system has no way to write into files with holes")
    try:
        with probe.open("wb") as file:
            file.seek(_PROBE)
            file.write(b"\0")
        if _space(probe) > _PROBE // 2:
            raise OSError(f"the file system of {folder} fills the holes of files")
    finally:
        probe.unlink(missing_ok=True)


def _removed(path: Path) -> bool:
    """Remove what is kept at a path, unless somebody uses it; whether it is gone."""
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
            return True
        beside = coverage_lock(path) if COVERAGE_NAME.fullmatch(path.name) else None
        alone = locks.acquire_lock(beside or path / _LOCK)
        if alone is not None:
            gone = path.with_name(f"{_GONE}{secrets.token_hex(6)}")
            with alone:
                path.rename(gone)
                if beside:
                    beside.unlink()
            shutil.rmtree(gone, ignore_errors=True)
            return True
    return False


def _read_about(path: Path) -> SourceVersion | None:
    try:
        told = SourceVersion(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (told.address, told.url, told.etag, told.last_modified)
    right = all(isinstance(text, str) for text in texts) and type(told.size) is int
    return told if right and told.size >= 0 else None


def _keep_text(path: Path, text: str) -> None:
    """Write a small file in one step, so that nobody reads half of it."""
    partial = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it has just been removed."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _space(path: Path) -> int:
    """Bytes that a file takes on the disk, without its holes."""
    try:
        found = path.stat()
    except OSError:
        return 0
    return getattr(found, "st_blocks", -(-found.st_size // 512)) * 512


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
