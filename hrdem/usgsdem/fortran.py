"""Fortran edit descriptors: how numbers are written in the columns of a USGS DEM, and read back.

Writing follows D24.15, E12.6, In and Fw.d to the letter; readers meet other exponent letters and
blanks, so that reading takes ``e``, ``E``, ``D`` and ``d``.
"""

from __future__ import annotations

import math
import re

_REAL_WIDTH = 24  # columns: D24.15
_REAL_DIGITS = 15
_SHORT_WIDTH = 12  # columns: E12.6
_SHORT_DIGITS = 6
_MAX_EXPONENT = 99  # two digits
_UNITS_PER_SECOND = 10_000  # of arc: F7.4
_UNITS_PER_MINUTE = 60 * _UNITS_PER_SECOND
_UNITS_PER_DEGREE = 60 * _UNITS_PER_MINUTE

_INTEGER = re.compile(rb"[+-]?\d+")
_REAL = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?")


def format_d(value: float) -> str:
    """Format a number as D24.15: 24 columns, a fraction of 15 digits, exponent letter D.

    Zero is ``0.000000000000000D+00``, right-justified: the third of the four forms that CDED 2.1,
    7.4.1 lists.

    Raises:
        ValueError: If it is not finite, or its exponent has three digits.
    """
    return _format_exponent(value, _REAL_DIGITS, _REAL_WIDTH, "D")


def format_e(value: float) -> str:
    """Format a number as E12.6: 12 columns, a fraction of 6 digits, exponent letter E.

    Raises:
        ValueError: If it is negative and so takes 13 columns, is not finite, or its exponent has
            three digits.
    """
    return _format_exponent(value, _SHORT_DIGITS, _SHORT_WIDTH, "E")


def _format_exponent(value: float, digits: int, width: int, letter: str) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no Fortran form")
    if value == 0:
        return f"0.{'0' * digits}{letter}+00".rjust(width)
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power) + 1  # Fortran's fraction is below 1, Python's mantissa below 10
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"{value} has an exponent of three digits")
    sign = "-" if value < 0 else ""
    fraction = mantissa.lstrip("-").replace(".", "")
    return _fit(f"{sign}0.{fraction}{letter}{exponent:+03d}", width)


def format_i(value: int, width: int) -> str:
    """Format an integer as In: right-justified in ``width`` columns.

    Raises:
        ValueError: If it takes more columns.
    """
    return _fit(str(value), width)


def format_f(value: float, width: int, decimals: int) -> str:
    """Format a number as Fw.d: right-justified in ``width`` columns.

    Raises:
        ValueError: If it takes more columns, or is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} has no Fortran form")
    return _fit(f"{value:.{decimals}f}", width)


def _fit(text: str, width: int) -> str:
    if len(text) > width:
        raise ValueError(f"{text} is wider than {width} columns")
    return text.rjust(width)


def format_dms(degrees: float) -> str:
    """Format an angle as I4, I2, F7.4: degrees, minutes, seconds in 13 columns.

    The sign stands before the degrees, and minutes and seconds have none (CDED 2.1, 7.4.2
    element 1: SDDDMMSS.SSSS).

    Args:
        degrees: Longitude or latitude, between -180 and 180.
    """
    units = round(abs(degrees) * _UNITS_PER_DEGREE)
    whole, units = divmod(units, _UNITS_PER_DEGREE)
    minutes, units = divmod(units, _UNITS_PER_MINUTE)
    signed = f"{'-' if degrees < 0 else ''}{whole}"
    seconds, fraction = divmod(units, _UNITS_PER_SECOND)
    return f"{_fit(signed, 4)}{minutes:2d}{seconds:2d}.{fraction:04d}"


def parse_integer(field: bytes) -> int | None:
    """Parse an integer; None if the field is blank.

    Raises:
        ValueError: If it holds anything else.
    """
    text = field.strip(b" ")
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{_show(text)} is not an integer")
    return int(text)


def parse_real(field: bytes) -> float | None:
    """Parse a real number with an exponent letter e, E, d or D, or without; None if blank.

    Raises:
        ValueError: If the field holds anything else, or a number beyond those of 64 bits.
    """
    text = field.strip(b" ")
    if not text:
        return None
    if not _REAL.fullmatch(text):
        raise ValueError(f"{_show(text)} is not a number")
    value = float(text.replace(b"D", b"e").replace(b"d", b"e"))
    if math.isinf(value):
        raise ValueError(f"{_show(text)} is too large")
    return value


def parse_dms(field: bytes) -> float | None:
    """Parse an angle of 13 columns, I4, I2, F7.4, to degrees; None if the field is blank.

    Raises:
        ValueError: If a part is not a number, or minutes or seconds are not within 0 and 60.
    """
    if not field.strip(b" "):
        return None
    degrees = parse_integer(field[:4]) or 0
    minutes = parse_integer(field[4:6]) or 0
    seconds = parse_real(field[6:13]) or 0.0
    if not (0 <= minutes < 60 and 0 <= seconds < 60):
        raise ValueError(f"{_show(field)} is not an angle in degrees, minutes and seconds")
    size = abs(degrees) + minutes / 60 + seconds / 3600
    return -size if field[:4].strip(b" ").startswith(b"-") else size


def _show(field: bytes) -> str:
    return ascii(field.decode("latin-1"))
