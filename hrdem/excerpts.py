"""Words of others, cut and cleaned so that they can be shown.

A catalogue or a server may say anything, also what a terminal takes for an order.
"""

from __future__ import annotations


def one_line(text: str, most: int) -> str:
    """Return the words of a text as one line of printable characters, at most so many."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
