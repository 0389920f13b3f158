"""World files: six lines of text beside an image that place it."""

from __future__ import annotations

import math

from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.runtime.text import to_one_line

MAX_BYTES = 4_096
_MAX_SHOWN_CHARACTERS = 40


def format_world_file(grid: Grid) -> bytes:
    """Return the world file of a grid as BC 2.0, 4.3 describes it.

    Its position is the centre of the upper left pixel, as in all world files; the document says
    "corner", and prints multiples of 25 m, on which its pixels have their centres.
    """
    dx, dy = grid.resolution
    x, y = grid.centre(0, 0)
    return f"{dx:.15g}\n0.0\n0.0\n{-dy:.15g}\n{x:.15g}\n{y:.15g}\n".encode()


def parse_world_file(content: bytes, name: str) -> Affine:
    """Return the transform of a world file, from (column, row) of pixel corners to (x, y).

    Args:
        content: Its content.
        name: Its name in messages.

    Raises:
        RequestError: If it is not six numbers, or pixels have no area.
    """
    words = content[: MAX_BYTES + 1].split()
    if len(words) != 6 or len(content) > MAX_BYTES:
        raise _error(name, f"it has {len(words)} values")
    a, d, b, e, x, y = (_parse_number(word, name) for word in words)
    if a * e == b * d:
        raise _error(name, "its pixels have no area")
    return Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)


def _parse_number(word: bytes, name: str) -> float:
    try:
        number = float(word.replace(b"_", b"?"))  # Python reads 1_000
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        shown = to_one_line(word.decode("ascii", "replace"), _MAX_SHOWN_CHARACTERS)
        raise _error(name, f"{shown!r} is not a number")
    return number


def _error(name: str, problem: str) -> RequestError:
    return RequestError(
        f"{name} is not a world file: {problem}. Give six lines with one number each: pixel width, "
        "two rotations, negative pixel height, and x and y of the centre of the upper left pixel."
    )
