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
    tiles: Path,
    tile_format: TileFormat,
    metadata: Sequence[Entry],
    max_classic_bytes: int,
) -> None:
    """Write a file with the tiles of all levels.

    Args:
        path: File to write.
        levels: From `add_overviews`.
        tiles: File with the tiles.
        tile_format: Compression and layout of all tiles.
        metadata: Tags of full resolution besides those of `TileFormat.entries`.
        max_classic_bytes: Size above which the file is a BigTIFF.
    """
    order = tile_format.byte_order
    size = sum(int(level.counts.sum()) + 16 * level.counts.size for level in levels)
    big = size + 2 * GUARD_BYTES * sum(map(_count_tiles, levels)) > max_classic_bytes
    ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
    start = len(encode_file_header(order, big, 0)) + len(ghost)
    start += -start % 8
    positions = [np.zeros_like(level.offsets) for level in levels]

    def encode_directories() -> bytes:
        content = b""
        for number, (level, offsets) in enumerate(zip(levels, positions, strict=True)):
            entries = list_entries(level, offsets, tile_format, metadata, number, big)
            is_last = number == len(levels) - 1
            content += encode_directory(entries, order, big, start + len(content), not is_last)
            content += bytes(-len(content) % 8)
        return content

    at = start + len(encode_directories())  # positions do not change its length
    for level, offsets in reversed([*zip(levels, positions, strict=True)]):
        present = level.counts > 0
        slots = level.counts[present] + 2 * GUARD_BYTES
        ends = at + np.cumsum(slots)
        offsets[present] = ends - slots + GUARD_BYTES
        at = int(ends[-1]) if len(ends) else at
    with path.open("xb") as file, tiles.open("rb") as stored:
        header = encode_file_header(order, big, start) + ghost
        file.write(header.ljust(start, b"\0") + encode_directories())
        for level in reversed(levels):
            present = level.counts > 0
            for begin, count in zip(
                level.offsets[present].tolist(), level.counts[present].tolist(), strict=True
            ):
                stored.seek(begin)
                tile = stored.read(count)
                file.write(struct.pack("<I", count) + tile + tile[-GUARD_BYTES:])


def _count_tiles(level: TileLevel) -> int:
    return int(np.count_nonzero(level.counts))
