"""Where pixels come from: one protocol, and what keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hrdem.geo.grid import Grid, Pixels, Window


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the pixels of a window are made of.

    Attributes:
        size: How many bytes came for it; None if what fetched them does not tell.
        decoded: Makes the pixels, of shape (window.height, window.width). It asks no server any
            more, so that waiting and computing can be left to different threads. It raises
            `hrdem.NetworkError` if what came cannot be decoded.
    """

    size: int | None
    decoded: Callable[[], Pixels]


class Source(Protocol):
    """A single-band raster that windows can be read from, by several threads at a time."""

    @property
    def grid(self) -> Grid:
        """Its pixel grid, from the raster itself."""
        ...

    @property
    def dtype(self) -> str:
        """Type of its pixels, as numpy names it."""
        ...

    @property
    def nodata(self) -> float | None:
        """Value that says there is no data, as the raster declares it."""
        ...

    @property
    def block(self) -> tuple[int, int]:
        """Width and height, in pixels, of the blocks that it is stored in."""
        ...

    def fetch(self, window: Window) -> Fetched:
        """Bring what the pixels of a window are made of.

        Args:
            window: Lies within the grid.

        Raises:
            NetworkError: If the pixels cannot be had; they are never replaced by nodata.
            SourceChangedError: If the source is no longer the one that was opened.
        """
        ...
