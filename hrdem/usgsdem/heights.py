"""Heights as text in columns of six, and as arrays: by table, without a step for each value."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.usgsdem.elements import (
    FIRST_HEIGHTS,
    HEIGHT_BYTES,
    NEXT_HEIGHTS,
    PROFILE_HEADER_BYTES,
    RECORD_BYTES,
)
from hrdem.usgsdem.records import count_records

_FIRST_BYTES = FIRST_HEIGHTS * HEIGHT_BYTES
_NEXT_BYTES = NEXT_HEIGHTS * HEIGHT_BYTES

# A field is read as three pairs of bytes. The entry of a pair in the table of its place has its
# digits, times the power of ten of the place, in the low 20 bits; what the pair is, in 3 of the
# next 9; and a minus sign in the bit after.
_PAIRS = 3
_VALUE_BITS = 20
_VALUE_MASK = (1 << _VALUE_BITS) - 1
_SHAPES = 1 << (3 * _PAIRS)
_SIGN_BIT = _VALUE_BITS + 3 * _PAIRS
_BLANK, _SIGN, _DIGIT, _SIGNED, _DIGITS, _OTHER = range(6)  # of a pair, by its second byte


def _classify(pair: bytes) -> int:
    before, last = pair[:1], pair[1:]
    if last == b" " and before == b" ":
        return _BLANK
    if last in (b"+", b"-") and before == b" ":
        return _SIGN
    if not last.isdigit():
        return _OTHER
    if before == b" ":
        return _DIGIT
    if before in (b"+", b"-"):
        return _SIGNED
    return _DIGITS if before.isdigit() else _OTHER


@functools.cache
def _parse_tables() -> tuple[NDArray[np.int32], ...]:
    """Return a table for each place in a field; a pair of bytes is its index, low byte first."""
    characters = b" +-0123456789"
    tables = tuple(
        np.full(1 << 16, _OTHER << (_VALUE_BITS + 3 * place), np.int32) for place in range(_PAIRS)
    )
    for first in characters:
        for second in characters:
            pair = bytes((first, second))
            digits = bytes(each for each in pair if 48 <= each < 58)
            for place, table in enumerate(tables):
                value = int(digits or b"0") * 100 ** (_PAIRS - 1 - place)
                shape = _classify(pair) << (_VALUE_BITS + 3 * place)
                sign = (b"-" in pair) << _SIGN_BIT
                table[int.from_bytes(pair, "little")] = value | shape | sign
    return tables


@functools.cache
def _valid_shapes() -> NDArray[np.bool_]:
    """Return which three pairs are a number: blanks, perhaps a sign, and digits to the end."""
    starts = (_DIGIT, _SIGNED, _DIGITS)  # after these, and after a sign, come digits only
    valid = np.zeros(_SHAPES, bool)
    for last in starts:
        valid[_shape(_BLANK, _BLANK, last)] = True
    for first in (*starts, _SIGN):
        valid[_shape(_BLANK, first, _DIGITS)] = True
        valid[_shape(first, _DIGITS, _DIGITS)] = True
    return valid


def _shape(*pairs: int) -> int:
    return sum(pair << (3 * place) for place, pair in enumerate(pairs))


def parse_heights(text: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Parse heights: blanks, perhaps a sign, and digits to the end of each six columns.

    Args:
        text: Bytes, of shape (profiles, 6 * points), the last axis contiguous.

    Returns:
        Numbers of shape (profiles, points), and which of them are valid.
    """
    pairs = text.view("<u2")
    first, second, third = _parse_tables()
    packed = first[pairs[:, 0::3]]
    packed += second[pairs[:, 1::3]]
    packed += third[pairs[:, 2::3]]
    valid = _valid_shapes()[(packed >> _VALUE_BITS) & (_SHAPES - 1)]
    negative = (packed >> _SIGN_BIT) & 1
    packed &= _VALUE_MASK
    packed *= 1 - 2 * negative
    return packed, valid


@functools.cache
def _height_texts() -> NDArray[np.void]:
    """Return the six columns of each int16, by its bits as uint16."""
    numbers = np.arange(1 << 16, dtype=np.uint16).view(np.int16).tolist()
    return np.frombuffer(b"".join(b"%6d" % number for number in numbers), f"V{HEIGHT_BYTES}")


def format_heights(heights: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Format heights in six columns each.

    Args:
        heights: Array of shape (profiles, points), contiguous.

    Returns:
        Bytes, of shape (profiles, 6 * points).
    """
    texts = _height_texts()[heights.view(np.uint16)]
    return texts.view(np.uint8)


def take_heights(records: bytes, profiles: int, points: int) -> NDArray[np.uint8]:
    """Take the columns of heights out of the physical records of profiles of one size.

    Args:
        records: Records of 1024 bytes, whole profiles.
        profiles: Number of profiles.
        points: Heights of each.

    Returns:
        Bytes, of shape (profiles, 6 * points).
    """
    blocks = np.frombuffer(records, np.uint8).reshape(profiles, count_records(points), RECORD_BYTES)
    text = np.empty((profiles, points * HEIGHT_BYTES), np.uint8)
    for block, (first, last) in enumerate(_columns_of_blocks(points)):
        start = 0 if block else PROFILE_HEADER_BYTES
        text[:, first:last] = blocks[:, block, start : start + last - first]
    return text


def put_heights(text: NDArray[np.uint8], records: NDArray[Any]) -> None:
    """Put columns of heights into the physical records of profiles of one size.

    Args:
        text: Bytes, of shape (profiles, 6 * points).
        records: Bytes, of shape (profiles, records, 1024 or more), changed in place.
    """
    for block, (first, last) in enumerate(_columns_of_blocks(text.shape[1] // HEIGHT_BYTES)):
        start = 0 if block else PROFILE_HEADER_BYTES
        records[:, block, start : start + last - first] = text[:, first:last]


def _columns_of_blocks(points: int) -> list[tuple[int, int]]:
    """Return the first and the last column of heights of each physical record."""
    end = points * HEIGHT_BYTES
    starts = [0, *range(_FIRST_BYTES, end, _NEXT_BYTES)]
    return list(zip(starts, [*starts[1:], end], strict=True))
