"""Byte sizes as text: parsing and formatting."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?([KMGT]?)(I?)B?")


def parse_size(text: str) -> int:
    """Parse a size such as ``500MB``, ``2 GB``, ``1GiB`` or ``4096`` into bytes.

    Raises:
        ValueError: If it is not a size.
    """
    match = _SIZE.fullmatch(text.strip().upper())
    if not match:
        raise ValueError(f"{text!r} is not a size. Give it like 500MB, 2GB or 1GiB.")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit or " "))


def format_size(count: int) -> str:
    """Format a number of bytes with three digits and a unit."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
