"""From compressed tiles to pixels: GDAL decodes them from memory, whatever their codec.

The tiles of a rectangle are put behind a directory of a TIFF in memory, as they came, and GDAL
reads that. This knows every codec and predictor that GDAL knows, frees Python's lock while it
decodes, and needs no further library; benchmarks/decoding.py compares it with imagecodecs.
"""

from __future__ import annotations

import struct
from mmap import mmap

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from hrdem.cog.header import Header, Level
from hrdem.errors import SourceError
from hrdem.gdal import GDAL_ERRORS
from hrdem.grid import Pixels

_SHORT, _LONG, _DOUBLE, _ASCII, _LONG8 = 3, 4, 12, 2, 16
_FORMAT = {"u": 1, "i": 2, "f": 3}  # SampleFormat
GUARD = 4  # bytes of a tile's length before it, and of its end repeated after it


def directory_size(tiles: int) -> int:
    """Return how many bytes `decode` needs free at the beginning of its buffer."""
    return 512 + 16 * tiles


def decode(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    header: Header,
    level: Level,
    name: str,
) -> Pixels:
    """Decode a rectangle of tiles.

    Args:
        buffer: `directory_size` bytes that are free to be written to, then the tiles' bytes in any
            order, with anything between them.
        offsets: Where each tile begins in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape.
        header: Of the file that the tiles are from.
        level: The level that they are from.
        name: Of the file, for messages.

    Returns:
        Array of shape (rows * tile height, columns * tile width); absent tiles are nodata, or 0
        where the file declares none.

    Raises:
        SourceError: If a tile cannot be decoded.
    """
    rows, columns = offsets.shape
    width, height = level.tile
    _write_directory(buffer, offsets, counts, header, level)
    try:
        with rasterio.Env(), MemoryFile(memoryview(buffer)) as memory, memory.open() as dataset:
            pixels: Pixels = dataset.read(1)
    except GDAL_ERRORS as exc:
        raise SourceError(
            f"A tile of {name} cannot be decoded ({exc}). The file may be damaged, or the tile may "
            "have been altered on the way: try again, or with --engine gdal."
        ) from exc
    assert pixels.shape == (rows * height, columns * width)
    return pixels


def check_guards(
    buffer: mmap, offsets: NDArray[np.int64], counts: NDArray[np.int64], name: str
) -> None:
    """Make sure that each tile lies between its leader and its trailer (GDAL's COG layout).

    Index and tiles then belong together, and no tile was cut or moved.

    Args:
        buffer: Holds the tiles, each with 4 bytes before and after.
        offsets: Where each tile begins in the buffer; 0 for absent tiles.
        counts: Length of each tile.
        name: Of the file, for messages.

    Raises:
        SourceError: If a leader or a trailer is not what it should be.
    """
    for begin, count in zip(offsets.flat, counts.flat, strict=True):
        if not count:
            continue
        end = begin + count
        (said,) = struct.unpack_from("<I", buffer, int(begin) - GUARD)
        if said != count or buffer[end - GUARD : end] != buffer[end : end + GUARD]:
            raise SourceError(
                f"A tile of {name} does not lie where the file's index says. The file may be "
                "damaged, or may be being published again: try again later."
            )


def _write_directory(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    header: Header,
    level: Level,
) -> None:
    """Write a BigTIFF directory for the tiles at the beginning of a buffer."""
    order = header.byte_order
    rows, columns = offsets.shape
    dtype = np.dtype(header.dtype)
    entries: list[tuple[int, int, int, bytes]] = []

    def add(tag: int, kind: int, *values: float) -> None:
        code = {_SHORT: "H", _LONG: "I", _DOUBLE: "d", _LONG8: "Q"}[kind]
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        entries.append((tag, kind, len(values), packed))

    add(256, _LONG, columns * level.tile[0])
    add(257, _LONG, rows * level.tile[1])
    add(258, _SHORT, 8 * dtype.itemsize)
    add(259, _SHORT, level.compression)
    add(262, _SHORT, 1)
    add(277, _SHORT, 1)
    add(284, _SHORT, 1)
    add(317, _SHORT, level.predictor)
    add(322, _LONG, level.tile[0])
    add(323, _LONG, level.tile[1])
    entries.append((324, _LONG8, offsets.size, offsets.astype(f"{order}u8").tobytes()))
    entries.append((325, _LONG8, counts.size, counts.astype(f"{order}u8").tobytes()))
    add(339, _SHORT, _FORMAT[dtype.kind])
    add(33550, _DOUBLE, 1, 1, 0)  # a georeferencing, so that none is missed
    add(33922, _DOUBLE, 0, 0, 0, 0, 0, 0)
    if header.nodata is not None:
        text = f"{header.nodata!r}\0".encode()
        entries.append((42113, _ASCII, len(text), text))
    if level.lerc is not None:
        add(50674, _LONG, *level.lerc)
    entries.sort()
    spill_at = 16 + 8 + 20 * len(entries) + 8
    table, spill = bytearray(), bytearray()
    for tag, kind, count, packed in entries:
        value = packed
        if len(packed) > 8:
            value = struct.pack(f"{order}Q", spill_at + len(spill))
            spill += packed
        table += struct.pack(f"{order}HHQ", tag, kind, count) + value.ljust(8, b"\0")
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, 16) + struct.pack(f"{order}Q", len(entries))
    whole = head + table + struct.pack(f"{order}Q", 0) + spill
    assert len(whole) <= directory_size(offsets.size)
    buffer[: len(whole)] = whole
