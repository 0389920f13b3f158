"""Editions of the demonstration: the same files with other heights, as if published again."""

from __future__ import annotations

import datetime

import numpy as np

_FIRST = datetime.datetime(2026, 3, 24, 18, 3, 29, 704737, datetime.UTC)
_STEP = 1024.0  # metres; the terrain is lower, and binary floating point likes it


def published(edition: int) -> datetime.datetime:
    """Tell when an edition was published: the first in March 2026, each other a day later."""
    return _FIRST + datetime.timedelta(days=edition - 1)


def raised(edition: int) -> np.float32:
    """Tell how far the terrain of an edition lies above that of the first, metres.

    It is further than the terrain is high, so that each pixel tells its edition.
    """
    return np.float32(_STEP * (edition - 1))
