"""Decoding of compressed tiles by GDAL, from memory.

A TIFF directory is written before the compressed tiles of a rectangle, and GDAL reads that TIFF in
memory. This supports every codec and predictor of GDAL, releases Python's lock while decoding, and
needs no further library; benchmarks/decoding.py compares it with imagecodecs.
"""

from __future__ import annotations

import struct
from mmap import mmap

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from hrdem.errors import SourceError
from hrdem.geo.grid import Pixels
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.runtime.memory import allocate_buffer
from hrdem.tiff.write_ifd import (
    ASCII,
    DOUBLE,
    FILE_HEADER_BYTES,
    LONG8,
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    Entry,
    TileFormat,
    encode_directory,
    encode_file_header,
    make_entry,
)

LERC = 34887
#: Compressions that are read (TIFF tag 259): none, LZW, DEFLATE in both numbers, LERC, ZSTD.
COMPRESSIONS = (1, 5, 8, 32946, LERC, 50000)
GUARD_BYTES = 4  # a tile's length before it, and its last bytes repeated after it


def directory_bytes(tiles: int) -> int:
    """Return the number of free bytes that `decode` needs at the beginning of its buffer."""
    return 512 + 16 * tiles


def decode(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    tile_format: TileFormat,
    nodata: float | None,
    name: str,
) -> Pixels:
    """Decode a rectangle of tiles.

    Args:
        buffer: `directory_bytes` free bytes, which are overwritten, then the tiles in any order,
            with any bytes between them.
        offsets: Start of each tile in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape.
        tile_format: Compression and layout of the tiles.
        nodata: Value of absent tiles.
        name: Name of the file, for messages.

    Returns:
        Array of shape (rows * tile height, columns * tile width); absent tiles are nodata, or 0
        where nodata is None.

    Raises:
        SourceError: If a tile cannot be decoded.
    """
    rows, columns = offsets.shape
    width, height = tile_format.tile
    _write_directory(buffer, offsets, counts, tile_format, nodata)
    # they wait for the next row of tiles, and would scatter over the allocator's memory
    memory_of_pixels = allocate_buffer(rows * columns * tile_format.raw_bytes)
    shape = rows * height, columns * width
    pixels: Pixels = np.frombuffer(memory_of_pixels, tile_format.dtype).reshape(shape)
    try:
        with pinned_gdal(), MemoryFile(memoryview(buffer)) as memory, memory.open() as dataset:
            dataset.read(1, out=pixels)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise SourceError(
            f"A tile of {name} cannot be decoded ({exc}). The file may be damaged, or the tile may "
            "have been altered on the way: try again. `engine=gdal` reads it in another way."
        ) from exc
    return pixels


def check_guards(
    buffer: mmap, offsets: NDArray[np.int64], counts: NDArray[np.int64], name: str
) -> None:
    """Check the leader and the trailer of each tile (GDAL's COG layout).

    If they are right, index and tiles belong together, and no tile was truncated or moved.

    Args:
        buffer: The tiles, each with 4 bytes before and after.
        offsets: Start of each tile in the buffer; 0 for absent tiles.
        counts: Length of each tile in bytes.
        name: Name of the file, for messages.

    Raises:
        SourceError: If a leader or a trailer is wrong.
    """
    for begin, count in zip(offsets.flat, counts.flat, strict=True):
        if not count:
            continue
        end = begin + count
        (length,) = struct.unpack_from("<I", buffer, int(begin) - GUARD_BYTES)
        if length != count or buffer[end - GUARD_BYTES : end] != buffer[end : end + GUARD_BYTES]:
            raise SourceError(
                f"A tile of {name} is not where the file's index says. The file may be damaged, or "
                "may be being published again: try again later."
            )


def _write_directory(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    tile_format: TileFormat,
    nodata: float | None,
) -> None:
    """Write a BigTIFF's header and directory for the tiles to the beginning of a buffer."""
    order = tile_format.byte_order
    rows, columns = offsets.shape
    entries = tile_format.entries(
        columns * tile_format.tile[0], rows * tile_format.tile[1], bands=1
    )
    for tag, values in ((TILE_OFFSETS, offsets), (TILE_BYTE_COUNTS, counts)):
        entries.append(Entry(tag, LONG8, values.size, values.astype(f"{order}u8").tobytes()))
    entries.append(make_entry(order, 33550, DOUBLE, 1, 1, 0))  # GDAL warns without georeferencing
    entries.append(make_entry(order, 33922, DOUBLE, 0, 0, 0, 0, 0, 0))
    if nodata is not None:
        text = f"{nodata!r}\0".encode()
        entries.append(Entry(42113, ASCII, len(text), text))
    start = encode_file_header(order, True, FILE_HEADER_BYTES)
    whole = start + encode_directory(entries, order, True, FILE_HEADER_BYTES)
    assert len(whole) <= directory_bytes(offsets.size)
    buffer[: len(whole)] = whole
