"""An output store in a local folder, or in one that several machines share."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import HrdemError, OutputError
from hrdem.runtime.atomic import publish, staging_dir, sync_folder, sync_to_disk
from hrdem.runtime.utf8_folder import utf8_folder

_STAGING = ".hrdem"  # folder for unfinished files; not where a listing would read them
MAX_CLAIM_SECONDS = 10.0  # between the claim of a name and the file that takes it
_CLAIM_POLL_SECONDS = 0.05
_MAX_STAGING_TRIES = 20


@dataclass(frozen=True, slots=True)
class FolderStore:
    """A folder; it is created with the first file.

    Attributes:
        root: Its absolute path.
    """

    root: Path

    @property
    def address(self) -> str:
        """Its absolute path."""
        return os.fspath(self.root)

    def list_names(self) -> dict[str, int]:
        """Return the size in bytes of each file by its name."""
        with self._translate_errors("listed"):
            try:
                entries = os.scandir(self.root)
            except FileNotFoundError:
                return {}
            names = {}
            with entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # another run has removed it
                        if entry.is_file() and (size := entry.stat().st_size):  # or it is a claim
                            names[entry.name] = size
            return names

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """Return the content of a small file, or its beginning; None if there is no such file."""
        with self._translate_errors("read", name):
            try:
                with Path(self.root, name).open("rb") as file:
                    return file.read(max_bytes) or None
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes, *, if_absent: bool = False) -> bool:
        """Write a small file; return whether the folder holds this content now."""
        path = Path(self.root, name)
        with self._translate_errors("written", name), self._stage(name) as staging:
            partial = staging / "content"
            partial.write_bytes(content)
            if not if_absent:
                publish(partial, path, overwrite=True)
                return True
            sync_to_disk(partial)
            if _publish_exclusively(partial, path):
                sync_folder(self.root)
                return True
        return self.read(name) == content  # ours, if the answer of a file server was lost

    def remove(self, name: str) -> None:
        """Remove a file, if there is one of that name."""
        with self._translate_errors("removed", name):
            Path(self.root, name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def write_file(self, name: str, *beside: str) -> Iterator[Path]:
        """Yield the path of a file to create; it is published when the context ends."""
        with self._translate_errors("written", name), self._stage(name) as staging:
            yield staging / name
            for each in (*beside, name):
                publish(staging / each, Path(self.root, each), overwrite=True)

    @contextlib.contextmanager
    def read_file(self, name: str) -> Iterator[Path]:
        """Yield the path of a file, under which GDAL finds it too."""
        path = Path(self.root, name)
        if not path.is_file():
            raise OutputError(f"{path} cannot be read: it does not exist.")
        with contextlib.ExitStack() as stack:
            with self._translate_errors("read", name):
                folder = stack.enter_context(utf8_folder(self.root))
            yield folder / name

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[Path]:
        """Yield a folder for an unfinished file, in the one for those of this machine.

        Locks tell which of them were left behind, and those of a shared folder may not reach
        other machines.
        """
        folder = self.root / _STAGING / re.sub(r"[^\w-]", "-", platform.node() or "machine")
        with contextlib.ExitStack() as stack:
            stack.callback(_remove_if_empty, folder, folder.parent)
            for left in reversed(range(_MAX_STAGING_TRIES)):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    staging = stack.enter_context(staging_dir(folder / name))
                    break
                except (FileNotFoundError, FileExistsError):  # another has just removed it, empty
                    if not left:
                        raise
            yield staging

    @contextlib.contextmanager
    def _translate_errors(self, done: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except HrdemError:  # network errors are OSErrors too
            raise
        except OSError as exc:
            raise OutputError(
                f"{Path(self.root, name)} cannot be {done}: {exc.strerror or exc}. Check the "
                "folder's permissions and the space on the disk."
            ) from exc


def _remove_if_empty(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _publish_exclusively(partial: Path, path: Path) -> bool:
    """Publish a file under a name that no other process gets; return whether it was free."""
    try:
        os.link(partial, path)
    except OSError:  # the name is taken, or the file system has no hard links
        return _claim_and_replace(partial, path)
    return True


def _claim_and_replace(partial: Path, path: Path) -> bool:
    """Publish a file where there are no hard links.

    An empty file claims the name, since every file system creates one exclusively. A claim that
    stays empty was left by a killed process.
    """
    deadline = time.monotonic() + MAX_CLAIM_SECONDS
    while time.monotonic() < deadline:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                if path.stat().st_size:
                    return False
        time.sleep(_CLAIM_POLL_SECONDS)
    partial.replace(path)
    return True
