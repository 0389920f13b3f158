"""Numbers of USGS DEM files as the documents print them: their forms, their values, heights.

The forms are those of Fortran's I6, D24.15 and E12.6, and four of zero (CDED 2.1, 7.4.1).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VOID = -32767
HEIGHT_BYTES = 6  # a height is an I6 (CDED 2.1, 7.4.3 element 6)

_NUMBER = re.compile(rb"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([DdEe][+-]?\d{1,3})?")
_INTEGER = re.compile(rb" *-?\d+")
_STANDARD = {
    24: re.compile(rb" *-?0?\.[1-9]\d{14}D[+-]\d\d"),  # D24.15
    12: re.compile(rb" *-?0?\.[1-9]\d{5}E[+-]\d\d"),  # E12.6
}
_ZEROS = (
    b"." + 16 * b"0" + b"D+00",
    b"0.0",
    b"0." + 15 * b"0" + b"D+00",
    b"." + 16 * b"0",
)
_ZEROS_E = (b"0.0", b"0.000000E+00", b".000000E+00")


@dataclass(frozen=True, slots=True)
class Real:
    """A real number in a file.

    Attributes:
        text: The field.
        value: The number; None if the field is blank or no number.
        is_standard: Whether the field has the form that the document demands.
    """

    text: bytes
    value: float | None
    is_standard: bool


def read_real(field: bytes) -> Real:
    """Read a field of 24 (D24.15) or 12 (E12.6) columns."""
    text = field.strip(b" ")
    value = None
    if _NUMBER.fullmatch(text):
        value = float(text.upper().replace(b"D", b"E"))
    if value is None or not math.isfinite(value):
        return Real(field, None, is_standard=False)
    zeros = _ZEROS if len(field) == 24 else _ZEROS_E
    standard = text in zeros if value == 0 else bool(_STANDARD[len(field)].fullmatch(field))
    return Real(field, value, standard)


def read_integer(field: bytes) -> int | None:
    """Read a right-justified whole number; None if the field is blank or anything else."""
    return int(field) if _INTEGER.fullmatch(field) else None


def read_dms(field: bytes) -> float | None:
    """Read degrees from I4, I2 and F7.4: degrees, minutes, seconds; None if they are not."""
    degrees, minutes = read_integer(field[:4]), read_integer(field[4:6])
    text = field[6:13].strip(b" ")
    if degrees is None or minutes is None or not re.fullmatch(rb"\d{1,2}\.\d{1,4}", text):
        return None
    size = abs(degrees) + minutes / 60 + float(text) / 3600
    return -size if field[:4].strip().startswith(b"-") else size


def _make_pair_tables() -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return value and kind of each pair of characters; the first is the low byte."""
    values, kinds = np.zeros(1 << 16, np.int32), np.zeros(1 << 16, np.uint8)
    digits = [(ord(str(digit)), digit) for digit in range(10)]
    blank, minus = ord(" "), ord("-")
    kinds[blank | blank << 8] = _BLANK
    kinds[blank | minus << 8] = _MINUS_LAST
    for code, digit in digits:
        for first, kind in ((blank, _ONE_DIGIT), (minus, _MINUS_FIRST)):
            kinds[first | code << 8], values[first | code << 8] = kind, digit
        for tens_code, tens in digits:
            pair = tens_code | code << 8
            kinds[pair], values[pair] = _DIGITS, 10 * tens + digit
    return values, kinds


_BLANK, _MINUS_LAST, _ONE_DIGIT, _MINUS_FIRST, _DIGITS = range(1, 6)


def _make_kind_table() -> NDArray[np.int8]:
    """Return the sign of a number by the kinds of its three pairs; 0 if they are no number."""
    signs = np.zeros(6**3, np.int8)
    for first in range(1, 6):
        for second in range(1, 6):
            for third in range(1, 6):
                kinds = (first, second, third)
                begin = next((n for n, kind in enumerate(kinds) if kind != _BLANK), 3)
                if begin == 3:
                    continue
                rest = kinds[begin + 1 :]
                is_ended = kinds[begin] != _MINUS_LAST or bool(rest)
                if is_ended and all(kind == _DIGITS for kind in rest):
                    is_negative = kinds[begin] in (_MINUS_LAST, _MINUS_FIRST)
                    signs[first * 36 + second * 6 + third] = -1 if is_negative else 1
    return signs


_PAIR_VALUES, _PAIR_KINDS = _make_pair_tables()
_SIGNS = _make_kind_table()


def decode_heights(fields: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Decode heights of six columns each.

    Args:
        fields: Array of shape (profiles, 6 x points): characters.

    Returns:
        Heights of shape (profiles, points), 0 where a field is no right-justified whole number;
        and where it is one.
    """
    profiles, columns = fields.shape
    pairs = np.ascontiguousarray(fields).view("<u2").reshape(profiles, columns // HEIGHT_BYTES, 3)
    first, second, third = pairs[..., 0], pairs[..., 1], pairs[..., 2]
    kinds = _PAIR_KINDS[first] * np.uint8(36) + _PAIR_KINDS[second] * np.uint8(6)
    signs = _SIGNS[kinds + _PAIR_KINDS[third]]
    heights = _PAIR_VALUES[first] * 10_000
    heights += _PAIR_VALUES[second] * 100
    heights += _PAIR_VALUES[third]
    heights *= signs
    return heights, signs != 0
