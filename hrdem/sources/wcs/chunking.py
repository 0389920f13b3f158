"""Chunk sizes of WCS requests: small at first, then as large as the server can compute in time.

A server gives up after some minutes, and does not state how many pixels it can return until then.
So the time of each chunk sets the size of the next.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from hrdem.geo.grid import Window

MIN_CHUNK_EDGE = 64  # pixels; smaller requests fail for reasons other than their size
FIRST_CHUNK_PIXELS = 512**2  # the live server has returned chunks of 441 x 441
MAX_CHUNK_PIXELS = 4096**2  # larger ones gain nothing, lose more by a failure, and fill memory
_TARGET_SHARE = 0.1  # of the server's time limit, for one chunk
_MAX_GROWTH = 2  # times the pixels of the chunk before: time may grow faster than pixels
_RECOVERY = 1.1  # times the size that failed, after each success near that size
_MAX_WASTED_SHARE = 0.1  # of the total time, spent on probing the limit again
_LAST_WEIGHT = 0.5  # weight of the last chunk in the moving average of speed


class ChunkScheduler:
    """The windows still to be requested, cut into chunks of a size that adapts to the server.

    Args:
        missing: Windows that do not overlap.
        limit: Time limit of the server, seconds.
    """

    def __init__(self, missing: Iterable[Window], limit: float) -> None:
        self._missing = sorted(missing, key=_row_order)
        self._max_seconds = _TARGET_SHARE * limit  # for one chunk
        self._max_edge = math.isqrt(MAX_CHUNK_PIXELS)
        self._ceiling = float(MAX_CHUNK_PIXELS)
        self._target = FIRST_CHUNK_PIXELS
        self._slowness = 0.0  # seconds per pixel, moving average
        self._largest = 0  # pixels of the largest chunk received
        self._probe: Window | None = None  # chunk in flight that is larger than any received
        self._used = self._wasted = 0.0  # seconds
        self._failures = 0

    def take(self) -> Window | None:
        """Return the next chunk, the topmost and leftmost; None if nothing is left."""
        if not self._missing:
            return None
        whole = self._missing.pop(0)
        pixels = min(self._target, int(self._ceiling))
        if self._probe is not None:
            pixels = min(pixels, self._largest)
        width, height = _chunk_shape(whole, pixels, self._max_edge)
        chunk = Window(whole.column, whole.row, width, height)
        if 0 < self._largest < chunk.pixels:
            self._probe = chunk
        for rest in subtract(whole, chunk):
            bisect.insort(self._missing, rest, key=_row_order)
        return chunk

    def record_success(self, chunk: Window, seconds: float) -> None:
        """Adapt the size to a chunk that was received.

        Chunks smaller than half the usual size say little of speed: each has a fixed cost.
        """
        self._end_probe(chunk)
        self._used += seconds
        self._largest = max(self._largest, chunk.pixels)
        usual = min(self._target, self._ceiling)
        if chunk.pixels < usual / 2:
            return
        slowness = max(seconds, 1e-3) / chunk.pixels
        weight = _LAST_WEIGHT if self._slowness else 1.0
        self._slowness += weight * (slowness - self._slowness)
        slow = max(slowness, self._slowness)  # the server may stay slow
        target = min(self._max_seconds / slow, _MAX_GROWTH * usual, MAX_CHUNK_PIXELS)
        self._target = max(int(target), MIN_CHUNK_EDGE**2)
        if self._failures and chunk.pixels > self._ceiling / 2 and self._may_waste():
            self._ceiling = min(self._ceiling * _RECOVERY, MAX_CHUNK_PIXELS)

    def record_failure(self, chunk: Window, seconds: float, max_edge: int | None = None) -> bool:
        """Adapt the size to a chunk that was too large, and schedule its halves.

        Args:
            chunk: The chunk.
            seconds: Time until it failed.
            max_edge: Maximum width and height, pixels, if the server states one.

        Returns:
            False if the chunk has the minimum size; it is not scheduled again then.
        """
        self._end_probe(chunk)
        self._wasted += seconds
        if max_edge is not None:
            self._max_edge = max(MIN_CHUNK_EDGE, min(self._max_edge, max_edge))
        else:
            self._failures += 1
            self._ceiling = max(min(self._ceiling, chunk.pixels / 2), MIN_CHUNK_EDGE**2)
        if max(chunk.width, chunk.height) <= MIN_CHUNK_EDGE:
            return False
        for half in _halve(chunk):
            bisect.insort(self._missing, half, key=_row_order)
        return True

    def put_back(self, chunk: Window) -> None:
        """Schedule a chunk again as it is."""
        self._end_probe(chunk)
        bisect.insort(self._missing, chunk, key=_row_order)

    def _end_probe(self, chunk: Window) -> None:
        if chunk == self._probe:
            self._probe = None

    def _may_waste(self) -> bool:
        """Whether another average failure would waste only a small share of the time."""
        another = self._wasted / self._failures
        return self._wasted + another <= _MAX_WASTED_SHARE * (self._used + self._wasted + another)


def subtract(whole: Window, hole: Window) -> list[Window]:
    """Subtract a window from another; return the rest as windows that do not overlap.

    Those to the left and right of the hole have its height, so that rows are completed first.
    """
    hole_here = whole.intersection(hole)
    if hole_here is None:
        return [whole]
    hole = hole_here
    edges = (
        (whole.column, whole.row, whole.right, hole.row),
        (whole.column, hole.row, hole.column, hole.bottom),
        (hole.right, hole.row, whole.right, hole.bottom),
        (whole.column, hole.bottom, whole.right, whole.bottom),
    )
    return [
        Window(left, top, right - left, bottom - top)
        for left, top, right, bottom in edges
        if right > left and bottom > top
    ]


def _row_order(window: Window) -> tuple[int, int]:
    return window.row, window.column


def _chunk_shape(whole: Window, pixels: int, max_edge: int) -> tuple[int, int]:
    """Return width and height of a chunk: about square, and leaving no thin rest."""
    if whole.pixels <= pixels and max(whole.width, whole.height) <= max_edge:
        return whole.width, whole.height
    height = _divide_evenly(whole.height, min(max(MIN_CHUNK_EDGE, math.isqrt(pixels)), max_edge))
    width = _divide_evenly(whole.width, min(max(MIN_CHUNK_EDGE, pixels // height), max_edge))
    return width, height


def _divide_evenly(length: int, max_length: int) -> int:
    """Divide a length evenly into parts of at most a given length; return the parts' length."""
    return math.ceil(length / math.ceil(length / max_length))


def _halve(chunk: Window) -> tuple[Window, Window]:
    """Cut a chunk in two across its longer edge."""
    if chunk.width >= chunk.height:
        half = -(-chunk.width // 2)
        return (
            Window(chunk.column, chunk.row, half, chunk.height),
            Window(chunk.column + half, chunk.row, chunk.width - half, chunk.height),
        )
    half = -(-chunk.height // 2)
    return (
        Window(chunk.column, chunk.row, chunk.width, half),
        Window(chunk.column, chunk.row + half, chunk.width, chunk.height - half),
    )
