"""TIFF directories: the values of tags, read on demand and within limits.

Classic TIFF (TIFF 6.0, section 2) and BigTIFF, in both byte orders. Whatever a file declares, the
number of bytes, requests, directories, entries and values that are read is limited.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Fetch = Callable[[int, int], bytes]

_MAX_BYTES = 4 << 20  # of directories and their values
_MAX_REQUESTS = 64
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 1_000  # of a directory
_MAX_VALUES = 65_536  # of a tag
_MAX_TEXT_BYTES = 256

# TIFF type -> struct code; TIFF 6.0, section 2, and BigTIFF's type 16
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}
_REAL = {11: "f", 12: "d"}
_TEXT = {2: "s"}
_INDEX = {3: "u2", 4: "u4", 16: "u8"}  # numpy names
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CODES = _WHOLE | _REAL | _TEXT


def has_tiff_signature(content: bytes) -> bool:
    """Whether bytes begin as a TIFF or a BigTIFF does."""
    return content[:4] in _SIGNATURES


class InvalidTiffError(Exception):
    """A file is inconsistent, or of an unsupported kind; the message states how."""


class BoundedReader:
    """Bytes of a file: the beginning at once, further ones on demand, limited in total.

    Args:
        fetch: Returns the bytes of the file from one position up to another.
        size: Size of the file, bytes.
        first: Number of bytes to fetch first, and at least in each request.
    """

    def __init__(self, fetch: Fetch, size: int, first: int) -> None:
        self._fetch = fetch
        self._min_bytes = first
        self.size = size
        self._bytes_left = _MAX_BYTES
        self._parts: list[tuple[int, bytes]] = []
        self._fetch_part(0, first)

    def __call__(self, start: int, length: int) -> bytes:
        if start < 0 or start + length > self.size:
            raise InvalidTiffError(
                f"it points to byte {start + length}, beyond its {self.size} bytes"
            )
        for _ in range(2):
            for at, part in self._parts:
                if at <= start and start + length <= at + len(part):
                    return part[start - at : start - at + length]
            self._fetch_part(start, max(length, self._min_bytes))
        raise InvalidTiffError(f"bytes {start} to {start + length} cannot be read")

    def _fetch_part(self, start: int, length: int) -> None:
        stop = min(start + length, self.size)
        self._bytes_left -= stop - start
        if self._bytes_left < 0 or len(self._parts) == _MAX_REQUESTS:
            raise InvalidTiffError(
                f"its directories take more than {_MAX_BYTES} bytes or {_MAX_REQUESTS} requests"
            )
        self._parts.insert(0, (start, self._fetch(start, stop)))


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    at: int  # position of the values


class Directory:
    """The entries of an image file directory; values are read on demand."""

    def __init__(self, data: BoundedReader, order: str, entries: dict[int, _Entry]) -> None:
        self._data = data
        self._order = order
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        """Whether there is a tag."""
        return tag in self._entries

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the only value of a tag."""
        values = self._read_values(tag, _WHOLE, 1)
        if not values:
            if default is None:
                raise InvalidTiffError(f"tag {tag} is missing")
            return default
        return int(values[0])

    def whole(self, tag: int) -> tuple[int, ...]:
        """Return whole numbers; none if the tag is missing."""
        return self._read_values(tag, _WHOLE, _MAX_VALUES)

    def real(self, tag: int) -> tuple[float, ...]:
        """Return floating point numbers; none if the tag is missing."""
        return self._read_values(tag, _REAL, _MAX_VALUES)

    def text(self, tag: int, max_bytes: int = _MAX_TEXT_BYTES) -> str:
        """Return a text; empty if the tag is missing."""
        values = self._read_values(tag, _TEXT, max_bytes)
        return str(b"".join(values).partition(b"\0")[0], "latin-1").strip()

    def locate_values(self, tag: int, count: int) -> tuple[int, str]:
        """Return the position of the values of a tag, and their numpy type."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind not in _INDEX or entry.count != count:
            raise InvalidTiffError(f"tag {tag} is not an index of its {count} tiles")
        if entry.at + count * _value_size(entry.kind) > self._data.size:
            raise InvalidTiffError(f"tag {tag} is beyond the end of the file")
        return entry.at, self._order + _INDEX[entry.kind]

    def _read_values(self, tag: int, codes: dict[int, str], max_values: int) -> tuple[Any, ...]:
        """Return the values of a tag of one of some types; none if it is missing."""
        entry = self._entries.get(tag)
        if entry is None:
            return ()
        if entry.kind not in codes or entry.count > max_values:
            raise InvalidTiffError(f"tag {tag} has {entry.count} values of type {entry.kind}")
        form = f"{self._order}{entry.count}{codes[entry.kind]}"
        return struct.unpack(form, self._data(entry.at, struct.calcsize(form)))


def byte_order(data: BoundedReader) -> str:
    """Return the byte order of a file, as `struct` names it.

    Raises:
        InvalidTiffError: If the file does not begin as a TIFF does.
    """
    order = {b"II": "<", b"MM": ">"}.get(data(0, min(data.size, 2)))
    if order is None or data.size < 16:
        raise InvalidTiffError("it does not begin as a TIFF does")
    return order


def read_directories(data: BoundedReader) -> Iterator[Directory]:
    """Read the directories of a file, one by one.

    Raises:
        InvalidTiffError: If a directory contradicts itself, or exceeds a limit.
    """
    order = byte_order(data)
    version = struct.unpack(f"{order}H", data(2, 2))[0]
    if version == 42:
        count_form, entry_form, inline, next_form = "H", "HHI", 4, "I"
        at = struct.unpack(f"{order}I", data(4, 4))[0]
    elif version == 43:
        if struct.unpack(f"{order}HH", data(4, 4)) != (8, 0):
            raise InvalidTiffError("its BigTIFF header is invalid")
        count_form, entry_form, inline, next_form = "Q", "HHQ", 8, "Q"
        at = struct.unpack(f"{order}Q", data(8, 8))[0]
    else:
        raise InvalidTiffError("it does not begin as a TIFF does")
    count_size, next_size = struct.calcsize(count_form), struct.calcsize(next_form)
    head = struct.calcsize(f"<{entry_form}")
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) == _MAX_DIRECTORIES:
            raise InvalidTiffError("it has too many directories, or they form a loop")
        seen.add(at)
        (count,) = struct.unpack(order + count_form, data(at, count_size))
        if not 0 < count <= _MAX_ENTRIES:
            raise InvalidTiffError(f"its directory at byte {at} has {count} entries")
        table = data(at + count_size, count * (head + inline) + next_size)
        entries = {}
        for index in range(count):
            begin = index * (head + inline)
            tag, kind, values = struct.unpack_from(order + entry_form, table, begin)
            place = at + count_size + begin + head
            if values * _value_size(kind) > inline:
                (place,) = struct.unpack_from(order + next_form, table, begin + head)
            entries[tag] = _Entry(kind, values, place)
        yield Directory(data, order, entries)
        (at,) = struct.unpack_from(order + next_form, table, count * (head + inline))


def _value_size(kind: int) -> int:
    """Return the bytes of a value; 1 for types that are not read here."""
    return struct.calcsize(f"<{_CODES[kind]}") if kind in _CODES else 1
