"""Colours, and those of sources: in the colour tables of files, and in pictures.

`SOURCE_COLOURS` are the colours of Okabe and Ito, which all viewers can tell apart.
"""

from __future__ import annotations

Colour = tuple[int, int, int]  # red, green, blue, 0 to 255


def parse_colour(text: str) -> Colour:
    """Parse a colour such as ``#1a9850``."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return (red, green, blue)


def parse_colours(text: str) -> tuple[Colour, ...]:
    """Parse colours that blanks separate."""
    return tuple(map(parse_colour, text.split()))


SOURCE_COLOURS = parse_colours("#0072b2 #e69f00 #009e73 #cc79a7 #56b4e9 #d55e00 #f0e442 #999999")


def get_source_colour(number: int) -> Colour:
    """Return the colour of a class of sources or years, numbered from 1; they repeat."""
    return SOURCE_COLOURS[(number - 1) % len(SOURCE_COLOURS)]
