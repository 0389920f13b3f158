"""In which pieces a window is asked for: small at first, then as large as the server bears.

A server gives up after some minutes, and tells nobody beforehand how much it can do until then. So
the time of each piece decides over the size of the next.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from hrdem.geo.grid import Window

MIN_CHUNK_EDGE = (
    64  # pixels along an edge: below, the size of a request is not what is wrong with it
)
_FIRST = 512**2  # pixels; the live server was seen to give 441 x 441
_LARGEST = 4096**2  # pixels; more would gain nothing, lose more with each failure, and fill memory
_SHARE = 0.1  # of the server's limit is aimed at
_GROWTH = 2  # times the pixels of the piece before, at most: time may grow faster than they do
_RECOVERY = 1.1  # times the size that failed once, with each piece near it that does not
_WASTE = 0.1  # of all time may be spent on finding out again what is too much
_MEMORY = 0.5  # weight of the last piece in the measure of speed


class ChunkScheduler:
    """What is still to be asked for, and in which size.

    Args:
        missing: Windows that do not overlap.
        limit: Seconds after which the server gives up.
    """

    def __init__(self, missing: Iterable[Window], limit: float) -> None:
        self._missing = sorted(missing, key=_order)
        self._aim = _SHARE * limit  # seconds that a piece is expected to take at most
        self._edge = math.isqrt(_LARGEST)
        self._ceiling = float(_LARGEST)
        self._target = _FIRST
        self._slowness = 0.0  # seconds a pixel
        self._largest = 0  # pixels of a piece that came
        self._probe: Window | None = None  # a larger one on its way, of which it is not known
        self._used = self._wasted = 0.0  # seconds
        self._failures = 0

    def take(self) -> Window | None:
        """Return the next piece, topmost and leftmost first; None if nothing is left."""
        if not self._missing:
            return None
        whole = self._missing.pop(0)
        pixels = min(self._target, int(self._ceiling))
        if self._probe is not None:
            pixels = min(pixels, self._largest)
        width, height = _shape(whole, pixels, self._edge)
        piece = Window(whole.column, whole.row, width, height)
        if 0 < self._largest < piece.pixels:
            self._probe = piece
        for rest in subtract(whole, piece):
            bisect.insort(self._missing, rest, key=_order)
        return piece

    def record_success(self, piece: Window, seconds: float) -> None:
        """Learn from a piece that came; of small rests only that: each costs a little time."""
        self._ended(piece)
        self._used += seconds
        self._largest = max(self._largest, piece.pixels)
        usual = min(self._target, self._ceiling)
        if piece.pixels < usual / 2:
            return
        slowness = max(seconds, 1e-3) / piece.pixels
        weight = _MEMORY if self._slowness else 1.0
        self._slowness += weight * (slowness - self._slowness)
        slow = max(slowness, self._slowness)  # what was slow just now may be slow again
        target = min(self._aim / slow, _GROWTH * usual, _LARGEST)
        self._target = max(int(target), MIN_CHUNK_EDGE**2)
        if self._failures and piece.pixels > self._ceiling / 2 and self._may_waste():
            self._ceiling = min(self._ceiling * _RECOVERY, _LARGEST)

    def record_failure(self, piece: Window, seconds: float, max_edge: int | None = None) -> bool:
        """Learn from a piece that was too much, and ask for its halves instead.

        Args:
            piece: The piece.
            seconds: How long it took to fail.
            max_edge: Most pixels in a row or column that the server says to give, if it does.

        Returns:
            False if it is as small as pieces get, and so is left out.
        """
        self._ended(piece)
        self._wasted += seconds
        if max_edge is not None:
            self._edge = max(MIN_CHUNK_EDGE, min(self._edge, max_edge))
        else:
            self._failures += 1
            self._ceiling = max(min(self._ceiling, piece.pixels / 2), MIN_CHUNK_EDGE**2)
        if max(piece.width, piece.height) <= MIN_CHUNK_EDGE:
            return False
        for half in _halves(piece):
            bisect.insort(self._missing, half, key=_order)
        return True

    def put_back(self, piece: Window) -> None:
        """Ask for a piece once more, as it is."""
        self._ended(piece)
        bisect.insort(self._missing, piece, key=_order)

    def _ended(self, piece: Window) -> None:
        if piece == self._probe:
            self._probe = None

    def _may_waste(self) -> bool:
        """Whether another failure like those before would cost but a small share of the time."""
        another = self._wasted / self._failures
        return self._wasted + another <= _WASTE * (self._used + self._wasted + another)


def subtract(whole: Window, hole: Window) -> list[Window]:
    """Return what is left of a window when another is taken out, as windows that do not overlap.

    What lies beside the hole comes as tall as the hole, so that rows are finished first.
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


def _order(window: Window) -> tuple[int, int]:
    return window.row, window.column


def _shape(whole: Window, pixels: int, max_edge: int) -> tuple[int, int]:
    """Width and height of a piece of at most so many pixels: squarish, and leaving no thin rest."""
    if whole.pixels <= pixels and max(whole.width, whole.height) <= max_edge:
        return whole.width, whole.height
    height = _even(whole.height, min(max(MIN_CHUNK_EDGE, math.isqrt(pixels)), max_edge))
    width = _even(whole.width, min(max(MIN_CHUNK_EDGE, pixels // height), max_edge))
    return width, height


def _even(length: int, most: int) -> int:
    """Length of the parts, none longer than that, into which a length is cut evenly."""
    return math.ceil(length / math.ceil(length / most))


def _halves(piece: Window) -> tuple[Window, Window]:
    """Cut across the longer edge."""
    if piece.width >= piece.height:
        half = -(-piece.width // 2)
        return (
            Window(piece.column, piece.row, half, piece.height),
            Window(piece.column + half, piece.row, piece.width - half, piece.height),
        )
    half = -(-piece.height // 2)
    return (
        Window(piece.column, piece.row, piece.width, half),
        Window(piece.column, piece.row + half, piece.width, piece.height - half),
    )
