"""Atomic writes: work in a hidden folder beside the output, then publish in one step."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from hrdem.errors import OutputError, OutputExistsError
from hrdem.runtime.locks import HAS_FILE_LOCKS, acquire_lock

_HIDDEN, _PARTIAL, _LOCK = ".hrdem-", ".partial", "lock"
_NEW, _OLD = 0.5, 24 * 3600.0  # seconds

log = logging.getLogger(__name__)


def write_text_atomically(path: Path, text: str, overwrite: bool) -> None:
    """Write a small text file that appears under its name only when it is whole.

    Raises:
        OutputExistsError: If it exists and may not be replaced.
        OutputError: If it cannot be written.
    """
    try:
        with staged_file(path, text) as partial:
            publish(partial, path, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{path} cannot be written: {exc}.") from exc


@contextlib.contextmanager
def staging_dir(output: Path) -> Iterator[Path]:
    """Hold a hidden folder beside an output, for what is not finished; it goes at the end.

    Those of runs that were killed are recognised, as nobody holds their lock, and removed.

    Raises:
        OSError: If it cannot be made.
    """
    _sweep(output.parent)
    room, held = _locked_room(output)
    try:
        with held:
            yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        _sweep(output.parent)


def _locked_room(output: Path) -> tuple[Path, AbstractContextManager[object]]:
    """Make a hidden folder and hold its lock."""
    while True:
        room = hidden_path(output)
        room.mkdir()
        try:
            return room, acquire_lock(room / _LOCK) or contextlib.nullcontext()
        except FileNotFoundError:
            if not output.parent.is_dir():
                raise
            # else another run took it for one that was left over, as this one was held up
        except OSError:  # a file system without locks
            return room, contextlib.nullcontext()


def _sweep(folder: Path) -> None:
    """Remove the hidden folders of runs that are no more."""
    for room in folder.glob(f"{_HIDDEN}*{_PARTIAL}"):
        with contextlib.suppress(OSError):
            age = time.time() - room.stat().st_mtime
            if age < (
                _NEW if HAS_FILE_LOCKS else _OLD
            ):  # its run may not hold the lock yet, or cannot
                continue
            held = acquire_lock(room / _LOCK)
            if held is not None:
                held.close()
                log.info("%s is left over from a run that was killed, and is removed.", room)
                shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def staged_file(path: Path, content: str | bytes) -> Iterator[Path]:
    """Hold a content ready in a hidden file beside a path, and take it away at the end."""
    with staging_dir(path) as room:
        partial = room / "content"
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        yield partial


def sync_to_disk(path: Path) -> None:
    """Have the system write a file onto the disk now.

    Raises:
        OSError: If the disk refuses.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def publish(finished: Path, output: Path, overwrite: bool) -> None:
    """Bring a finished file onto the disk for good, then give it its name in one step.

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
    if os.name == "posix":
        folder = os.open(output.parent, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems cannot
                os.fsync(folder)
        finally:
            os.close(folder)


def hidden_path(output: Path) -> Path:
    """Return a name of its own beside an output, short enough wherever the output's is."""
    return output.with_name(f"{_HIDDEN}{secrets.token_hex(6)}{_PARTIAL}")


def is_hidden_path(path: Path) -> bool:
    """Whether a path is one that `hidden_path` gives."""
    return path.name.startswith(_HIDDEN) and path.name.endswith(_PARTIAL)


def output_exists_error(output: Path) -> OutputExistsError:
    """Return the error to raise for a name that is taken."""
    return OutputExistsError(
        f"{output} exists; give `overwrite` to replace it, or another `output`."
    )
