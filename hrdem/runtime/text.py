"""Words of others, cut and cleaned so that they can be shown.

A catalogue or a server may say anything, also what a terminal takes for an order.
"""

from __future__ import annotations

import math
import unicodedata

_LOOKED_AT = 8  # times the characters that are shown: blanks may be many


def to_one_line(text: str, most: int) -> str:
    """Return the words of a text as one line of printable characters, at most so many."""
    some = text[: _LOOKED_AT * most]  # however long it is
    shown = some if some.isprintable() else "".join(c if c.isprintable() else " " for c in some)
    line = " ".join(shown.split())
    whole = len(line) <= most and len(some) == len(text)
    return line if whole else f"{line[: most - 1].rstrip()}…"


def end_sentence(said: str) -> str:
    """Return words with a full stop at their end, if they have no such sign."""
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."


def escape_unprintable(text: str) -> str:
    """Return a text of several lines with every other unprintable character as an escape."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def to_json_number(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it; NaN and infinities become words, as in STAC 1.1."""
    return value if value is None or math.isfinite(value) else str(value)
