"""Where pixels come from: one protocol, and what keeps it."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from hrdem.grid import Grid, Window

Pixels = NDArray[Any]


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

    def read(self, window: Window) -> Pixels:
        """Read the pixels of a window that lies within the grid.

        Returns:
            Array of shape (window.height, window.width).

        Raises:
            NetworkError: If the pixels cannot be had; they are never replaced by nodata.
            SourceChangedError: If the source is no longer the one that was opened.
        """
        ...
