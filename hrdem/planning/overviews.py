"""Overviews: choose the level of each file, coarse enough to be cheap and all on one lattice."""

from __future__ import annotations

from collections.abc import Sequence

from hrdem.sources.protocol import RasterFile

_SIZE_TOLERANCE = 1 + 1e-9


def select_levels(files: Sequence[RasterFile], max_pixel_size: float) -> list[RasterFile]:
    """Return the coarsest level of each file such that all are on one lattice.

    An overview fills the extent of its image, so its pixels may differ a little from a power of
    two: 7,813 pixels of 63.996 m for 500,000 of 1 m. Adjacent files of equal size share such a
    lattice too.

    Args:
        files: Files to read.
        max_pixel_size: Maximum edge of a pixel that still has the detail, in units of the CRS.

    Returns:
        One level for each file, in the same order. If nothing coarser fits together, these are all
        at full resolution, whether they fit together or not.
    """
    first = min(files, key=lambda file: file.priority)
    for level in first.levels(max_pixel_size * _SIZE_TOLERANCE):
        matching = [file.level_on(level.grid) for file in files]
        levels = [each for each in matching if each is not None]
        if len(levels) == len(files):
            return levels
    return list(files)
