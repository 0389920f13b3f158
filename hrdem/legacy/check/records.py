"""Physical records of a USGS DEM file: blocks of 1024 bytes, which some files end with a line end.

CDED 2.1, 7.4.1 and 7.4.3: a profile has 146 heights in its first block, after 144 bytes of other
elements, and 170 in each further one; blanks fill each block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.legacy.check.numbers import read_integer
from hrdem.usgsdem.elements import HEIGHT_BYTES, NEXT_HEIGHTS, PROFILE_HEADER_BYTES, RECORD_BYTES
from hrdem.usgsdem.records import count_records

MAX_POINTS = 20_000  # of a profile
MAX_PROFILES = 20_000
MAX_NODES = 64 << 20
_POINTS = slice(12, 18)  # of a profile: element 2
_BATCH_BYTES = 2 << 20
_END_NAMES = {b"\n": "LF after each", b"\r\n": "CR and LF after each", b"": "no line ends"}


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """How the records of a file lie in it.

    Attributes:
        delimiter: What ends each record: nothing, LF, or CR and LF.
        points: Heights of each profile.
    """

    delimiter: bytes
    points: int

    @property
    def record_bytes(self) -> int:
        """Bytes of a record with its end."""
        return RECORD_BYTES + len(self.delimiter)

    def describe_ends(self) -> str:
        """Return what ends the records, for people."""
        return _END_NAMES[self.delimiter]

    @property
    def blocks(self) -> int:
        """Records of a profile."""
        return count_records(self.points)

    @property
    def profile_bytes(self) -> int:
        """Bytes of a profile."""
        return self.blocks * self.record_bytes

    def count_profiles(self, size: int) -> tuple[int, int]:
        """Return the whole profiles in a file of a size, and the bytes after them."""
        body = size - self.record_bytes
        if self.delimiter and (body + len(self.delimiter)) % self.profile_bytes == 0:
            body += len(self.delimiter)  # the last record has no end
        if body < 0:
            return 0, 0
        return body // self.profile_bytes, body % self.profile_bytes


@dataclass(frozen=True, slots=True)
class Profiles:
    """Consecutive profiles.

    Attributes:
        first: Number of the first, from 0.
        heads: Their elements before the heights, each of 144 bytes.
        fields: Characters of the heights, shape (profiles, 6 x points).
        is_padded: Whether blanks fill the rest, for each profile.
        is_delimited: Whether each record ends as the first does, for each profile.
    """

    first: int
    heads: list[bytes]
    fields: NDArray[np.uint8]
    is_padded: NDArray[np.bool_]
    is_delimited: NDArray[np.bool_]


def read_start(file: BinaryIO) -> tuple[bytes, bytes, int | None]:
    """Read the type A record, and how the first profile follows.

    Args:
        file: The file, at its beginning.

    Returns:
        The record; what ends it, which is nothing, LF, or CR and LF; and the number of heights of
        the first profile, None if there is none that is possible.
    """
    start, after = file.read(RECORD_BYTES), file.read(2)
    delimiter = b"\r\n" if after == b"\r\n" else b"\n" if after[:1] == b"\n" else b""
    profile = after[len(delimiter) :] + file.read(PROFILE_HEADER_BYTES)
    points = read_integer(profile[_POINTS])
    return start, delimiter, points if points and 1 <= points <= MAX_POINTS else None


def read_profiles(file: BinaryIO, layout: RecordLayout, profiles: int) -> Iterator[Profiles]:
    """Read the profiles of a file in batches of a few megabytes.

    Args:
        file: The file, at its first profile.
        layout: How its records lie.
        profiles: Number of profiles to read.
    """
    batch = max(1, _BATCH_BYTES // layout.profile_bytes)
    for first in range(0, profiles, batch):
        count = min(batch, profiles - first)
        content = file.read(count * layout.profile_bytes)
        missing = count * layout.profile_bytes - len(content)
        if missing > len(layout.delimiter):
            return  # a file that became shorter while it was read
        content += layout.delimiter[len(layout.delimiter) - missing :]
        yield _split(np.frombuffer(content, np.uint8), layout, first, count)


def _split(content: NDArray[np.uint8], layout: RecordLayout, first: int, count: int) -> Profiles:
    records = content.reshape(count, layout.blocks, layout.record_bytes)
    ends = np.frombuffer(layout.delimiter, np.uint8)
    is_delimited = (records[..., RECORD_BYTES:] == ends).all(axis=(1, 2))
    used = NEXT_HEIGHTS * HEIGHT_BYTES
    places = np.concatenate(
        [
            records[:, 0, PROFILE_HEADER_BYTES:used],
            records[:, 1:, :used].reshape(count, -1),
        ],
        axis=1,
    )
    stop = layout.points * HEIGHT_BYTES
    is_padded = (places[:, stop:] == ord(" ")).all(axis=1)
    is_padded &= (records[..., used:RECORD_BYTES] == ord(" ")).all(axis=(1, 2))
    heads = [records[number, 0, :PROFILE_HEADER_BYTES].tobytes() for number in range(count)]
    return Profiles(first, heads, places[:, :stop], is_padded, is_delimited)
