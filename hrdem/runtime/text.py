"""Server text: truncated and stripped of control characters before it is printed."""

from __future__ import annotations

import math
import unicodedata

_SCAN_FACTOR = 8  # times the printed characters: most may be blanks


def to_one_line(text: str, max_characters: int) -> str:
    """Return a text as one line of at most ``max_characters`` printable characters."""
    start = text[: _SCAN_FACTOR * max_characters]  # of any length
    printable = "".join(c if c.isprintable() else " " for c in start)
    line = " ".join(printable.split())
    is_whole = len(line) <= max_characters and len(start) == len(text)
    return line if is_whole else f"{line[: max_characters - 1].rstrip()}…"


def end_sentence(message: str) -> str:
    """Return a text that ends with a full stop or another end mark."""
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."


def escape_unprintable(text: str) -> str:
    """Escape all unprintable characters of a text except line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def to_json_number(value: float | None) -> float | str | None:
    """Return a number for JSON; NaN and infinities become strings, as in STAC 1.1."""
    return value if value is None or math.isfinite(value) else str(value)
