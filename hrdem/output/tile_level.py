"""A level of a tiled raster: full resolution, or an overview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

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


@dataclass(frozen=True, slots=True)
class TileLevel:
    """A level of a raster, and where its tiles are in a file.

    Attributes:
        width: Number of columns.
        height: Number of rows.
        offsets: Position of each tile, shape (bands, rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape; 0 for absent tiles.
    """

    width: int
    height: int
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def empty(cls, width: int, height: int, bands: int, tile: tuple[int, int]) -> Self:
        """Return a level whose tiles are all absent."""
        shape = bands, -(-height // tile[1]), -(-width // tile[0])
        return cls(width, height, np.zeros(shape, np.int64), np.zeros(shape, np.int64))


def list_entries(
    level: TileLevel,
    offsets: NDArray[np.int64],
    tile_format: TileFormat,
    metadata: Sequence[Entry],
    number: int,
    big: bool,
) -> list[Entry]:
    """Return the tags of a level.

    Args:
        level: The level.
        offsets: Positions of its tiles in the file, as those of the level.
        tile_format: Compression and layout of all tiles.
        metadata: Tags of full resolution besides those of `TileFormat.entries`.
        number: Number of the level; 0 is full resolution.
        big: Whether the file is a BigTIFF.
    """
    order = tile_format.byte_order
    layout = tile_format.entries(level.width, level.height, len(level.offsets))
    if number:
        layout.append(make_entry(order, 254, LONG, 1))  # NewSubfileType: reduced resolution
        metadata = [each for each in metadata if each.tag in _OVERVIEW_TAGS]
    entries = merge_entries(layout, metadata)
    kind, width = (LONG8, 8) if big else (LONG, 4)
    entries[TILE_OFFSETS] = Entry(
        TILE_OFFSETS, kind, offsets.size, offsets.astype(f"{order}u{width}").tobytes()
    )
    entries[TILE_BYTE_COUNTS] = Entry(
        TILE_BYTE_COUNTS, LONG, offsets.size, level.counts.astype(f"{order}u4").tobytes()
    )
    return [*entries.values()]
