"""Atomic writes: work in a hidden folder beside the output, then publish in one step."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from hrdem.errors import OutputError, OutputExistsError
from hrdem.runtime.locks import FileLock, acquire_lock
from hrdem.runtime.utf8_folder import utf8_folder

_HIDDEN, _PARTIAL, _LOCK = ".hrdem-", ".partial", "lock"
_MIN_AGE_SECONDS = 0.5  # of removed folders: their run may not have locked them yet
_MAX_STAGED_NAME_CHARACTERS = 16

log = logging.getLogger(__name__)


def write_file_atomically(path: Path, content: str | bytes, overwrite: bool) -> None:
    """Write a small file that appears under its name only when it is complete.

    Raises:
        OutputExistsError: If it exists and may not be replaced.
        OutputError: If it cannot be written.
    """
    try:
        with staged_file(path, content) as partial:
            publish(partial, path, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{path} cannot be written: {exc}.") from exc


@contextlib.contextmanager
def staging_dir(output: Path) -> Iterator[Path]:
    """Yield a hidden folder beside an output for unfinished files; it is removed at the end.

    Folders of killed runs are removed too: no process holds their lock.

    Raises:
        OSError: If it cannot be created.
    """
    _remove_stale_folders(output.parent)
    staging, lock = _create_locked_folder(output)
    try:
        with lock or contextlib.nullcontext(), utf8_folder(staging) as named:
            yield named
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_stale_folders(output.parent)


def _create_locked_folder(output: Path) -> tuple[Path, FileLock | None]:
    """Create a hidden folder and lock it; None on a file system without locks."""
    while True:
        staging = hidden_path(output)
        staging.mkdir()
        try:
            lock = acquire_lock(staging / _LOCK)
        except FileNotFoundError:
            if not output.parent.is_dir():
                raise
            continue  # another run removed it before this one had locked it
        except OSError:
            return staging, None
        if lock is not None:  # otherwise another run is removing it
            return staging, lock


def _remove_stale_folders(folder: Path) -> None:
    """Remove the hidden folders of killed runs."""
    found: list[Path] = []
    with contextlib.suppress(FileNotFoundError):  # another run has removed the folder
        found = list(folder.glob(f"{_HIDDEN}*{_PARTIAL}"))
    for staging in found:
        with contextlib.suppress(OSError):
            if time.time() - staging.stat().st_mtime < _MIN_AGE_SECONDS:
                continue
            lock = acquire_lock(staging / _LOCK)
            if lock is not None:
                lock.close()
                log.info("Removing %s, which a killed run left behind.", staging)
                shutil.rmtree(staging, ignore_errors=True)


@contextlib.contextmanager
def staged_file(path: Path, content: str | bytes) -> Iterator[Path]:
    """Yield a hidden file beside a path with a content; it is removed at the end."""
    with staging_dir(path) as staging:
        partial = staging / "content"
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        yield partial


def check_creatable(path: Path) -> None:
    """Check that a file can be created, by creating one beside it whose path is as long.

    Raises:
        OSError: If it cannot.
    """
    probe = hidden_path(path)
    within = len(os.fspath(path)) - len(os.fspath(probe)) - 1
    try:
        probe.mkdir()
        Path(probe, "x" * max(within, _MAX_STAGED_NAME_CHARACTERS)).touch()
    finally:
        shutil.rmtree(probe, ignore_errors=True)


def check_replaceable(path: Path) -> None:
    """Check that an existing file can be replaced, without changing it.

    POSIX lets a file be replaced whoever has it open, and whatever its mode, unless it is immutable
    or belongs to another user in a sticky folder. On Windows it may not be open in a program that
    does not share it, nor be read-only.

    Raises:
        OSError: If it cannot.
    """
    if not hasattr(os, "geteuid"):
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is read-only", str(path))
        path.rename(path)
        return
    try:
        os.close(os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)))
    except OSError as exc:
        if exc.errno != errno.EACCES or os.access(path, os.W_OK):  # not for its mode
            raise
    folder = path.parent.stat()
    owners = (0, folder.st_uid, path.stat().st_uid)
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in owners:
        raise PermissionError(errno.EPERM, "the file belongs to another user", str(path))


def sync_to_disk(path: Path) -> None:
    """Flush a file to the disk.

    Raises:
        OSError: If the disk cannot be written.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def publish(finished: Path, output: Path, overwrite: bool) -> None:
    """Flush a finished file to the disk, then rename it atomically.

    Raises:
        OutputExistsError: If the name was taken meanwhile and may not be replaced.
        OSError: If the file system refuses.
    """
    sync_to_disk(finished)
    if overwrite:
        finished.replace(output)
    else:
        try:
            os.link(finished, output)  # unlike a rename, never replaces
        except FileExistsError as exc:
            raise output_exists_error(output) from exc
        except OSError:  # a file system without hard links
            if output.exists():
                raise output_exists_error(output) from None
            finished.replace(output)
        else:
            finished.unlink()
    sync_folder(output.parent)


def sync_folder(folder: Path) -> None:
    """Flush names that were added to a folder or removed from it to the disk."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no such call: its file system logs the names
    with contextlib.suppress(
        OSError
    ):  # some network file systems cannot; folders may be unreadable
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def hidden_path(output: Path) -> Path:
    """Return a unique hidden path beside an output."""
    return output.with_name(f"{_HIDDEN}{secrets.token_hex(6)}{_PARTIAL}")


def is_hidden_path(path: Path) -> bool:
    """Whether a path was made by `hidden_path`."""
    return path.name.startswith(_HIDDEN) and path.name.endswith(_PARTIAL)


def output_exists_error(output: Path) -> OutputExistsError:
    """Return the error for an output that exists."""
    return OutputExistsError(
        f"{output} exists; give `overwrite` to replace it, or another `output`."
    )
