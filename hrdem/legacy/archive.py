"""ZIP archives of DEMs: their members by name, with bounds for damaged and hostile files."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from hrdem.errors import RequestError
from hrdem.runtime.temporary_files import translate_full_disk
from hrdem.runtime.text import to_one_line

MAX_MEMBERS = 1_000
MAX_DIRECTORY_BYTES = 4 << 20
MAX_MEMBER_BYTES = 512 << 20  # unpacked; the largest BC file has 225 million
MAX_NAME_CHARACTERS = 100  # in a message
MAX_UNPACKED_IN_MEMORY_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # which expand by at most 1,032
_IS_ENCRYPTED = 1  # flag of a member
#: what `zipfile` raises for damage
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError)


class _BoundedFile:
    """A file that refuses to be read into memory: `zipfile` reads a directory of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.is_bounded = True
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if self.is_bounded and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes")
        return self._file.read(size)


def open_archive(file: BinaryIO, label: str) -> zipfile.ZipFile:
    """Open an archive whose directory and number of members are within bounds.

    Args:
        file: The archive; it stays open when the archive is closed.
        label: Its name in messages.

    Raises:
        RequestError: If it is not a ZIP, is damaged, or has too many members.
    """
    bounded = _BoundedFile(file)
    with _explain_damage(label):
        archive = zipfile.ZipFile(cast("BinaryIO", bounded))
    bounded.is_bounded = False  # stored members are read in chunks of any size
    if (count := len(archive.infolist())) > MAX_MEMBERS:
        raise RequestError(
            f"{label} has {count:,} members, and at most {MAX_MEMBERS:,} are read. "
            "Unpack it, and give the files or their folder."
        )
    return archive


@contextmanager
def _explain_damage(label: str) -> Iterator[None]:
    try:
        yield
    except RequestError:
        raise
    except (*DAMAGE, OSError) as exc:
        raise RequestError(
            f"{label} cannot be read as a ZIP: {to_one_line(str(exc), MAX_NAME_CHARACTERS)}. "
            "Get the file again."
        ) from exc


def check_member(member: zipfile.ZipInfo, label: str) -> None:
    """Refuse a member that cannot be read within bounds.

    Args:
        member: The member.
        label: Name of the archive in messages.

    Raises:
        RequestError: If it is encrypted, compressed by a method other than DEFLATE, or too large.
    """
    if member.flag_bits & _IS_ENCRYPTED:
        raise _refuse(member, label, "is encrypted")
    if member.compress_type not in _METHODS:
        raise _refuse(member, label, "is compressed by a method other than DEFLATE")
    check_size(member, label)


def check_size(member: zipfile.ZipInfo, label: str) -> None:
    """Refuse a member that is too large, as `check_member` does."""
    if (size := member.file_size) > MAX_MEMBER_BYTES:
        problem = f"has {size:,} bytes, more than the {MAX_MEMBER_BYTES:,} that are read"
        raise _refuse(member, label, problem)


def _refuse(member: zipfile.ZipInfo, label: str, problem: str) -> RequestError:
    return RequestError(
        f"{show_member(member.filename)} in {label} {problem}. Unpack it, and give the file."
    )


def list_members(path: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the members with some suffixes, in alphabetical order.

    Args:
        path: The archive.
        suffixes: In lower case, such as ``.dem``.

    Raises:
        RequestError: If it is not a ZIP, is damaged or too large, or such a member is encrypted,
            too large, there twice, or compressed by a method other than DEFLATE.
    """
    with _open_path(path) as archive:
        members = archive.infolist()
    names: set[str] = set()
    for member in members:
        name = member.filename
        inside = PurePosixPath(name)
        if inside.suffix.lower() not in suffixes or "__MACOSX" in inside.parts:
            continue
        if name in names:
            raise _refuse(member, path.name, "is there twice")
        check_member(member, path.name)
        names.add(name)
    return tuple(sorted(names))


@contextmanager
def open_member(path: Path, name: str) -> Iterator[BinaryIO]:
    """Unpack a member into a temporary file, which readers may seek in; open it at its beginning.

    Args:
        path: The archive.
        name: Name from `list_members`.

    Raises:
        RequestError: If the archive is damaged.
        OutputError: If there is no room for the file.
    """
    with tempfile.SpooledTemporaryFile(MAX_UNPACKED_IN_MEMORY_BYTES) as file:
        for chunk in _unpack(path, name):
            with translate_full_disk(file.tell() + len(chunk)):
                file.write(chunk)
        file.seek(0)
        yield cast("BinaryIO", file)


def _unpack(path: Path, name: str) -> Iterator[bytes]:
    with _open_path(path) as archive, archive.open(name) as packed:
        while chunk := packed.read(_CHUNK_BYTES):
            yield chunk


@contextmanager
def _open_path(path: Path) -> Iterator[zipfile.ZipFile]:
    with (
        _explain_damage(path.name),
        path.open("rb") as file,
        open_archive(file, path.name) as archive,
    ):
        yield archive


def show_member(name: str) -> str:
    """Return the name of a member for a message, without folders."""
    return to_one_line(PurePosixPath(name).name, MAX_NAME_CHARACTERS)
