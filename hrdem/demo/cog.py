"""Cloud-optimised GeoTIFFs that are computed while they are read.

Each has the layout of GDAL's COG driver: BigTIFF, ghost area, all directories first, then the
tile indexes, then the tiles from the coarsest overview to full resolution, each between a leader
and a trailer. LZW streams of literal codes only have one size for every tile, so the index follows
from which tiles exist, and a file of a terabyte needs neither disk nor time to exist.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrdem.demo.shade import UInt8, hillshade
from hrdem.demo.terrain import NODATA, Float32, heights, surveyed
from hrdem.demo.tiles import Tile

BLOCK = 512
_LITERALS = 128  # codes between two clear codes: the code width stays at 9 bits
_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_FIRST_DIRECTORY = 200
_SHORT, _LONG, _DOUBLE, _ASCII, _LONG8 = 3, 4, 12, 2, 16
# GTModelType projected, GTRasterType area, ProjectedCSType 3979, linear unit metre
_GEOKEYS = (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3979, 3076, 0, 1, 9001)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Level:
    width: int
    height: int
    resolution: float

    @property
    def columns(self) -> int:
        return -(-self.width // BLOCK)

    @property
    def rows(self) -> int:
        return -(-self.height // BLOCK)

    @property
    def count(self) -> int:
        return self.columns * self.rows


@dataclass(frozen=True)
class DemoCog:
    """One COG of the demonstration service.

    Attributes:
        tile: Its grid.
        product: ``"dtm"`` or ``"dsm"``.
        shaded: Whether it is the hillshade of the product, uint8, instead of its heights.
        areas: Boxes (left, bottom, right, top in EPSG:3979) to which the data is confined, widened
            to whole blocks of each level; everything else is sparse. None for no limit.
        edition: Edition of the heights, as for `heights`; the ETag depends on it too.
    """

    tile: Tile
    product: str
    shaded: bool = False
    areas: tuple[Box, ...] | None = None
    edition: int = 1

    @property
    def media_type(self) -> str:
        """Value of Content-Type."""
        return "image/tiff"

    @property
    def etag(self) -> str:
        """A strong ETag, in the form of a multipart upload."""
        kind = "hillshade-" if self.shaded else ""
        name = f"{self.tile.item_id}-{self.product}-{kind}{self.edition}"
        return f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}-9997"'

    @property
    def tile_bytes(self) -> int:
        """Compressed size of each of its tiles."""
        raw = BLOCK * BLOCK * (1 if self.shaded else 4)
        return -(-(raw // _LITERALS * (_LITERALS + 1) + 1) * 9 // 8)

    @property
    def _slot_size(self) -> int:
        """Size of a tile with leader and trailer."""
        return self.tile_bytes + 8

    @cached_property
    def levels(self) -> tuple[_Level, ...]:
        """Full resolution, then overviews until one fits into a block."""
        width, height = self.tile.width, self.tile.height
        factor, levels = 1, []
        while True:
            w, h = -(-width // factor), -(-height // factor)
            levels.append(_Level(w, h, width * self.tile.resolution / w))
            if max(w, h) <= BLOCK:
                return tuple(levels)
            factor *= 2

    @cached_property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self._data_start(0) + self._count_present(0)[1] * self._slot_size

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of the file from ``start`` up to, not including, ``stop``."""
        while start < stop:
            piece = self._read_piece(start, stop)
            yield piece
            start += len(piece)

    def write(self, path: Path) -> None:
        """Write the whole file; for one that is confined to small areas."""
        with path.open("wb") as file:
            for piece in self.read(0, self.size):
                file.write(piece)

    def tile_pixels(self, level: int, index: int) -> Float32 | UInt8:
        """Compute the pixels of one tile of one level, shape (512, 512)."""
        this = self.levels[level]
        row, column = divmod(index, this.columns)
        step = BLOCK * this.resolution
        pixels = hillshade if self.shaded else heights
        found = pixels(
            self.tile.left + column * step,
            self.tile.top - row * step,
            this.resolution,
            BLOCK,
            BLOCK,
            product=self.product,
            collection=self.tile.collection,
            edition=self.edition,
        )
        if self.tile.offset:
            found[found != NODATA] += self.tile.offset
        return found

    def _read_piece(self, start: int, stop: int) -> bytes:
        """Return some bytes from ``start``, at most up to ``stop``, from one part of the file."""
        if start < len(self._head):
            return self._head[start:stop]
        for level, (offsets_at, counts_at) in enumerate(self._index_positions):
            if (length := 8 * self.levels[level].count) <= 8:
                continue  # a single tile's entries are in the directory itself
            if offsets_at <= start < offsets_at + length:
                return self._read_index(level, np.dtype("<u8"), offsets_at, start, stop)
            if counts_at <= start < counts_at + length // 2:
                return self._read_index(level, np.dtype("<u4"), counts_at, start, stop)
        for level in reversed(range(len(self.levels))):
            rank, count = self._count_present(level)
            begin = self._data_start(level)
            if begin <= start < begin + count * self._slot_size:
                number, within = divmod(start - begin, self._slot_size)
                index = int(np.searchsorted(rank, number + 1))
                return _encode_slot(self, level, index)[within : within + stop - start]
        raise ValueError(f"byte {start} is beyond the end of the file ({self.size} bytes)")

    def _read_index(self, level: int, dtype: np.dtype, at: int, start: int, stop: int) -> bytes:
        first = (start - at) // dtype.itemsize
        last = min(self.levels[level].count, -(-(stop - at) // dtype.itemsize))
        rank, _ = self._count_present(level)
        there = np.diff(rank[first:last], prepend=rank[first - 1] if first else 0)
        if dtype.itemsize == 4:
            values = np.where(there, self.tile_bytes, 0)
        else:
            positions = (
                self._data_start(level)
                + 4
                + (rank[first:last].astype(np.int64) - 1) * self._slot_size
            )
            values = np.where(there, positions, 0)
        begin = start - at - first * dtype.itemsize
        return values.astype(dtype).tobytes()[begin : begin + stop - start]

    def _count_present(self, level: int) -> tuple[NDArray[np.int32], int]:
        """Return the running count of existing tiles in row-major order, and the total."""
        return _count_tiles(self, level)

    @cached_property
    def _index_positions(self) -> tuple[tuple[int, int], ...]:
        """Positions of the offsets and the byte counts of each level."""
        at = _FIRST_DIRECTORY + sum(self._measure_directory(k) for k in range(len(self.levels)))
        positions = []
        for level in self.levels:
            positions.append((at, at + 8 * level.count))
            if level.count > 1:
                at += 12 * level.count
        return tuple(positions)

    def _data_start(self, level: int) -> int:
        """Return the position of the first tile of a level; coarser levels come first."""
        last = len(self.levels) - 1
        offsets_at, _ = self._index_positions[last]
        at = offsets_at + (12 * self.levels[last].count if self.levels[last].count > 1 else 0)
        return (
            at
            + sum(self._count_present(k)[1] for k in range(level + 1, last + 1)) * self._slot_size
        )

    def _list_entries(self, level: int) -> list[tuple[int, int, Sequence[float] | bytes]]:
        """Return the tags of a directory without the tile index: (tag, type, values)."""
        this = self.levels[level]
        entries: list[tuple[int, int, Sequence[float] | bytes]] = [
            (254, _LONG, (1 if level else 0,)),
            (256, _LONG, (this.width,)),
            (257, _LONG, (this.height,)),
            (258, _SHORT, (8 if self.shaded else 32,)),
            (259, _SHORT, (5,)),
            (262, _SHORT, (1,)),
            (277, _SHORT, (1,)),
            (284, _SHORT, (1,)),
            (322, _SHORT, (BLOCK,)),
            (323, _SHORT, (BLOCK,)),
            (339, _SHORT, (1 if self.shaded else 3,)),
            (42113, _ASCII, b"0\0" if self.shaded else b"-32767\0"),
        ]
        if level == 0:
            scale = float(self.tile.resolution)
            corner = (0.0, 0.0, 0.0, float(self.tile.left), float(self.tile.top), 0.0)
            entries += [
                (33550, _DOUBLE, (scale, scale, 0.0)),
                (33922, _DOUBLE, corner),
                (34735, _SHORT, _GEOKEYS),
            ]
        return entries

    def _measure_directory(self, level: int) -> int:
        entries = self._list_entries(level)
        spilled = sum(len(data) for data in map(_pack_values, entries) if len(data) > 8)
        return 8 + 20 * (len(entries) + 2) + 8 + spilled

    @cached_property
    def _head(self) -> bytes:
        """Everything before the tile indexes."""
        ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST
        out = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, _FIRST_DIRECTORY) + ghost)
        out += bytes(_FIRST_DIRECTORY - len(out))
        for level, this in enumerate(self.levels):
            begin = len(out)
            offsets_at, counts_at = self._index_positions[level]
            entries = [(tag, kind, len(values), _pack_values((tag, kind, values)))
                       for tag, kind, values in self._list_entries(level)]  # fmt: skip
            if this.count > 1:
                entries += [(324, _LONG8, this.count, struct.pack("<Q", offsets_at)),
                            (325, _LONG, this.count, struct.pack("<Q", counts_at))]  # fmt: skip
            else:
                there = self._count_present(level)[1] > 0
                place, length = (self._data_start(level) + 4, self.tile_bytes) if there else (0, 0)
                entries += [(324, _LONG8, 1, struct.pack("<Q", place)),
                            (325, _LONG, 1, struct.pack("<I", length))]  # fmt: skip
            entries.sort()
            table, spill = bytearray(), bytearray()
            spill_at = begin + 8 + 20 * len(entries) + 8
            for tag, kind, count, data in entries:
                value = data
                if len(data) > 8:
                    value = struct.pack("<Q", spill_at + len(spill))
                    spill += data
                table += struct.pack("<HHQ", tag, kind, count) + value.ljust(8, b"\0")
            last = level == len(self.levels) - 1
            following = 0 if last else begin + self._measure_directory(level)
            out += struct.pack("<Q", len(entries)) + table + struct.pack("<Q", following) + spill
        return bytes(out)


