"""The store of cached byte ranges: parts of remote files in plain files, with an index.

    index.sqlite             `hrdem.http.cache.index`
    <2 hex>/<14 hex>         the bytes of one part, at most 4 MB, in 16 folders

A file is written whole, then its part is listed. A part without a file counts as missing; a file
without a part is from a killed run.
"""

from __future__ import annotations

import contextlib
import errno
import math
import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from isal import isal_zlib

from hrdem.http.cache.disk import list_folder, modification_time, try_unlink
from hrdem.http.cache.index import MAX_PART_BYTES, CachedPart, RangeIndex, disk_bytes, version_key
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span, join_spans

INDEX = "index.sqlite"
_FOLDER = re.compile(r"[0-9a-f]{2}")
_FILE = re.compile(r"[0-9a-f]{14}")
_NUMBER_BITS = 60  # folders are 00 to 0f, as making one takes as long as the file
_WRITTEN_BYTES = 256 << 10  # at a time: large pages may have to come from a virtual machine's host
_SKIPPED_BYTES = 256 << 10  # that are read at a time to check a part of which less is needed
_MAX_UNLISTED_AGE_SECONDS = 3600.0  # older files without a part are from killed runs
_MAX_FOLDER_ATTEMPTS = 3  # other processes may remove empty folders


