"""Arrange the tiles of a raster and of its overviews as a cloud-optimized GeoTIFF.

The layout is that of GDAL's COG driver: ghost area, directories and tile indexes of all levels,
then the tiles, the coarsest level first, each between its length and its last four bytes. Tiles are
copied as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hrdem.output.tile_level import TileLevel, list_entries
from hrdem.tiff.decode import GUARD_BYTES
from hrdem.tiff.write_ifd import Entry, TileFormat, encode_directory, encode_file_header

_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)


def write_cog(
    path: Path,
    levels: Sequence[TileLevel],
    source: Path,
    tile_format: TileFormat,
    metadata: Sequence[Entry],
    max_classic_bytes: int,
) -> None:
    """Write a file with the tiles of all levels.

    Args:
        path: File to write.
        levels: All levels, full resolution first.
        source: File with the tiles.
        tile_format: Compression and layout of all tiles.
        metadata: Tags of full resolution besides those of `TileFormat.entries`.
        max_classic_bytes: Size above which the file is a BigTIFF.
    """
    order = tile_format.byte_order
    tiles = [level.sort() for level in levels]
    size = sum(int(each.counts.sum()) + 2 * GUARD_BYTES * len(each.counts) for each in tiles)
    big = size + 16 * sum(level.slots for level in levels) > max_classic_bytes
    ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
    start = len(encode_file_header(order, big, 0)) + len(ghost)
    start += -start % 8
    positions = [np.zeros_like(each.offsets) for each in tiles]

    def encode_directories() -> bytes:
        content = b""
        for number, level in enumerate(levels):
            moved = tiles[number]._replace(offsets=positions[number])
            entries = list_entries(level, moved, tile_format, metadata, number, big)
            is_last = number == len(levels) - 1
            content += encode_directory(entries, order, big, start + len(content), not is_last)
            content += bytes(-len(content) % 8)
        return content

    at = start + len(encode_directories())  # positions do not change its length
    for number in reversed(range(len(levels))):
        slots = tiles[number].counts + 2 * GUARD_BYTES
        ends = at + np.cumsum(slots)
        positions[number] = ends - slots + GUARD_BYTES
        at = int(ends[-1]) if len(ends) else at
    with path.open("xb") as file, source.open("rb") as stored:
        header = encode_file_header(order, big, start) + ghost
        file.write(header.ljust(start, b"\0") + encode_directories())
        for _, offsets, counts in reversed(tiles):
            for begin, count in zip(offsets, counts, strict=True):
                stored.seek(begin)
                tile = stored.read(count)
                file.write(struct.pack("<I", count) + tile + tile[-GUARD_BYTES:])
