"""Arrange the tiles of a raster as a cloud-optimized GeoTIFF, and add its overviews.

The layout is that of GDAL's COG driver: ghost area, directories and tile indexes of all levels,
then the tiles, the coarsest level first, each between its length and its last four bytes. Tiles are
copied as they are; only overviews are computed. The work depends on the tiles with data, not on the
size of the grid, and a few tiles are in memory at a time.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import avoid_nodata, valid_mask
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff.decode import GUARD_BYTES, decode, directory_bytes
from hrdem.tiff.encode import encode
from hrdem.tiff.write_ifd import (
    COLOUR_MAP,
    LONG,
    LONG8,
    PHOTOMETRIC,
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    Entry,
    TileFormat,
    encode_directory,
    encode_file_header,
    make_entry,
    merge_entries,
)

# ExtraSamples and the nodata value; colours
_OVERVIEW_TAGS = (338, 42113, PHOTOMETRIC, COLOUR_MAP)  # overviews have them too
_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_CODERS = min(4, os.cpu_count() or 1)  # threads; each holds four tiles and their mean


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


def add_overviews(
    base: TileLevel,
    path: Path,
    append: Callable[[bytes], int],
    tile_format: TileFormat,
    nodata: float,
    averaged: bool,
) -> list[TileLevel]:
    """Compute overviews, each from the level before, until one tile holds a whole level.

    Args:
        base: The level of full resolution.
        path: File with its tiles.
        append: Appends a tile to the file, flushed, and returns its position.
        tile_format: Compression and layout of all tiles.
        nodata: Nodata value.
        averaged: Whether a pixel is the mean of the valid ones of four; else it is the upper left.

    Returns:
        All levels, full resolution first.
    """
    levels = [base]
    width, height = tile_format.tile
    with path.open("rb") as file, thread_pool(_CODERS, "overview") as pool:
        while levels[-1].width > width or levels[-1].height > height:
            below = levels[-1]
            bands = len(below.offsets)
            level = TileLevel.empty(
                -(-below.width // 2), -(-below.height // 2), bands, tile_format.tile
            )

            def make(quad: _Quad) -> tuple[_Quad, bytes]:
                pixels = _halve(quad.decode(tile_format, nodata), nodata, averaged)
                is_empty = not valid_mask(pixels, nodata).any()
                return quad, b"" if is_empty else encode(pixels, tile_format, nodata)

            quads = _read_quads(below, file)
            with contextlib.closing(map_in_order(pool, make, quads, 2 * _CODERS)) as made:
                for quad, tile in made:
                    if tile:
                        level.offsets[quad.place] = append(tile)
                        level.counts[quad.place] = len(tile)
            levels.append(level)
    return levels


@dataclass(frozen=True, slots=True)
class _Quad:
    """Up to four tiles that one tile of the next level is computed from.

    Attributes:
        place: Band, row and column of the tile in the next level.
        buffer: Free bytes for `decode`, then the tiles.
        offsets: Start of each tile in the buffer, shape (2, 2); 0 for absent tiles.
        counts: Length of each tile.
    """

    place: tuple[int, int, int]
    buffer: mmap.mmap
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]

    def decode(self, tile_format: TileFormat, nodata: float) -> Pixels:
        with self.buffer:
            return decode(self.buffer, self.offsets, self.counts, tile_format, nodata, "the output")


def _read_quads(level: TileLevel, file: BinaryIO) -> Iterator[_Quad]:
    """Yield the tiles of a level in groups of four, without groups that are absent."""
    bands, rows, columns = np.nonzero(level.counts)
    places = np.unique(np.stack([bands, rows // 2, columns // 2], axis=1), axis=0)
    for band, row, column in places.tolist():
        part = np.s_[band, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        counts, offsets = np.zeros((2, 2, 2), np.int64)
        found = level.counts[part]
        counts[: found.shape[0], : found.shape[1]] = found
        start = directory_bytes(counts.size)
        ends = start + np.cumsum(counts).reshape(2, 2)
        np.copyto(offsets, ends - counts, where=counts > 0)
        buffer = mmap.mmap(-1, int(ends[-1, -1]))
        for corner in np.argwhere(found).tolist():
            size, at = int(found[*corner]), int(level.offsets[part][*corner])
            file.seek(at)
            position = int(offsets[*corner])
            buffer[position : position + size] = file.read(size)
        yield _Quad((band, row, column), buffer, offsets, counts)


def _halve(pixels: Pixels, nodata: float, averaged: bool) -> Pixels:
    """Return pixels of twice the size; padding at the edges is nodata, and counts for nothing."""
    if not averaged:
        return pixels[::2, ::2]
    quarters = [pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]
    total = np.zeros(quarters[0].shape)
    count = np.zeros(total.shape, np.uint8)
    for quarter in quarters:
        valid = valid_mask(quarter, nodata)
        np.add(total, quarter, out=total, where=valid)
        count += valid
    mean = np.divide(total, count, out=np.full(total.shape, float(nodata)), where=count > 0)
    if pixels.dtype.kind != "f":
        rounded: Pixels = np.rint(mean).astype(pixels.dtype)
        return rounded
    means = avoid_nodata(mean.astype(pixels.dtype), nodata)
    return np.where(count > 0, means, pixels.dtype.type(nodata))


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
            entries = _list_entries(level, offsets, tile_format, metadata, number, big)
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


def _list_entries(
    level: TileLevel,
    offsets: NDArray[np.int64],
    tile_format: TileFormat,
    metadata: Sequence[Entry],
    number: int,
    big: bool,
) -> list[Entry]:
    """Return the tags of a level."""
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
