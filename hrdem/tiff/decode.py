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

from hrdem.errors import SourceError
from hrdem.geo.grid import Pixels
from hrdem.runtime.gdal_errors import GDAL_ERRORS
from hrdem.tiff.write_ifd import (
    ASCII,
    DOUBLE,
    FILE_HEADER_BYTES,
    LONG8,
    Entry,
    TileFormat,
    encode_directory,
    encode_file_header,
    make_entry,
)

GUARD_BYTES = 4  # bytes of a tile's length before it, and of its end repeated after it


def directory_bytes(tiles: int) -> int:
    """Return how many bytes `decode` needs free at the beginning of its buffer."""
    return 512 + 16 * tiles


def decode(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    storage: TileFormat,
    nodata: float | None,
    name: str,
) -> Pixels:
    """Decode a rectangle of tiles.

    Args:
        buffer: `directory_bytes` bytes that are free to be written to, then the tiles' bytes in any
            order, with anything between them.
        offsets: Where each tile begins in the buffer, shape (rows, columns); 0 for absent tiles.
        counts: Length of each tile in bytes, same shape.
        storage: How the tiles are stored.
        nodata: Value of absent tiles.
        name: Of the file, for messages.

    Returns:
        Array of shape (rows * tile height, columns * tile width); absent tiles are nodata, or 0
        where the file declares none.

    Raises:
        SourceError: If a tile cannot be decoded.
    """
    rows, columns = offsets.shape
    width, height = storage.tile
    _write_directory(buffer, offsets, counts, storage, nodata)
    try:
        with rasterio.Env(), MemoryFile(memoryview(buffer)) as memory, memory.open() as dataset:
            pixels: Pixels = dataset.read(1)
    except GDAL_ERRORS as exc:
        raise SourceError(
            f"A tile of {name} cannot be decoded ({exc}). The file may be damaged, or the tile may "
            "have been altered on the way: try again, or with `engine=gdal`."
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
        (said,) = struct.unpack_from("<I", buffer, int(begin) - GUARD_BYTES)
        if said != count or buffer[end - GUARD_BYTES : end] != buffer[end : end + GUARD_BYTES]:
            raise SourceError(
                f"A tile of {name} does not lie where the file's index says. The file may be "
                "damaged, or may be being published again: try again later."
            )


def _write_directory(
    buffer: mmap,
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    storage: TileFormat,
    nodata: float | None,
) -> None:
    """Write a BigTIFF's head and directory for the tiles at the beginning of a buffer."""
    order = storage.byte_order
    rows, columns = offsets.shape
    entries = storage.entries(columns * storage.tile[0], rows * storage.tile[1], bands=1)
    for tag, places in ((324, offsets), (325, counts)):
        entries.append(Entry(tag, LONG8, places.size, places.astype(f"{order}u8").tobytes()))
    entries.append(make_entry(order, 33550, DOUBLE, 1, 1, 0))  # a georeferencing: none is missed
    entries.append(make_entry(order, 33922, DOUBLE, 0, 0, 0, 0, 0, 0))
    if nodata is not None:
        text = f"{nodata!r}\0".encode()
        entries.append(Entry(42113, ASCII, len(text), text))
    start = encode_file_header(order, True, FILE_HEADER_BYTES)
    whole = start + encode_directory(entries, order, True, FILE_HEADER_BYTES)
    assert len(whole) <= directory_bytes(offsets.size)
    buffer[: len(whole)] = whole
