"""Numbers of USGS DEM files as the documents print them: their forms and their values.

The forms are those of Fortran's I6, D24.15 and E12.6, and four of zero (CDED 2.1, 7.4.1).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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