def _pack_values(entry: tuple[int, int, Sequence[float] | bytes]) -> bytes:
    _, kind, values = entry
    if isinstance(values, bytes):
        return values
    return struct.pack(f"<{len(values)}" + {_SHORT: "H", _LONG: "I", _DOUBLE: "d"}[kind], *values)


@lru_cache(maxsize=96)
def _count_tiles(cog: DemoCog, level: int) -> tuple[NDArray[np.int32], int]:
    this = cog.levels[level]
    step = BLOCK * this.resolution
    x = cog.tile.left + (np.arange(this.columns) + 0.5) * step
    y = cog.tile.top - (np.arange(this.rows) + 0.5) * step
    present = surveyed(x, y, step, cog.tile.collection)
    if cog.areas is not None:
        wanted = np.zeros_like(present)
        for left, bottom, right, top in cog.areas:
            across = (x + step / 2 > left) & (x - step / 2 < right)
            down = (y + step / 2 > bottom) & (y - step / 2 < top)
            wanted |= down[:, None] & across[None, :]
        present &= wanted
    rank = np.cumsum(present.ravel(), dtype=np.int32)
    return rank, int(rank[-1])


@lru_cache(maxsize=16)
def _encode_slot(cog: DemoCog, level: int, index: int) -> bytes:
    """Return a tile as in the file: leader, LZW stream, trailer."""
    pixels = cog.tile_pixels(level, index)
    stream = _encode_lzw_literals(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
    return struct.pack("<I", len(stream)) + stream + stream[-4:]


def _encode_lzw_literals(data: bytes) -> bytes:
    """Encode as TIFF LZW without strings: 9-bit literals, cleared before the codes grow."""
    codes = np.full((len(data) // _LITERALS, _LITERALS + 1), 256, np.uint16)
    codes[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, _LITERALS)
    flat = np.append(codes.ravel(), np.uint16(257))
    total = -(-len(flat) * 9 // 8)
    groups = np.append(flat, np.zeros(-len(flat) % 8, np.uint16)).reshape(-1, 8)
    packed = np.empty((len(groups), 9), np.uint8)
    packed[:, 0] = groups[:, 0] >> 1
    for k in range(1, 8):
        low = (groups[:, k - 1] & np.uint16((1 << k) - 1)) << np.uint16(8 - k)
        packed[:, k] = low | (groups[:, k] >> np.uint16(k + 1))
    packed[:, 8] = groups[:, 7] & np.uint16(255)
    return packed.tobytes()[:total]
