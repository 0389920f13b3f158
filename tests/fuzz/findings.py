"""What no attempt may end in."""

from __future__ import annotations


class FindingError(AssertionError):
    """A reader did what it must not do."""


def check_shown(text: str, most: int) -> None:
    """Make sure that a text can be shown to a user.

    Args:
        text: The text.
        most: How many characters it may have.

    Raises:
        FindingError: If it has more, or some that a terminal would take for an order.
    """
    if not text.isprintable() or len(text) > most:
        raise FindingError(f"{text[:300]!r} of {len(text)} characters is to be shown")
