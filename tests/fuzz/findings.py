"""Errors and checks for fuzz findings."""

from __future__ import annotations


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
