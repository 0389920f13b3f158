"""The log of the cached ranges of a remote file: one line for each range.

Each line holds the checksum of the bytes, which is compared on every read. Bytes that never reached
the disk because the machine lost power therefore count as missing, and so do truncated lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_PART_BYTES = 64 << 10  # at most this much of each request is lost when a run is killed

_LINE = np.dtype([("start", "<u8"), ("size", "<u4"), ("checksum", "<u4"), ("hash", "<u8")])
_FACTORS = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)))
_MAX_RECENT = 4_096  # ranges that are searched apart before they are merged with the others
_READ_BYTES = 4_096 * _LINE.itemsize  # at a time: the log of 50 GB has 20 MB


@dataclass(frozen=True, slots=True)
class CachedRange:
    """A range of bytes that is cached.

    Attributes:
        start: Position of the first byte.
        size: Number of bytes, at most `MAX_PART_BYTES`.
        checksum: CRC-32 of the bytes.
    """

    start: int
    size: int
    checksum: int

    @property
    def stop(self) -> int:
        """Position after the last."""
        return self.start + self.size


class RangeLog:
    """The log of one file; several processes may append to it. Not safe for threads.

    Args:
        path: Path of the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._known = _Columns.of(np.empty(0, _LINE))
        self._recent = self._known  # not merged yet

    def look_up(self, start: int, stop: int) -> Iterator[CachedRange]:
        """Yield the ranges that overlap a span, by position.

        Raises:
            OSError: If the log cannot be read.
        """
        self._catch_up()
        ranges = self._known.overlapping(start, stop).merge(self._recent.overlapping(start, stop))
        for each in zip(ranges.start, ranges.size, ranges.checksum, strict=True):
            part = CachedRange(*map(int, each))
            if part.stop > start:
                yield part

    def gaps(self, start: int, stop: int, stored_bytes: int) -> list[tuple[int, int]]:
        """Return the parts of a span that no range covers; ranges beyond a file size do not count.

        Raises:
            OSError: If the log cannot be read.
        """
        missing = []
        for part in self.look_up(start, stop):
            if part.stop > stored_bytes:
                continue
            if part.start > start:
                missing.append((start, part.start))
            start = max(start, part.stop)
        if start < stop:
            missing.append((start, stop))
        return missing

    def _catch_up(self) -> None:
        """Read the lines that were appended since, by this process and by others."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size - self._read_bytes < _LINE.itemsize:
            return
        appended = []
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            while self._read_bytes + _LINE.itemsize <= size and (content := file.read(_READ_BYTES)):
                lines, used = _parse_lines(content)
                appended.append(_Columns.of(lines))
                self._read_bytes += used
                file.seek(self._read_bytes)
        self._recent = self._recent.merge(*appended)
        if len(self._recent.start) > _MAX_RECENT:
            self._known = self._known.merge(self._recent)
            self._recent = self._recent.overlapping(0, 0)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Ranges by position, as columns: 16 bytes each, and no copy for a search."""

    start: NDArray[np.uint64]
    size: NDArray[np.uint32]
    checksum: NDArray[np.uint32]

    @classmethod
    def of(cls, lines: NDArray[np.void]) -> _Columns:
        lines = lines[np.argsort(lines["start"], kind="stable")]
        return cls(*(lines[name].copy() for name in ("start", "size", "checksum")))

    def merge(self, *others: _Columns) -> _Columns:
        parts = [each for each in (self, *others) if len(each.start)]
        if len(parts) < 2:
            return parts[0] if parts else self
        start = np.concatenate([each.start for each in parts])
        order = np.argsort(start, kind="stable").astype(np.uint32)
        size = np.concatenate([each.size for each in parts])[order]
        return _Columns(start[order], size, np.concatenate([e.checksum for e in parts])[order])

    def overlapping(self, start: int, stop: int) -> _Columns:
        """Return the ranges that may overlap a span."""
        first = np.searchsorted(self.start, np.uint64(max(0, start - MAX_PART_BYTES)))
        span = slice(first, np.searchsorted(self.start, np.uint64(stop)))
        return _Columns(self.start[span], self.size[span], self.checksum[span])


def encode_line(part: CachedRange) -> bytes:
    """Return the line of the log that lists a range."""
    line = np.zeros(1, _LINE)
    line["start"], line["size"], line["checksum"] = part.start, part.size, part.checksum
    line["hash"] = _hash(line)
    return line.tobytes()


def _parse_lines(content: bytes) -> tuple[NDArray[np.void], int]:
    """Return the valid lines in a part of the log, and how many bytes they and torn ones take.

    After a line that a full disk truncated, later lines start at another offset.
    """
    found = []
    at = 0
    while len(content) - at >= _LINE.itemsize:
        count = (len(content) - at) // _LINE.itemsize
        lines = np.frombuffer(content, _LINE, count, at)
        is_valid = (lines["hash"] == _hash(lines)) & (lines["size"] <= MAX_PART_BYTES)
        valid_count = count if is_valid.all() else int(np.argmin(is_valid))
        found.append(lines[:valid_count])
        at += valid_count * _LINE.itemsize
        if valid_count < count:
            at = _find_line(content, at)
    return np.concatenate(found), at


def _find_line(content: bytes, after: int) -> int:
    """Return the offset of the first line after a torn one, or where the next may start."""
    last = len(content) - _LINE.itemsize + 1
    windows = np.lib.stride_tricks.sliding_window_view(
        np.frombuffer(content, np.uint8), _LINE.itemsize
    )
    for begin in range(after + 1, last, _MAX_RECENT):
        candidates = np.ascontiguousarray(windows[begin : min(begin + _MAX_RECENT, last)])
        lines = candidates.view(_LINE).ravel()
        is_valid = (lines["hash"] == _hash(lines)) & (lines["size"] <= MAX_PART_BYTES)
        if is_valid.any():
            return begin + int(np.argmax(is_valid))
    return max(after + 1, last)


def _hash(lines: NDArray[np.void]) -> NDArray[np.uint64]:
    """Return the hash that distinguishes a complete line from a torn one."""
    mixed = np.full(len(lines), _FACTORS[-1])
    with np.errstate(over="ignore"):
        for name, factor in zip(("start", "size", "checksum"), _FACTORS, strict=True):
            mixed = (mixed ^ lines[name].astype(np.uint64)) * factor
            mixed ^= mixed >> np.uint64(29)
    return mixed
