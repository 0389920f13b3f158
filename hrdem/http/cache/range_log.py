"""Which parts of a remote file are kept: a record that grows by a line for each part.

A part counts only together with the checksum of its bytes, which is compared whenever they are
used. So the bytes of a part that never came onto the disk, as its machine lost power, are as good
as absent, whatever the record says; and so is a line of the record that is not whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_PART_BYTES = 64 << 10  # bytes: so much of each request is lost at most when a run is killed

_LINE = np.dtype([("start", "<u8"), ("size", "<u4"), ("checksum", "<u4"), ("proof", "<u8")])
_FACTORS = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)))
_FEW = 4_096  # parts that are searched by themselves before they are joined with all others
_AT_ONCE = 4_096 * _LINE.itemsize  # bytes that are read at a time: a record of 50 GB has 20 MB


@dataclass(frozen=True, slots=True)
class CachedRange:
    """Bytes of a file that are kept.

    Attributes:
        start: Position of the first.
        size: How many, at most `MAX_PART_BYTES`.
        checksum: CRC-32 of them.
    """

    start: int
    size: int
    checksum: int

    @property
    def stop(self) -> int:
        """Position after the last."""
        return self.start + self.size


class RangeLog:
    """The record of one file, which several processes may write at a time; not for threads.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._known = _Parts.of(np.empty(0, _LINE))
        self._fresh = self._known  # not yet among the others

    def look_up(self, start: int, stop: int) -> Iterator[CachedRange]:
        """Yield the parts that share bytes with a span, by position.

        Raises:
            OSError: If the record cannot be read.
        """
        self._catch_up()
        found = self._known.within(start, stop).and_also(self._fresh.within(start, stop))
        for each in zip(found.start, found.size, found.checksum, strict=True):
            part = CachedRange(*map(int, each))
            if part.stop > start:
                yield part

    def gaps(self, start: int, stop: int, there: int) -> list[tuple[int, int]]:
        """Return what of a span is in no part, as spans; nothing lies beyond so many bytes.

        Raises:
            OSError: If the record cannot be read.
        """
        missing = []
        for part in self.look_up(start, stop):
            if part.stop > there:
                continue
            if part.start > start:
                missing.append((start, part.start))
            start = max(start, part.stop)
        if start < stop:
            missing.append((start, stop))
        return missing

    def _catch_up(self) -> None:
        """Read the lines that were written since, by this process and by others."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size - self._read < _LINE.itemsize:
            return
        came = []
        with self._path.open("rb") as file:
            file.seek(self._read)
            while self._read + _LINE.itemsize <= size and (content := file.read(_AT_ONCE)):
                lines, used = _whole_lines(content)
                came.append(_Parts.of(lines))
                self._read += used
                file.seek(self._read)
        self._fresh = self._fresh.and_also(*came)
        if len(self._fresh.start) > _FEW:
            self._known = self._known.and_also(self._fresh)
            self._fresh = self._fresh.within(0, 0)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Parts by position, as columns: 16 bytes for each, and no copy to search them."""

    start: NDArray[np.uint64]
    size: NDArray[np.uint32]
    checksum: NDArray[np.uint32]

    @classmethod
    def of(cls, lines: NDArray[np.void]) -> _Parts:
        lines = lines[np.argsort(lines["start"], kind="stable")]
        return cls(*(lines[name].copy() for name in ("start", "size", "checksum")))

    def and_also(self, *others: _Parts) -> _Parts:
        parts = [each for each in (self, *others) if len(each.start)]
        if len(parts) < 2:
            return parts[0] if parts else self
        start = np.concatenate([each.start for each in parts])
        order = np.argsort(start, kind="stable").astype(np.uint32)
        size = np.concatenate([each.size for each in parts])[order]
        return _Parts(start[order], size, np.concatenate([e.checksum for e in parts])[order])

    def within(self, start: int, stop: int) -> _Parts:
        """Those that may share bytes with a span."""
        first = np.searchsorted(self.start, np.uint64(max(0, start - MAX_PART_BYTES)))
        among = slice(first, np.searchsorted(self.start, np.uint64(stop)))
        return _Parts(self.start[among], self.size[among], self.checksum[among])


def line_of(part: CachedRange) -> bytes:
    """Return the line of a record that tells of a part."""
    line = np.zeros(1, _LINE)
    line["start"], line["size"], line["checksum"] = part.start, part.size, part.checksum
    line["proof"] = _proof(line)
    return line.tobytes()


def _whole_lines(content: bytes) -> tuple[NDArray[np.void], int]:
    """Take the lines out of some of a record, and tell how many bytes they and torn ones take.

    After a line that a full disk tore, the others go on at another place.
    """
    found = []
    at = 0
    while len(content) - at >= _LINE.itemsize:
        count = (len(content) - at) // _LINE.itemsize
        lines = np.frombuffer(content, _LINE, count, at)
        right = (lines["proof"] == _proof(lines)) & (lines["size"] <= MAX_PART_BYTES)
        wrong = count if right.all() else int(np.argmin(right))
        found.append(lines[:wrong])
        at += wrong * _LINE.itemsize
        if wrong < count:
            at = _next_line(content, at)
    return np.concatenate(found), at


def _next_line(content: bytes, after: int) -> int:
    """Position of the first line after a torn one; where the next may begin if there is none."""
    last = len(content) - _LINE.itemsize + 1
    places = np.lib.stride_tricks.sliding_window_view(
        np.frombuffer(content, np.uint8), _LINE.itemsize
    )
    for begin in range(after + 1, last, _FEW):
        some = np.ascontiguousarray(places[begin : min(begin + _FEW, last)])
        lines = some.view(_LINE).ravel()
        right = (lines["proof"] == _proof(lines)) & (lines["size"] <= MAX_PART_BYTES)
        if right.any():
            return begin + int(np.argmax(right))
    return max(after + 1, last)


def _proof(lines: NDArray[np.void]) -> NDArray[np.uint64]:
    """What tells a line that was written from one that was not, or not wholly."""
    mixed = np.full(len(lines), _FACTORS[-1])
    with np.errstate(over="ignore"):
        for name, factor in zip(("start", "size", "checksum"), _FACTORS, strict=True):
            mixed = (mixed ^ lines[name].astype(np.uint64)) * factor
            mixed ^= mixed >> np.uint64(29)
    return mixed
