"""Large sparse COGs in the layout of GDAL's COG driver, put together from encoded tiles.

BigTIFF; ghost area; all directories; the tile indexes, full resolution first; the tiles, coarsest
level first and row by row, each between a leader (its size) and a trailer (its last four bytes).
The indexes have an entry for every tile of the grid, 0 and 0 for those that are absent; on the
disk such stretches are holes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

BLOCK = 512
NODATA = -32767
_FIRST_DIRECTORY = 200
_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_SHORT, _LONG, _DOUBLE, _ASCII, _LONG8 = 3, 4, 12, 2, 16
_CODES = {_SHORT: "H", _LONG: "I", _DOUBLE: "d", _LONG8: "Q"}
# GTModelType projected, GTRasterType area, ProjectedCSType 3979, linear unit metre
_GEOKEYS = (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3979, 3076, 0, 1, 9001)


@dataclass(frozen=True, slots=True)
class Codec:
    """How tiles are encoded: TIFF's numbers, and GDAL's creation options for the same."""

    compression: int
    predictor: int
    options: tuple[tuple[str, str | int], ...]


CODECS = {
    "lzw": Codec(5, 1, (("compress", "lzw"), ("predictor", 1))),
    "deflate": Codec(8, 3, (("compress", "deflate"), ("predictor", 3), ("zlevel", 6))),
}


@dataclass(frozen=True, slots=True)
class Tiles:
    """The encoded tiles of a level: a rectangle of them, the rest of the level is absent.

    Attributes:
        path: File that holds them.
        column: First tile column of the rectangle, counted in the level.
        row: First tile row.
        offsets: Where each begins in the file, shape (rows, columns).
        counts: How long each is, the same shape.
    """

    path: Path
    column: int
    row: int
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    data: bytes


def sizes(edge: int) -> list[int]:
    """Edges of a square file's levels: halved, rounded up, until one tile holds all of it."""
    found = [edge]
    while found[-1] > BLOCK:
        found.append(-(-edge // 2 ** len(found)))
    return found


def write_cog(
    path: Path, edge: int, corner: tuple[float, float], codec: Codec, levels: list[Tiles]
) -> int:
    """Write a square file of 1 m pixels in EPSG:3979.

    Args:
        path: Where to.
        edge: Pixels along a side.
        corner: Left and top, metres.
        codec: Of the tiles.
        levels: Full resolution first.

    Returns:
        Where the tiles begin in the file.
    """
    edges = sizes(edge)
    across = [-(-each // BLOCK) for each in edges]
    georeferencing = [
        _entry(33550, _DOUBLE, (1.0, 1.0, 0.0)),
        _entry(33922, _DOUBLE, (0.0, 0.0, 0.0, *corner, 0.0)),
        _entry(34735, _SHORT, _GEOKEYS),
    ]
    plain = [
        [*_described(each, codec, level), *([] if level else georeferencing)]
        for level, each in enumerate(edges)
    ]
    index_at = _FIRST_DIRECTORY + sum(map(_size, plain))
    data_at = index_at + sum(12 * n * n for n in across if n > 1)
    tile_offsets = _assign_offsets(levels, data_at)
    with path.open("wb") as file:
        ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, _FIRST_DIRECTORY) + ghost)
        directory_at, at = _FIRST_DIRECTORY, index_at
        for level, n in enumerate(across):
            following = directory_at + _size(plain[level])
            arrays: tuple[tuple[int, ...], tuple[int, ...]] = (at,), (at + 8 * n * n,)
            if n == 1:
                arrays = (int(tile_offsets[level][0, 0]),), (int(levels[level].counts[0, 0]),)
            else:
                _write_index(file, at, n, levels[level], tile_offsets[level])
                at += 12 * n * n
            index = [
                _Entry(324, _LONG8, n * n, struct.pack("<Q", *arrays[0])),
                _Entry(325, _LONG, n * n, struct.pack("<Q" if n > 1 else "<I", *arrays[1])),
            ]
            last = level == len(across) - 1
            file.seek(directory_at)
            file.write(_directory([*plain[level], *index], directory_at, 0 if last else following))
            directory_at = following
        file.seek(data_at)
        for tiles in reversed(levels):
            _copy_tiles(file, tiles)
    return data_at


def _described(edge: int, codec: Codec, level: int) -> Iterator[_Entry]:
    yield _entry(254, _LONG, (1 if level else 0,))
    yield _entry(256, _LONG, (edge,))
    yield _entry(257, _LONG, (edge,))
    yield _entry(258, _SHORT, (32,))
    yield _entry(259, _SHORT, (codec.compression,))
    yield _entry(262, _SHORT, (1,))
    yield _entry(277, _SHORT, (1,))
    yield _entry(284, _SHORT, (1,))
    yield _entry(317, _SHORT, (codec.predictor,))
    yield _entry(322, _SHORT, (BLOCK,))
    yield _entry(323, _SHORT, (BLOCK,))
    yield _entry(339, _SHORT, (3,))
    text = b"%d\0" % NODATA
    yield _Entry(42113, _ASCII, len(text), text)


def _entry(tag: int, kind: int, values: tuple[float, ...]) -> _Entry:
    return _Entry(tag, kind, len(values), struct.pack(f"<{len(values)}{_CODES[kind]}", *values))


def _size(entries: Iterable[_Entry]) -> int:
    """Bytes of a directory with two more entries, those of the index, and of all its values."""
    entries = list(entries)
    return 16 + 20 * (len(entries) + 2) + sum(len(e.data) for e in entries if len(e.data) > 8)


def _directory(entries: list[_Entry], at: int, following: int) -> bytes:
    table, spilled = bytearray(), bytearray()
    spill_at = at + 16 + 20 * len(entries)
    for entry in sorted(entries, key=lambda entry: entry.tag):
        value = entry.data
        if len(value) > 8:
            value = struct.pack("<Q", spill_at + len(spilled))
            spilled += entry.data
        table += struct.pack("<HHQ", entry.tag, entry.kind, entry.count) + value.ljust(8, b"\0")
    return struct.pack("<Q", len(entries)) + table + struct.pack("<Q", following) + spilled


def _assign_offsets(levels: list[Tiles], at: int) -> list[NDArray[np.int64]]:
    """Where each tile goes: between its leader and its trailer, coarsest level first."""
    tile_offsets = []
    for tiles in reversed(levels):
        slots = np.cumsum(tiles.counts.ravel() + 8)
        starts = at + 4 + np.concatenate(([0], slots[:-1]))
        tile_offsets.append(starts.reshape(tiles.counts.shape))
        at += int(slots[-1])
    return tile_offsets[::-1]


def _write_index(
    file: BinaryIO, at: int, across: int, tiles: Tiles, tile_offsets: NDArray[np.int64]
) -> None:
    """Write the rows of both arrays that have tiles; the rest remains a hole."""
    for row, (offsets, counts) in enumerate(zip(tile_offsets, tiles.counts, strict=True)):
        first = (tiles.row + row) * across + tiles.column
        file.seek(at + 8 * first)
        file.write(offsets.astype("<u8").tobytes())
        file.seek(at + 8 * across * across + 4 * first)
        file.write(counts.astype("<u4").tobytes())


def _copy_tiles(file: BinaryIO, tiles: Tiles) -> None:
    with tiles.path.open("rb") as source:
        for offset, count in zip(tiles.offsets.flat, tiles.counts.flat, strict=True):
            source.seek(offset)
            content = source.read(count)
            file.write(struct.pack("<I", count) + content + content[-4:])
