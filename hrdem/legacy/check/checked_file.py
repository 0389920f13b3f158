"""Files to check: one file, the members of an archive, or everything in a folder."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from hrdem.errors import RequestError
from hrdem.legacy import archive
from hrdem.runtime.text import to_one_line
from hrdem.runtime.walk_folder import walk_folder

MAX_FILES = 5_000  # of a folder; zips of two cells each take 200 MB of findings and edges
MAX_ARCHIVE_BYTES = 4 << 30  # of all members, unpacked
_MAX_REASON_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file on disk or in an archive.

    Attributes:
        label: Its name in findings: the path below what is checked.
        name: Its own name.
        size: Its size, bytes.
        opener: Opens it.
    """

    label: str
    name: str
    size: int
    opener: Callable[[], BinaryIO]

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading.

        Raises:
            RequestError: If it cannot be read.
        """
        with _explain_damage(self.label):
            file = self.opener()
        with file:
            yield cast("BinaryIO", _ExplainingFile(file, self.label))

    def read(self, size: int) -> bytes:
        """Return its first bytes."""
        with self.open() as file:
            return file.read(size)


@contextmanager
def _explain_damage(label: str) -> Iterator[None]:
    """Turn the errors of reading a file, or a member of an archive, into a sentence."""
    try:
        yield
    except RequestError:
        raise
    except OSError as exc:
        raise RequestError(
            f"{label} cannot be read: {exc.strerror or exc}. Check its permissions."
        ) from exc
    except archive.DAMAGE as exc:
        reason = to_one_line(str(exc), _MAX_REASON_CHARACTERS)
        raise RequestError(
            f"{label} cannot be read from its archive: {reason}. Get the archive again."
        ) from exc


class _ExplainingFile:
    """A file whose errors are sentences; errors of those who use it are not touched."""

    def __init__(self, file: BinaryIO, label: str) -> None:
        self._file = file
        self._label = label

    def read(self, size: int = -1) -> bytes:
        with _explain_damage(self._label):
            return self._file.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        with _explain_damage(self._label):
            return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return self._file.seekable()


def make_checked_file(path: Path, label: str) -> CheckedFile:
    """Return a file on disk as one to check.

    Raises:
        RequestError: If there is no such file.
    """
    try:
        size = path.stat().st_size
    except OSError as exc:
        raise RequestError(f"{label} cannot be read: {exc.strerror}. Check the path.") from exc
    return CheckedFile(label, path.name, size, partial(_open_file, path))


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _is_file(path: Path) -> bool:
    """Whether a path is that of a file, which may be one that cannot be read."""
    try:
        return path.is_file()
    except OSError:
        return True


def list_folder(folder: Path) -> list[CheckedFile]:
    """Return all files below a folder, also through links, in the order of `walk_folder`.

    Raises:
        RequestError: If there are too many, or one or a folder cannot be read.
    """
    files: list[CheckedFile] = []
    for path in walk_folder(folder):
        if _is_file(path):
            files.append(make_checked_file(path, path.relative_to(folder).as_posix()))
        if len(files) > MAX_FILES:
            raise RequestError(
                f"{folder} has more than {MAX_FILES:,} files. Check its folders one by one."
            )
    return files


@contextmanager
def open_archive(checked: CheckedFile) -> Iterator[list[CheckedFile]]:
    """Open a zip archive, and yield the files in it.

    Raises:
        RequestError: If it is damaged, or has too much in it.
    """
    label = checked.label
    with checked.open() as file, archive.open_archive(file, label) as opened:
        members = [each for each in opened.infolist() if not each.filename.endswith("/")]
        for each in members:
            archive.check_size(each, label)
        if (total := sum(each.file_size for each in members)) > MAX_ARCHIVE_BYTES:
            raise RequestError(
                f"{label} has {total:,} bytes unpacked, and at most {MAX_ARCHIVE_BYTES:,} "
                "are read. Unpack it, and check the folder."
            )
        yield [
            CheckedFile(
                f"{label}/{to_one_line(each.filename, archive.MAX_NAME_CHARACTERS)}",
                each.filename.rpartition("/")[2],
                each.file_size,
                partial(_open_member, opened, each, label),
            )
            for each in members
        ]


def _open_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, label: str) -> BinaryIO:
    archive.check_member(member, label)
    return cast("BinaryIO", opened.open(member))