class PartStore:
    """Parts of remote files by version, for several threads and processes at a time.

    Use it as a context manager, or close it.

    Args:
        folder: Folder of the store, which is created when it is needed.
        read_only: Whether to create and write nothing.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder = folder
        self._read_only = read_only
        self._index = RangeIndex(folder / INDEX, self._remove_all_files, read_only=read_only)
        self._lock = threading.Lock()
        self._reserved_bytes = 0  # of parts that are being written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def index(self) -> RangeIndex:
        """The index."""
        return self._index

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def read(self, version: SourceVersion, start: int, into: memoryview) -> list[Span]:
        """Read the cached parts of a span whose checksums match.

        Args:
            version: Version of the file.
            start: Position of the first byte.
            into: Buffer for the bytes, as long as the span. What is missing is undefined.

        Returns:
            Missing spans by position.

        Raises:
            OSError: If the index cannot be read.
        """
        begin, stop = start, start + len(into)
        missing: list[Span] = []
        used, damaged = [], []
        for part in self._index.find(version, start, stop):
            if part.stop <= begin:
                continue
            first, last = max(part.start, begin), min(part.stop, stop)
            if not self._read_part(version, part, first, into[first - start : last - start]):
                damaged.append(part)
                continue
            used.append(part)
            if first > begin:
                missing.append((begin, first))
            begin = last
        if begin < stop:
            missing.append((begin, stop))
        with contextlib.suppress(OSError):  # what was read is right even if nothing can be written
            self._index.mark_used(used)
            if damaged and not self._read_only:
                self._remove(damaged)
        return join_spans(missing)

    def write(
        self, version: SourceVersion, start: int, content: memoryview, max_bytes: int
    ) -> bool:
        """Write bytes, and evict least recently used parts to make room for them.

        Args:
            version: Version of the file.
            start: Position of the first byte.
            content: The bytes.
            max_bytes: Bytes on the disk that all parts may take.

        Returns:
            Whether all bytes were written: a part that is larger than the limit is not.

        Raises:
            OSError: If the disk cannot be written.
        """
        pieces = range(0, len(content), MAX_PART_BYTES)
        return all(
            self._write_part(version, start + at, content[at : at + MAX_PART_BYTES], max_bytes)
            for at in pieces
        )

    def gaps(self, version: SourceVersion, start: int, stop: int) -> list[Span]:
        """Return the missing parts of a span, by the index.

        Raises:
            OSError: If the index cannot be read.
        """
        missing: list[Span] = []
        for part in self._index.find(version, start, stop):
            if part.start > start:
                missing.append((start, part.start))
            start = max(start, part.stop)
        if start < stop:
            missing.append((start, stop))
        return missing

    def invalidate(self, version: SourceVersion, start: int, stop: int) -> None:
        """Remove the parts that overlap a span.

        Raises:
            OSError: If the disk cannot be written, or nothing may be.
        """
        if self._read_only:
            raise OSError(errno.EROFS, f"{self._folder} is only read")
        self._remove(self._index.find(version, start, stop))

    def evict(self, max_bytes: int, before: float = math.inf) -> int:
        """Remove least recently used parts until the others take no more than some bytes.

        Args:
            max_bytes: Bytes on the disk.
            before: Parts that were used since are kept, seconds since 1970.

        Returns:
            Freed bytes.

        Raises:
            OSError: If the disk cannot be written.
        """
        freed = 0
        while (excess := self._index.total_bytes() - max_bytes) > 0:
            size = self._remove(self._index.find_oldest(excess, before))
            if not size:
                break
            freed += size
        return freed

    def drop_others(self, version: SourceVersion) -> bool:
        """Remove the parts of other versions of the same file; return whether there were any.

        Raises:
            OSError: If the disk cannot be written.
        """
        numbers = self._index.find_others(version)
        self._index.remove(numbers)
        for number in numbers:
            try_unlink(self._path(number))
        return bool(numbers)

    def sweep(self) -> None:
        """Remove the files that killed runs left; at most once an hour.

        Raises:
            OSError: If the disk cannot be written.
        """
        if not self._index.begin_sweep(_MAX_UNLISTED_AGE_SECONDS):
            return
        before = time.time() - _MAX_UNLISTED_AGE_SECONDS
        found = [
            (number, path) for number, path in self._files() if modification_time(path) < before
        ]
        listed = self._index.list_numbers()
        for number, path in found:
            if number not in listed:
                try_unlink(path)

    def clear(self) -> int:
        """Remove everything; runs that use it fetch it again.

        Returns:
            Freed bytes.

        Raises:
            OSError: If the disk cannot be written.
        """
        freed = self._index.total_bytes()
        self._index.clear()
        self._remove_all_files()
        return freed

    def _write_part(
        self, version: SourceVersion, start: int, content: memoryview, max_bytes: int
    ) -> bool:
        """Write a part; return whether it fits."""
        checksum = isal_zlib.crc32(content, _begin_checksum(version, start))
        number = secrets.randbits(_NUMBER_BITS)
        part = CachedPart(number, start, len(content), checksum, time.time())
        with self._reserve(disk_bytes(part.size)) as reserved:
            total, adds = self._index.look_up(version, part)
            if disk_bytes(part.size) > max_bytes:
                return False
            if total + reserved > max_bytes:
                self.evict(max_bytes - reserved)
            path = self._path(part.id)
            try:
                _write_file(path, content)
                replaced = self._list_part(part, version, adds=adds)
            except BaseException:
                try_unlink(path)
                raise
        for number in replaced:
            try_unlink(self._path(number))
        return True

    def _list_part(self, part: CachedPart, version: SourceVersion, *, adds: bool) -> list[int]:
        """List a part; return the numbers of those that it replaces."""
        if not adds:
            return self._index.replace(part, version)
        self._index.add(part, version)
        return []

    @contextlib.contextmanager
    def _reserve(self, size: int) -> Iterator[int]:
        """Count a part while it is written; yield the bytes of all that are."""
        with self._lock:
            self._reserved_bytes += size
            reserved = self._reserved_bytes
        try:
            yield reserved
        finally:
            with self._lock:
                self._reserved_bytes -= size

    def _read_part(
        self, version: SourceVersion, part: CachedPart, first: int, into: memoryview
    ) -> bool:
        """Read bytes of a part from a position on; return whether the checksum of all matches."""
        try:
            with self._path(part.id).open("rb", buffering=0) as file:
                checksum = _skip(file, first - part.start, _begin_checksum(version, part.start))
                _read_into(file, into)
                checksum = isal_zlib.crc32(into, checksum)
                checksum = _skip(file, part.stop - first - len(into), checksum)
        except (OSError, EOFError):
            return False
        return checksum == part.checksum

    def _remove(self, parts: Iterable[CachedPart]) -> int:
        """Remove files, then their parts; return the bytes on the disk."""
        gone = [part for part in parts if try_unlink(self._path(part.id))]
        if gone:
            self._index.remove(part.id for part in gone)
        return sum(disk_bytes(part.size) for part in gone)

    def _remove_all_files(self) -> None:
        for _, path in self._files():
            try_unlink(path)
        for folder in self._folders():
            with contextlib.suppress(OSError):
                folder.rmdir()  # if it is empty

    def _path(self, number: int) -> Path:
        name = f"{number:016x}"
        return self._folder / name[:2] / name[2:]

    def _files(self) -> Iterator[tuple[int, Path]]:
        """Yield the numbers and paths of all files of parts."""
        for folder in self._folders():
            for path in list_folder(folder):
                if _FILE.fullmatch(path.name):
                    yield int(folder.name + path.name, 16), path

    def _folders(self) -> list[Path]:
        return [path for path in list_folder(self._folder) if _FOLDER.fullmatch(path.name)]


def _begin_checksum(version: SourceVersion, start: int) -> int:
    """Begin the checksum of a part with its place: a damaged index may name another one."""
    return isal_zlib.crc32(version_key(version) + str(start).encode())


def _write_file(path: Path, content: memoryview) -> None:
    """Write a file that does not exist yet, and the folder that it is in."""
    for attempt in range(_MAX_FOLDER_ATTEMPTS):
        try:
            file = path.open("xb", buffering=0)
        except FileNotFoundError:
            if attempt == _MAX_FOLDER_ATTEMPTS - 1:
                raise
            path.parent.mkdir(mode=0o700, exist_ok=True)
            continue
        with file:
            for at in range(0, len(content), _WRITTEN_BYTES):
                piece = content[at : at + _WRITTEN_BYTES]
                if file.write(piece) < len(piece):
                    raise OSError(errno.ENOSPC, f"{path} does not take all bytes")
        break


def _read_into(file: FileIO, into: memoryview) -> None:
    """Fill a buffer from a file.

    Raises:
        EOFError: If the file is shorter.
    """
    while into:
        count = file.readinto(into)
        if not count:
            raise EOFError
        into = into[count:]


def _skip(file: FileIO, count: int, checksum: int) -> int:
    """Read bytes of which only the checksum is needed, and return that of all until then."""
    while count > 0:
        content = file.read(min(count, _SKIPPED_BYTES))
        if not content:
            raise EOFError
        checksum = isal_zlib.crc32(content, checksum)
        count -= len(content)
    return checksum
