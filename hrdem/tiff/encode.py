"""From pixels to compressed tiles: a predictor, then DEFLATE."""

from __future__ import annotations

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels
from hrdem.tiff.write_ifd import TileFormat

BLOCK = 512
_DEFLATE = 8
_NONE, _DIFFERENCE, _FLOATING_POINT = 1, 2, 3
_LEVEL = 1  # of ISA-L's 0 to 3; the others differ by a few percent: benchmarks/compression.py
_START = 16  # bytes: the most that ISA-L leaves to its loop for short input


def choose_tile_format(dtype: str) -> TileFormat:
    """Return how the tiles that `encode` makes are stored: as every GDAL, QGIS and ArcGIS reads.

    Args:
        dtype: Type of the pixels, as numpy names it.
    """
    kind = np.dtype(dtype)
    predictor = _FLOATING_POINT if kind.kind == "f" else _DIFFERENCE
    return TileFormat(
        tile=(BLOCK, BLOCK),
        dtype=dtype,
        byte_order="<",
        compression=_DEFLATE,
        predictor=predictor if kind.itemsize <= 4 or kind.kind == "f" else _NONE,
    )


def encode(pixels: Pixels, storage: TileFormat, fill: float) -> bytes:
    """Compress a tile.

    Args:
        pixels: Array of shape (rows, columns), at most a tile; what is missing on the right and
            below is filled.
        storage: From `choose_tile_format`.
        fill: Value of pixels beyond the array.
    """
    width, height = storage.tile
    if pixels.shape != (height, width):
        whole = np.full((height, width), fill, storage.dtype)
        whole[: pixels.shape[0], : pixels.shape[1]] = pixels
        pixels = whole
    values = np.ascontiguousarray(pixels).view(f"u{pixels.dtype.itemsize}")
    little_endian = values.dtype.newbyteorder("<")
    match storage.predictor:
        case 3:
            prepared = _bytes_apart(values)
        case 2:
            prepared = _differences(values).astype(little_endian, copy=False)
        case _:
            prepared = values.astype(little_endian, copy=False)
    return _deflate(prepared.reshape(-1).view(np.uint8))


def _deflate(content: NDArray[np.uint8]) -> bytes:
    """Compress to a zlib stream, the same bytes for the same content in every process and thread.

    ISA-L (2.32.1, `igzip_icf_body_h1_gr_bt.asm`) takes for the hash of a stream's third byte what a
    register happens to hold, bits of the stream's address, and that now and then hides a match. It
    does so in the loop for long input alone; so the first bytes are flushed by themselves.
    """
    stream = isal_zlib.compressobj(_LEVEL)
    return b"".join(
        (
            stream.compress(content[:_START]),
            stream.flush(isal_zlib.Z_SYNC_FLUSH),
            stream.compress(content[_START:]),
            stream.flush(),
        )
    )


def _bytes_apart(values: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Sort the bytes of each row by their rank, then difference them (TIFF Technical Note 3)."""
    height, width = values.shape
    size = values.itemsize
    apart = np.empty((height, size, width), np.uint8)
    for rank in range(size):
        shift = values.dtype.type(8 * (size - 1 - rank))
        # unsafe as it should be: only the lowest byte is kept
        np.right_shift(values, shift, out=apart[:, rank], dtype=values.dtype, casting="unsafe")
    return _differences(apart.reshape(height, size * width))


def _differences(values: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Difference to the left neighbour, modulo the type (TIFF 6.0, section 14)."""
    apart = np.empty_like(values)
    apart[:, 0] = values[:, 0]
    np.subtract(values[:, 1:], values[:, :-1], out=apart[:, 1:])
    return apart
