"""Editions of the demonstration: the same files with other heights, as if republished."""

from __future__ import annotations

import datetime

import numpy as np

_FIRST = datetime.datetime(2026, 3, 24, 18, 3, 29, 704737, datetime.UTC)
_STEP = 1024.0  # metres; more than the terrain is high, and exact in binary floating point


def published_at(edition: int) -> datetime.datetime:
    """Return when an edition was published: the first in March 2026, each next one a day later."""
    return _FIRST + datetime.timedelta(days=edition - 1)


def height_offset(edition: int) -> np.float32:
    """Return how much higher an edition is than the first one, metres.

    It is more than the terrain is high, so each pixel shows its edition.
    """
    return np.float32(_STEP * (edition - 1))
