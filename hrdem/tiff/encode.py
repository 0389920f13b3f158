"""Encoding of tiles: a predictor, then DEFLATE."""

from __future__ import annotations

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels
from hrdem.tiff.write_ifd import TileFormat

BLOCK = 512  # pixels along the edge of a tile of the output
_DEFLATE = 8
_NONE, _DIFFERENCE, _FLOATING_POINT = 1, 2, 3
_LEVEL = 1  # of ISA-L's 0 to 3; the others differ by a few percent: benchmarks/compression.py
_START_BYTES = 16  # the most that ISA-L leaves to its loop for short input


def choose_tile_format(dtype: str) -> TileFormat:
    """Return the format of tiles that `encode` writes; every GDAL, QGIS and ArcGIS reads it.

    Args:
        dtype: Pixel type, a numpy name.
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


def encode(pixels: Pixels, tile_format: TileFormat, fill: float) -> bytes:
    """Compress a tile.

    Args:
        pixels: Array of shape (rows, columns), at most a tile; it is padded on the right and below.
        tile_format: From `choose_tile_format`.
        fill: Value of the padding.
    """
    width, height = tile_format.tile
    if pixels.shape != (height, width):
        whole = np.full((height, width), fill, tile_format.dtype)
        whole[: pixels.shape[0], : pixels.shape[1]] = pixels
        pixels = whole
    values = np.ascontiguousarray(pixels).view(f"u{pixels.dtype.itemsize}")
    little_endian = values.dtype.newbyteorder("<")
    match tile_format.predictor:
        case 3:
            prepared = _group_bytes(values)
        case 2:
            prepared = _difference(values).astype(little_endian, copy=False)
        case _:
            prepared = values.astype(little_endian, copy=False)
    return _deflate(prepared.reshape(-1).view(np.uint8))


def _deflate(content: NDArray[np.uint8]) -> bytes:
    """Compress to a zlib stream, the same bytes for the same content in every process and thread.

    ISA-L (2.32.1, `igzip_icf_body_h1_gr_bt.asm`) hashes a stream's third byte with an uninitialized
    register that holds bits of the stream's address, which sometimes hides a match. Only its loop
    for long input does so; so the first bytes are flushed separately.
    """
    stream = isal_zlib.compressobj(_LEVEL)
    return b"".join(
        (
            stream.compress(content[:_START_BYTES]),
            stream.flush(isal_zlib.Z_SYNC_FLUSH),
            stream.compress(content[_START_BYTES:]),
            stream.flush(),
        )
    )


def _group_bytes(values: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    """Group the bytes of each row by significance, then difference them (TIFF Technical Note 3)."""
    height, width = values.shape
    size = values.itemsize
    result = np.empty((height, size, width), np.uint8)
    for rank in range(size):
        shift = values.dtype.type(8 * (size - 1 - rank))
        # an unsafe cast keeps the lowest byte, as intended
        np.right_shift(values, shift, out=result[:, rank], dtype=values.dtype, casting="unsafe")
    return _difference(result.reshape(height, size * width))


def _difference(values: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Subtract the left neighbour, modulo the type (TIFF 6.0, section 14)."""
    result = np.empty_like(values)
    result[:, 0] = values[:, 0]
    np.subtract(values[:, 1:], values[:, :-1], out=result[:, 1:])
    return result
