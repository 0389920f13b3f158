"""Encoding of TIFF directories, classic (TIFF 6.0, section 2) and BigTIFF."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SHORT, LONG, DOUBLE, ASCII, LONG8 = 3, 4, 12, 2, 16
PHOTOMETRIC, COLOUR_MAP = 262, 320
TILE_OFFSETS, TILE_BYTE_COUNTS = 324, 325
FILE_HEADER_BYTES = 16  # of a BigTIFF; that of a classic TIFF has 8
ORDER_MARKS = {"<": b"II", ">": b"MM"}

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
          17: 8, 18: 8}  # fmt: skip
_CODES = {SHORT: "H", LONG: "I", DOUBLE: "d", LONG8: "Q"}
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}


@dataclass(frozen=True, slots=True)
class Entry:
    """A tag and its values.

    Attributes:
        tag: Number of the tag.
        kind: TIFF number of the values' type.
        count: Number of values.
        data: The encoded values, in the byte order of the file.
    """

    tag: int
    kind: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TileFormat:
    """Compression and layout of tiles.

    Attributes:
        tile: Width and height of a tile, pixels.
        dtype: Pixel type, a numpy name without byte order.
        byte_order: ``"<"`` or ``">"``: byte order of the file and its pixels.
        compression: TIFF compression number.
        predictor: TIFF predictor number, 1 for none.
        lerc: LERC's version and further compression (tag 50674), None for other codecs.
    """

    tile: tuple[int, int]
    dtype: str
    byte_order: str
    compression: int
    predictor: int
    lerc: tuple[int, ...] | None = None

    @property
    def raw_bytes(self) -> int:
        """Size of a tile's pixels in bytes."""
        return self.tile[0] * self.tile[1] * np.dtype(self.dtype).itemsize

    def entries(self, width: int, height: int, bands: int) -> list[Entry]:
        """Return the tags of a raster in this format, without TileOffsets and TileByteCounts.

        Args:
            width: Number of columns.
            height: Number of rows.
            bands: Number of bands; all tiles of one precede those of the next.
        """
        dtype, order = np.dtype(self.dtype), self.byte_order
        found = [
            make_entry(order, 256, LONG, width),
            make_entry(order, 257, LONG, height),
            make_entry(order, 258, SHORT, *[8 * dtype.itemsize] * bands),
            make_entry(order, 259, SHORT, self.compression),
            make_entry(order, PHOTOMETRIC, SHORT, 1),  # BlackIsZero
            make_entry(order, 277, SHORT, bands),
            make_entry(order, 284, SHORT, 1 if bands == 1 else 2),  # separate planes
            make_entry(order, 322, LONG, self.tile[0]),
            make_entry(order, 323, LONG, self.tile[1]),
            make_entry(order, 339, SHORT, *[_SAMPLE_FORMATS[dtype.kind]] * bands),
        ]
        if self.predictor != 1:
            found.append(make_entry(order, 317, SHORT, self.predictor))
        if self.lerc is not None:
            found.append(make_entry(order, 50674, LONG, *self.lerc))
        return found


def merge_entries(layout: Iterable[Entry], metadata: Iterable[Entry]) -> dict[int, Entry]:
    """Return tags by their numbers.

    Args:
        layout: From `TileFormat.entries`.
        metadata: Further tags. Those of the layout stay, except that pixels may be colours.
    """
    entries = {each.tag: each for each in layout}
    for each in metadata:
        if each.tag == PHOTOMETRIC or each.tag not in entries:
            entries[each.tag] = each
    return entries


def make_entry(order: str, tag: int, kind: int, *values: float) -> Entry:
    """Encode a tag with numeric values."""
    return Entry(
        tag, kind, len(values), struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
    )


def encode_file_header(order: str, big: bool, directory_at: int) -> bytes:
    """Encode the first bytes of a file: 16 of a BigTIFF, 8 of a classic one."""
    if big:
        return ORDER_MARKS[order] + struct.pack(f"{order}HHHQ", 43, 8, 0, directory_at)
    return ORDER_MARKS[order] + struct.pack(f"{order}HI", 42, directory_at)


def encode_directory(
    entries: Iterable[Entry], order: str, big: bool, at: int, has_next: bool = False
) -> bytes:
    """Encode a directory, followed by the values that do not fit into its entries.

    Args:
        entries: Tags, in any order.
        order: ``"<"`` or ``">"``.
        big: Whether the file is a BigTIFF.
        at: Position of the directory in the file, a multiple of 8.
        has_next: Whether another directory follows, at the next multiple of 8.
    """
    entries = sorted(entries, key=lambda each: each.tag)
    count, form, place = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    inline = struct.calcsize(place)
    size = struct.calcsize(f"<{count}") + len(entries) * (4 + 2 * inline) + inline
    table, spill = bytearray(struct.pack(order + count, len(entries))), bytearray(-size % 8)
    for each in entries:
        value = each.data
        if len(value) > inline:
            value = struct.pack(order + place, at + size + len(spill))
            spill += each.data + bytes(-len(each.data) % 8)
        table += struct.pack(order + form, each.tag, each.kind, each.count)
        table += value.ljust(inline, b"\0")
    following = at + size + len(spill) if has_next else 0
    following += -following % 8
    return bytes(table + struct.pack(order + place, following) + spill)


def read_first_directory(content: bytes) -> list[Entry]:
    """Parse the first directory of a BigTIFF that is known to be valid."""
    order = {mark: order for order, mark in ORDER_MARKS.items()}[content[:2]]
    (at,) = struct.unpack_from(f"{order}Q", content, 8)
    (count,) = struct.unpack_from(f"{order}Q", content, at)
    found = []
    for index in range(count):
        begin = at + 8 + 20 * index
        tag, kind, values = struct.unpack_from(f"{order}HHQ", content, begin)
        size = values * _SIZES[kind]
        place = begin + 12
        if size > 8:
            (place,) = struct.unpack_from(f"{order}Q", content, place)
        found.append(Entry(tag, kind, values, content[place : place + size]))
    return found
