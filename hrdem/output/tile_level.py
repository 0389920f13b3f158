"""A level of a tiled raster: full resolution, or an overview."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrdem.tiff.write_ifd import (
    COLOUR_MAP,
    LONG,
    LONG8,
    PHOTOMETRIC,
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    Entry,
    TileFormat,
    make_entry,
    merge_entries,
)

# ExtraSamples and the nodata value; colours
_OVERVIEW_TAGS = (338, 42113, PHOTOMETRIC, COLOUR_MAP)  # overviews have them too


class StoredTiles(NamedTuple):
    """Tiles of a level, in the order of their index.

    Attributes:
        places: Number of each tile in the level's index, ascending.
        offsets: Position of each in the file.
        counts: Length of each, bytes.
    """

    places: NDArray[np.int64]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]


class TileLevel:
    """A level of a raster, and where its tiles are in a file.

    Absent tiles take no memory: a raster that is far wider than its data has millions of them.

    Args:
        width: Number of columns.
        height: Number of rows.
        bands: Number of bands.
        tile: Width and height of a tile, pixels.

    Attributes:
        width: Number of columns.
        height: Number of rows.
        shape: Bands, rows and columns of tiles.
    """

    def __init__(self, width: int, height: int, bands: int, tile: tuple[int, int]) -> None:
        self.width = width
        self.height = height
        self.shape = bands, -(-height // tile[1]), -(-width // tile[0])
        self._places = array("q")
        self._offsets = array("q")
        self._counts = array("q")

    @property
    def slots(self) -> int:
        """Number of tiles in its index, absent ones included."""
        bands, rows, columns = self.shape
        return bands * rows * columns

    @property
    def places(self) -> NDArray[np.int64]:
        """Number in the index of each tile that was added, in that order."""
        return np.array(self._places, np.int64)

    def add(self, band: int, row: int, column: int, offset: int, count: int) -> None:
        """Add a tile of `count` bytes that is at `offset` in the file."""
        _, rows, columns = self.shape
        self._places.append((band * rows + row) * columns + column)
        self._offsets.append(offset)
        self._counts.append(count)

    def sort(self) -> StoredTiles:
        """Return the tiles in the order of the index."""
        places = self.places
        order = np.argsort(places)
        offsets, counts = np.array(self._offsets, np.int64), np.array(self._counts, np.int64)
        return StoredTiles(places[order], offsets[order], counts[order])


def list_entries(
    level: TileLevel,
    tiles: StoredTiles,
    tile_format: TileFormat,
    metadata: Sequence[Entry],
    number: int,
    big: bool,
) -> list[Entry]:
    """Return the tags of a level.

    Args:
        level: The level.
        tiles: Its tiles; others are absent, with position and length 0.
        tile_format: Compression and layout of all tiles.
        metadata: Tags of full resolution besides those of `TileFormat.entries`.
        number: Number of the level; 0 is full resolution.
        big: Whether the file is a BigTIFF.
    """
    order = tile_format.byte_order
    layout = tile_format.entries(level.width, level.height, level.shape[0])
    if number:
        layout.append(make_entry(order, 254, LONG, 1))  # NewSubfileType: reduced resolution
        metadata = [each for each in metadata if each.tag in _OVERVIEW_TAGS]
    entries = merge_entries(layout, metadata)
    for tag, kind, width, values in (
        (TILE_OFFSETS, *((LONG8, 8) if big else (LONG, 4)), tiles.offsets),
        (TILE_BYTE_COUNTS, LONG, 4, tiles.counts),
    ):
        index = np.zeros(level.slots, f"{order}u{width}")
        index[tiles.places] = values
        entries[tag] = Entry(tag, kind, level.slots, index.tobytes())
    return [*entries.values()]
