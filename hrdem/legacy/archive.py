"""ZIP archives of DEMs: their members by name, with bounds for damaged and hostile files."""

from __future__ import annotations

import io
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
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError)


class _BoundedFile(io.FileIO):
    """A file that refuses to be read into memory: `zipfile` reads a directory of any size."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory has {size:,} bytes")
        return super().read(size)


def list_members(path: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the members with some suffixes, in alphabetical order.

    Args:
        path: The archive.
        suffixes: In lower case, such as ``.dem``.

    Raises:
        RequestError: If it is not a ZIP, is damaged or too large, or such a member is encrypted,
            too large, there twice, or compressed by a method other than DEFLATE.
    """
    with _open_archive(path) as archive:
        members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise RequestError(
            f"{path.name} has {len(members):,} members, and at most {MAX_MEMBERS:,} are read. "
            "Unpack it, and give the files or their folder."
        )
    names: set[str] = set()
    for member in members:
        name = member.filename
        inside = PurePosixPath(name)
        if inside.suffix.lower() not in suffixes or "__MACOSX" in inside.parts:
            continue
        problem = _find_problem(member, names)
        if problem:
            raise RequestError(
                f"{show_member(name)} in {path.name} {problem}. Unpack it, and give the file."
            )
        names.add(name)
    return tuple(sorted(names))


def _find_problem(member: zipfile.ZipInfo, names: set[str]) -> str:
    if member.filename in names:
        return "is there twice"
    if member.flag_bits & _IS_ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in _METHODS:
        return "is compressed by a method other than DEFLATE"
    if member.file_size > MAX_MEMBER_BYTES:
        return f"has {member.file_size:,} bytes, more than the {MAX_MEMBER_BYTES:,} that are read"
    return ""


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
    with _open_archive(path) as archive, archive.open(name) as packed:
        while chunk := packed.read(_CHUNK_BYTES):
            yield chunk


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with _BoundedFile(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGE as exc:
        raise RequestError(
            f"{path.name} cannot be read as a ZIP: {to_one_line(str(exc), MAX_NAME_CHARACTERS)}. "
            "Get the file again."
        ) from exc


def show_member(name: str) -> str:
    """Return the name of a member for a message, without folders."""
    return to_one_line(PurePosixPath(name).name, MAX_NAME_CHARACTERS)
