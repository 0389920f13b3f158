"""Which parts of a remote file are kept: a record that grows by a line for each part.

A part counts only together with the checksum of its bytes, which is compared whenever they are
used. So the bytes of a part that never came onto the disk, as its machine lost power, are as good
as absent, whatever the record says; and so is a line of the record that is not whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST_PART = 64 << 10  # bytes: so much of each request is lost at most when a run is killed

_LINE = np.dtype([("start", "<u8"), ("size", "<u4"), ("checksum", "<u4"), ("proof", "<u8")])
_FACTORS = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)))
_FEW = 4_096  # lines that are searched by themselves before they are joined with all others


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file that are kept.

    Attributes:
        start: Position of the first.
        size: How many, at most `LARGEST_PART`.
        checksum: CRC-32 of them.
    """

    start: int
    size: int
    checksum: int

    @property
    def stop(self) -> int:
        """Position after the last."""
        return self.start + self.size


class Record:
    """The record of one file, which several processes may write at a time; not for threads.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._lines = np.empty(0, _LINE)  # by position
        self._fresh = np.empty(0, _LINE)  # likewise, not yet among the others

    def mend(self) -> None:
        """Cut off a last line that is not whole; only for a process that is alone with it.

        Raises:
            OSError: If it cannot be written.
        """
        if self._path.exists() and (torn := self._path.stat().st_size % _LINE.itemsize):
            os.truncate(self._path, self._path.stat().st_size - torn)

    def look_up(self, start: int, stop: int) -> Iterator[Part]:
        """Yield the parts that share bytes with a span, by position.

        Raises:
            OSError: If the record cannot be read.
        """
        self._catch_up()
        found = [_within(lines, start, stop) for lines in (self._lines, self._fresh)]
        for line in _by_position(*found):
            if line["start"] + line["size"] > start:
                yield Part(int(line["start"]), int(line["size"]), int(line["checksum"]))

    def gaps(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return what of a span is in no part, as spans.

        Raises:
            OSError: If the record cannot be read.
        """
        missing = []
        for part in self.look_up(start, stop):
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
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read((size - self._read) // _LINE.itemsize * _LINE.itemsize)
        self._read += len(content)
        lines = np.frombuffer(content, _LINE)
        lines = lines[(lines["proof"] == _proof(lines)) & (lines["size"] <= LARGEST_PART)]
        self._fresh = _by_position(self._fresh, lines)
        if len(self._fresh) > _FEW:
            self._lines = _by_position(self._lines, self._fresh)
            self._fresh = self._fresh[:0]


def line_of(part: Part) -> bytes:
    """Return the line of a record that tells of a part."""
    line = np.zeros(1, _LINE)
    line["start"], line["size"], line["checksum"] = part.start, part.size, part.checksum
    line["proof"] = _proof(line)
    return line.tobytes()


def _within(lines: NDArray[np.void], start: int, stop: int) -> NDArray[np.void]:
    """Lines, sorted by position, that may share bytes with a span."""
    first = np.searchsorted(lines["start"], max(0, start - LARGEST_PART))
    return lines[first : np.searchsorted(lines["start"], stop)]


def _by_position(*lines: NDArray[np.void]) -> NDArray[np.void]:
    together = np.concatenate(lines)
    return together[np.argsort(together["start"], kind="stable")]


def _proof(lines: NDArray[np.void]) -> NDArray[np.uint64]:
    """What tells a line that was written from one that was not, or not wholly."""
    mixed = np.full(len(lines), _FACTORS[-1])
    with np.errstate(over="ignore"):
        for name, factor in zip(("start", "size", "checksum"), _FACTORS, strict=True):
            mixed = (mixed ^ lines[name].astype(np.uint64)) * factor
            mixed ^= mixed >> np.uint64(29)
    return mixed
