"""What is kept of one version of a remote file: its bytes at their own places in a sparse file."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

from isal import isal_zlib

from hrdem.http.cache.range_log import MAX_PART_BYTES, CachedRange, RangeLog, line_of
from hrdem.http.spans import Span, join_spans
from hrdem.runtime.locks import FileLock

ABOUT = "about.json"
_BYTES, _RECORD = "bytes", "record"


class Mirror:
    """A local copy with holes, for several threads and several processes at a time.

    Bytes are written first, and then the record's line that tells of them; both files are opened
    for each writing, so that nothing is left open when threads outlive a run.

    Args:
        folder: Where it is kept.
        held: Lock that keeps the folder from being removed.
    """

    def __init__(self, folder: Path, held: FileLock) -> None:
        self._bytes = folder / _BYTES
        self._lines = folder / _RECORD
        self._record = RangeLog(self._lines)
        self._held = held
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let others remove it, which was used just now."""
        with contextlib.suppress(OSError):
            os.utime(self._bytes.with_name(ABOUT))
        self._held.close()

    def read(self, start: int, into: memoryview) -> list[Span]:
        """Read what is there of a span, as far as its checksums are right.

        Args:
            start: Position of the first byte.
            into: Where the bytes go; its length is that of the span.

        Returns:
            Spans that are missing, by position.

        Raises:
            OSError: If the disk does not give what is there.
        """
        stop = start + len(into)
        with self._lock:
            parts = list(self._record.look_up(start, stop))
        if not parts or not self._bytes.exists():
            return [(start, stop)]
        missing: list[Span] = []
        descriptor = os.open(self._bytes, os.O_RDONLY)
        try:
            begin = start
            for part in parts:
                if part.stop <= begin or not (content := _checked(descriptor, part)):
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

    def keep(self, start: int, content: memoryview) -> None:
        """Keep bytes, unless all that was kept has been removed since.

        Args:
            start: Position of the first.
            content: The bytes.

        Raises:
            OSError: If the disk does not take them.
        """
        for at in range(0, len(content), MAX_PART_BYTES):
            piece = content[at : at + MAX_PART_BYTES]
            part = CachedRange(start + at, len(piece), isal_zlib.crc32(piece))
            with contextlib.suppress(FileNotFoundError):
                _write(self._bytes, piece, part.start)
                _append(self._lines, line_of(part))

    def invalidate(self, start: int, stop: int) -> None:
        """Make sure that what is kept of a span is not used again.

        Raises:
            OSError: If the disk does not take it.
        """
        with self._lock:
            parts = list(self._record.look_up(start, stop))
        descriptor = os.open(self._bytes, os.O_RDWR)
        try:
            for part in parts:
                if content := _checked(descriptor, part):  # else it does not count as it is
                    os.pwrite(descriptor, bytes([content[0] ^ 0xFF]), part.start)
        finally:
            os.close(descriptor)

    def gaps(self, start: int, stop: int) -> list[Span]:
        """Return what of a span is missing, by the record and the size of what is kept.

        Raises:
            OSError: If the record cannot be read.
        """
        with self._lock:
            there = self._bytes.stat().st_size if self._bytes.exists() else 0
            return self._record.gaps(start, stop, there)


def prepare(folder: Path) -> None:
    """Make the files of a mirror.

    Raises:
        OSError: If the disk refuses.
    """
    for name in (_BYTES, _RECORD):
        (folder / name).touch()


def _checked(descriptor: int, part: CachedRange) -> memoryview:
    """The bytes of a part; none if they are not those that were kept."""
    content = memoryview(os.pread(descriptor, part.size, part.start))
    right = len(content) == part.size and isal_zlib.crc32(content) == part.checksum
    return content if right else content[:0]


def _write(path: Path, content: memoryview, at: int) -> None:
    """Write all of a content at a position; the file has to exist."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        while content:
            written = os.pwrite(descriptor, content, at)
            content, at = content[written:], at + written
    finally:
        os.close(descriptor)


def _append(path: Path, line: bytes) -> None:
    """Write a line at the end in one step, as others append theirs; the file has to exist."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, f"{path} does not take a whole line")
    finally:
        os.close(descriptor)
