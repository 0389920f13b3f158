"""Compare pixels with the terrain function of the demonstration, and with no part of hrdem."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.unruly_store import EDITIONS
from hrdem.demo.catalog import STORE_PREFIX, list_file_paths
from hrdem.demo.terrain import heights
from hrdem.demo.tiles import SIDE, list_tiles


@dataclass(frozen=True)
class FilePart:
    """Pixels of one stored file.

    Attributes:
        path: Path of the file at the store; empty if there is none.
        unlike: Whether each pixel differs from the terrain, by edition.
    """

    path: str
    unlike: dict[int, NDArray[np.bool_]]

    @property
    def wrong(self) -> int:
        """Number of pixels that are not of the edition that most are of."""
        return min(int(unlike.sum()) for unlike in self.unlike.values())

    @property
    def is_mixed(self) -> bool:
        """Whether pixels of several editions are among them."""
        alone = [
            unlike & ~np.any([other for other in self.unlike.values() if other is not unlike], 0)
            for unlike in self.unlike.values()
        ]
        return sum(bool(each.any()) for each in alone) > 1


def split_by_file(
    found: NDArray[np.float32], left: float, top: float, step: int, product: str, collection: str
) -> Iterator[FilePart]:
    """Compare an image with the terrain, file by file.

    Args:
        found: Heights with -32767 for nodata.
        left: x of its corner, metres, EPSG:3979.
        top: y of the same corner.
        step: Pixel size, metres.
        product: ``"dtm"`` or ``"dsm"``.
        collection: ``"1m"`` or ``"2m"``.
    """
    height, width = found.shape
    xs = left + step * (np.arange(width) + 0.5)
    ys = top - step * (np.arange(height) + 0.5)
    for column in np.unique(xs // SIDE):
        for row in np.unique(ys // SIDE):
            across, down = np.flatnonzero(xs // SIDE == column), np.flatnonzero(ys // SIDE == row)
            part = found[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
            grid = left + step * across[0], top - step * down[0], step, len(across), len(down)
            surface = {"product": product, "collection": collection}
            unlike = {each: part != heights(*grid, **surface, edition=each) for each in EDITIONS}
            yield FilePart(find_file(column * SIDE, row * SIDE, product, collection), unlike)


@functools.cache
def find_file(left: float, bottom: float, product: str, collection: str) -> str:
    """Return the path of the file with a lower left corner; empty if there is none."""
    for tile in list_tiles():
        if tile.collection == collection and tile.bounds[:2] == (left, bottom):
            path = list_file_paths(tile).get(product)
            return "" if path is None else f"{STORE_PREFIX}/{path}"
    return ""
