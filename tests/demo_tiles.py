"""Tiles of the demonstration by name and collection, and blocks without data in them."""

from __future__ import annotations

import numpy as np

from hrdem.demo.cog import BLOCK, DemoCog
from hrdem.demo.tiles import Tile, list_tiles

TILES = {(tile.name, tile.collection): tile for tile in list_tiles()}


def find_empty_block(tile: Tile) -> tuple[int, int]:
    """Return the upper left corner, in EPSG:3979, of a DTM block without data."""
    cog = DemoCog(tile, "dtm")
    rank, _ = cog._count_present(0)
    absent = np.flatnonzero(np.diff(rank, prepend=0) == 0)
    row, column = divmod(int(absent[len(absent) // 2]), cog.levels[0].columns)
    return tile.left + column * BLOCK, tile.top - row * BLOCK
