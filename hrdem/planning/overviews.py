"""Which level of the files is read: full resolution, or an overview that still has the detail."""

from __future__ import annotations

from collections.abc import Sequence

from hrdem.sources.protocol import RasterFile

_EQUAL = 1 + 1e-9


def select_levels(files: Sequence[RasterFile], largest: float) -> list[RasterFile]:
    """Return the coarsest level of each file such that all lie on one lattice.

    An overview fills its image, so that its pixels may be a little off a power of two: 7,813 of
    63.996 m for 500,000 of 1 m. Files of one size, side by side, share such a lattice too.

    Args:
        files: What is read.
        largest: Largest edge of a pixel that still has the detail, in units of the files' CRS.

    Returns:
        One for each file, in the same order: full resolution if nothing coarser fits together,
        whether that does or not.
    """
    first = min(files, key=lambda file: file.priority)
    for level in first.levels(largest * _EQUAL):
        found = [file.level_on(level.grid) for file in files]
        levels = [each for each in found if each is not None]
        if len(levels) == len(files):
            return levels
    return list(files)
