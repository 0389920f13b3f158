"""Byte sizes as text: parsing and formatting."""

from __future__ import annotations

import contextlib
import re
from typing import Any

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?([KMGT]?)(I?)B?")


def parse_size(value: Any) -> int:
    """Parse a size such as ``"500MB"``, ``"2 GB"``, ``"1GiB"``, ``4096`` or ``2e9`` into bytes.

    Raises:
        ValueError: If it is not a size.
    """
    if isinstance(value, str):
        if match := _SIZE.fullmatch(value.strip().upper()):
            number, unit, binary = match.groups()
            return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit or " "))
    elif not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if int(value) == value >= 0:
                return int(value)
    raise ValueError(f"{value!r} is not a size. Give it like 500MB, 2GB or 1GiB.")


def format_size(count: int) -> str:
    """Format a number of bytes with three digits and a unit."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
