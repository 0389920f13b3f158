"""Errors and checks for fuzz findings."""

from __future__ import annotations

import numpy as np

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid


class FindingError(AssertionError):
    """Raised when a reader violates a check."""


def check_shown(text: str, most: int) -> None:
    """Check that a text is safe to display.

    Args:
        text: The text.
        most: Maximum number of characters.

    Raises:
        FindingError: If the text is too long or contains unprintable characters.
    """
    if not text.isprintable() or len(text) > most:
        raise FindingError(f"{text[:300]!r} of {len(text)} characters is to be shown")


def check_told(error: RequestError, most: int, *, hidden: str = "") -> str:
    """Check that an error message is a sentence that is safe to display.

    Args:
        error: The error.
        most: Maximum number of characters.
        hidden: What the message may have beyond them, such as a temporary folder.

    Returns:
        The outcome, ``told``.

    Raises:
        FindingError: If it is not.
    """
    check_shown(str(error).replace(hidden, "") if hidden else str(error), most)
    if not str(error).endswith("."):
        raise FindingError(f"{error} is no sentence") from error
    return "told"


def check_place(grid: Grid) -> None:
    """Check that a grid is somewhere.

    Raises:
        FindingError: If its bounds are infinite, or its resolution is not above 0.
    """
    if not (np.isfinite(grid.bounds).all() and min(grid.resolution) > 0):
        raise FindingError(f"{grid} is nowhere")
