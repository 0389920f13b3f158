"""Progress of a run: how many pixels are done, reported to a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        pixels: Pixels processed so far, of merged files and of the output.
        total_pixels: Pixels to process.
        received_bytes: Bytes of source tiles read for them; None if GDAL fetches them, which does
            not report it.
    """

    pixels: int
    total_pixels: int
    received_bytes: int | None


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Report nothing; unlike a lambda, it can be pickled."""


class ProgressMeter:
    """Adds up the progress of a run and reports each step to a callback.

    Args:
        total_pixels: Pixels to process.
        on_progress: Called after each step.
    """

    def __init__(self, total_pixels: int, on_progress: OnProgress) -> None:
        self.progress = Progress(0, total_pixels, 0)
        self._on_progress = on_progress

    def add(self, pixels: int, received_bytes: int | None) -> None:
        """Add processed pixels and the bytes read for them; None if these are unknown."""
        before = self.progress
        received = (
            None
            if before.received_bytes is None or received_bytes is None
            else before.received_bytes + received_bytes
        )
        self.progress = Progress(before.pixels + pixels, before.total_pixels, received)
        self._on_progress(self.progress)
