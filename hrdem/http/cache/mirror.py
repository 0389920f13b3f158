"""A mirror: the cached byte ranges of one version of a remote file, in a sparse file."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

from isal import isal_zlib

from hrdem.http.cache.range_log import MAX_PART_BYTES, CachedRange, RangeLog, encode_line
from hrdem.http.spans import Span, join_spans
from hrdem.runtime.file_io import open_descriptor, read_at, write_at
from hrdem.runtime.locks import FileLock

ABOUT = "about.json"
_BYTES, _LOG = "bytes", "record"


class Mirror:
    """A sparse local copy, for several threads and processes at a time.

    Bytes are written first, then the line of the log that lists them. Both files are opened for
    each write, so that nothing stays open when threads outlive a run.

    Args:
        folder: Folder of the mirror.
        lock: Lock that prevents the folder from being removed.
    """

    def __init__(self, folder: Path, lock: FileLock) -> None:
        self._bytes = folder / _BYTES
        self._log_path = folder / _LOG
        self._log = RangeLog(self._log_path)
        self._file_lock = lock
        self._lock = threading.Lock()

    def close(self) -> None:
        """Record the time of use and release the lock."""
        with contextlib.suppress(OSError):
            os.utime(self._bytes.with_name(ABOUT))
        self._file_lock.close()

    def read(self, start: int, into: memoryview) -> list[Span]:
        """Read the cached parts of a span whose checksums match.

        Args:
            start: Position of the first byte.
            into: Buffer for the bytes, as long as the span.

        Returns:
            Missing spans by position.

        Raises:
            OSError: If the disk cannot be read.
        """
        stop = start + len(into)
        with self._lock:
            parts = list(self._log.look_up(start, stop))
        if not parts or not self._bytes.exists():
            return [(start, stop)]
        missing: list[Span] = []
        descriptor = open_descriptor(self._bytes, os.O_RDONLY)
        try:
            begin = start
            for part in parts:
                if part.stop <= begin or not (content := _read_and_check(descriptor, part)):
                    continue
                if part.start > begin:
                    missing.append((begin, part.start))
                first, last = max(part.start, start), min(part.stop, stop)
                into[first - start : last - start] = content[first - part.start : last - part.start]
                begin = part.stop
        finally:
            os.close(descriptor)
        if begin < stop:
            missing.append((begin, stop))
        return join_spans(missing)

    def write(self, start: int, content: memoryview) -> None:
        """Write bytes, unless the mirror has been removed since.

        Args:
            start: Position of the first.
            content: The bytes.

        Raises:
            OSError: If the disk cannot be written.
        """
        for at in range(0, len(content), MAX_PART_BYTES):
            piece = content[at : at + MAX_PART_BYTES]
            part = CachedRange(start + at, len(piece), isal_zlib.crc32(piece))
            with contextlib.suppress(FileNotFoundError):
                _write_all(self._bytes, piece, part.start)
                _append(self._log_path, encode_line(part))

    def invalidate(self, start: int, stop: int) -> None:
        """Make sure that cached ranges that overlap a span are not read again.

        Raises:
            OSError: If the disk cannot be written.
        """
        with self._lock:
            parts = list(self._log.look_up(start, stop))
        descriptor = open_descriptor(self._bytes, os.O_RDWR)
        try:
            for part in parts:
                if content := _read_and_check(descriptor, part):  # otherwise it is already ignored
                    write_at(descriptor, bytes([content[0] ^ 0xFF]), part.start)
        finally:
            os.close(descriptor)

    def gaps(self, start: int, stop: int) -> list[Span]:
        """Return the missing parts of a span, by the log and the size of the mirror.

        Raises:
            OSError: If the log cannot be read.
        """
        with self._lock:
            stored = self._bytes.stat().st_size if self._bytes.exists() else 0
            return self._log.gaps(start, stop, stored)


def prepare(folder: Path) -> None:
    """Create the files of a mirror.

    Raises:
        OSError: If the disk cannot be written.
    """
    for name in (_BYTES, _LOG):
        (folder / name).touch()


def _read_and_check(descriptor: int, part: CachedRange) -> memoryview:
    """Return the bytes of a cached range; none if the checksum does not match."""
    content = memoryview(read_at(descriptor, part.size, part.start))
    right = len(content) == part.size and isal_zlib.crc32(content) == part.checksum
    return content if right else content[:0]


def _write_all(path: Path, content: memoryview, at: int) -> None:
    """Write all bytes at a position of an existing file."""
    descriptor = open_descriptor(path, os.O_WRONLY)
    try:
        write_at(descriptor, content, at)
    finally:
        os.close(descriptor)


def _append(path: Path, line: bytes) -> None:
    """Append a line to an existing file in one system call, as other processes do."""
    descriptor = open_descriptor(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, f"{path} does not take a whole line")
    finally:
        os.close(descriptor)
