"""Spans of bytes of a file, and the joining of those that are close."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_GAP_BYTES = 64 << 10  # a gap of this size costs less to fetch than another request

Span = tuple[int, int]
"""First byte, and the byte after the last."""


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans whose gaps cost less to fetch than another request.

    Args:
        spans: In any order; they may overlap.

    Returns:
        Spans in order, with more than `MAX_GAP_BYTES` between them.
    """
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= MAX_GAP_BYTES:
            joined[-1] = joined[-1][0], max(joined[-1][1], stop)
        else:
            joined.append((start, stop))
    return joined


def join_ranges(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> list[Span]:
    """Do the same for arrays of the first byte and of the byte after the last of each span."""
    import numpy as np  # noqa: PLC0415 (the first search is sent before it is imported)

    if not len(starts):
        return []
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(stops[order])
    gaps = np.flatnonzero(starts[1:] - ends[:-1] > MAX_GAP_BYTES)
    first = starts[np.concatenate([[0], gaps + 1])].tolist()
    last = ends[np.concatenate([gaps, [-1]])].tolist()
    return list(zip(first, last, strict=True))
