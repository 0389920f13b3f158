"""Convert the text of options; each function raises ValueError with a sentence for the user."""

from __future__ import annotations

import stat
from pathlib import Path


def parse_number(text: str) -> float:
    """Return a number that a user wrote."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number.") from None


def parse_integer(text: str) -> int:
    """Return a whole number that a user wrote."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number.") from None


def parse_box(text: str) -> tuple[float, ...]:
    """Return the numbers of a box that a user wrote."""
    return _parse_coordinates(text, "a box", "west,south,east,north")


def parse_point(text: str) -> tuple[float, ...]:
    """Return the numbers of a point that a user wrote."""
    return _parse_coordinates(text, "a point", "longitude,latitude")


def _parse_coordinates(text: str, what: str, order: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.replace(",", " ").split()))
    except ValueError:
        raise ValueError(
            f"{text!r} is not {what}. Give numbers with commas between: {order}."
        ) from None


def parse_file(text: str) -> Path:
    """Return the path of a file to read."""
    if stat.S_ISDIR(_read_mode(text)):
        raise ValueError(f"{text} is a folder. Give a file.")
    return Path(text)


def parse_folder(text: str) -> Path:
    """Return the path of a folder, which need not exist."""
    if not text:
        raise ValueError("The name is empty. Give a folder, or leave the option out.")
    if stat.S_ISREG(_read_mode(text)):
        raise ValueError(f"{text} is a file. Give a folder.")
    return Path(text)


def _read_mode(text: str) -> int:
    """Return the mode of a path; 0 if there is nothing, or it cannot be a path."""
    try:
        return Path(text).stat().st_mode
    except (OSError, ValueError):
        return 0
