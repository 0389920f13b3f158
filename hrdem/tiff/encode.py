"""Encoding of tiles: a predictor, then a compression.

DEFLATE is by ISA-L, as fast as the readers deliver. GDAL compresses LZW and ZSTD, in memory: it
releases Python's lock meanwhile, and needs no further library.
"""

from __future__ import annotations

import numpy as np
import rasterio
from affine import Affine
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from hrdem.errors import RequestError
from hrdem.geo.grid import Pixels
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.tiff.write_ifd import (
    TILE_BYTE_COUNTS,
    TILE_OFFSETS,
    TileFormat,
    read_first_directory,
)

BLOCK = 512  # pixels along the edge of a tile of the output
NO_COMPRESSION, LZW, DEFLATE, ZSTD = 1, 5, 8, 50000  # TIFF tag 259
NO_PREDICTOR, DIFFERENCE, FLOATING_POINT = 1, 2, 3  # TIFF tag 317
# benchmarks/compression.py: the level of ISA-L's 0 to 3 beyond which files hardly shrink
DEFLATE_LEVELS = {NO_PREDICTOR: 2, DIFFERENCE: 2, FLOATING_POINT: 1}
_GDAL_OPTIONS: dict[int, dict[str, str | int]] = {
    LZW: {"compress": "lzw"},
    ZSTD: {"compress": "zstd", "zstd_level": 1},
}
_START_BYTES = 16  # the most that ISA-L leaves to its loop for short input


def choose_tile_format(
    dtype: str, compression: int = DEFLATE, predictor: int | None = None
) -> TileFormat:
    """Return the format of tiles that `encode` writes.

    Args:
        dtype: Pixel type, a numpy name.
        compression: TIFF compression number: none, LZW, DEFLATE or ZSTD.
        predictor: TIFF predictor number; None for the one that makes the smallest file.

    Raises:
        RequestError: If the predictor is unknown, or does not apply to the pixel type or the
            compression.
    """
    kind = np.dtype(dtype)
    if predictor is None:
        predictor = _best_predictor(kind) if compression != NO_COMPRESSION else NO_PREDICTOR
    _check_predictor(predictor, kind, compression)
    return TileFormat(
        tile=(BLOCK, BLOCK),
        dtype=dtype,
        byte_order="<",
        compression=compression,
        predictor=predictor,
    )


def _best_predictor(kind: np.dtype[np.generic]) -> int:
    if kind.kind == "f":
        return FLOATING_POINT
    return DIFFERENCE if kind.itemsize <= 4 else NO_PREDICTOR


def _check_predictor(predictor: int, kind: np.dtype[np.generic], compression: int) -> None:
    if predictor == NO_PREDICTOR:
        return
    if predictor not in (DIFFERENCE, FLOATING_POINT):
        raise RequestError(f"`predictor` is {predictor}. Give 1, 2 or 3.")
    if compression == NO_COMPRESSION:
        raise RequestError(
            f"`predictor={predictor}` prepares pixels for compression, and `compress=none` has "
            "none. Leave out one of the two."
        )
    if predictor == FLOATING_POINT and kind.kind != "f":
        raise RequestError(
            f"`predictor=3` is for floating-point pixels, and the output's are {kind.name}. Give "
            "`predictor=2`, or leave it out."
        )
    if predictor == DIFFERENCE and kind.itemsize > 4:
        raise RequestError(
            f"`predictor=2` is for pixels of at most 4 bytes, and the output's are {kind.name}. "
            "Leave it out."
        )


def encode(pixels: Pixels, tile_format: TileFormat, fill: float) -> bytes:
    """Compress a tile; equal pixels give equal bytes.

    Args:
        pixels: Array of shape (rows, columns), at most a tile; it is padded on the right and below.
        tile_format: From `choose_tile_format`.
        fill: Value of the padding.

    Raises:
        RequestError: If the GDAL in use lacks the compression.
    """
    width, height = tile_format.tile
    if pixels.shape != (height, width):
        whole = np.full((height, width), fill, tile_format.dtype)
        whole[: pixels.shape[0], : pixels.shape[1]] = pixels
        pixels = whole
    if tile_format.compression in _GDAL_OPTIONS:
        return _encode_with_gdal(pixels, tile_format)
    prepared = _predict(np.ascontiguousarray(pixels), tile_format.predictor)
    content = prepared.reshape(-1).view(np.uint8)
    if tile_format.compression == NO_COMPRESSION:
        return content.tobytes()
    return _deflate(content, DEFLATE_LEVELS[tile_format.predictor])


def _encode_with_gdal(pixels: Pixels, tile_format: TileFormat) -> bytes:
    """Let GDAL write a file of one tile in memory, and return the tile."""
    width, height = tile_format.tile
    try:
        with pinned_gdal(), MemoryFile() as memory:
            with memory.open(
                driver="GTiff", width=width, height=height, count=1, dtype=tile_format.dtype,
                tiled=True, blockxsize=width, blockysize=height, predictor=tile_format.predictor,
                BIGTIFF="YES", transform=Affine(1, 0, 1, 0, -1, 0),
                **_GDAL_OPTIONS[tile_format.compression],
            ) as dataset:  # fmt: skip
                dataset.write(pixels, 1)
            content: bytes = memory.read()
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise RequestError(
            f"GDAL {rasterio.__gdal_version__} cannot write this compression ({exc}). Give "
            "`compress=deflate`, or leave it out."
        ) from exc
    tags = {each.tag: int.from_bytes(each.data, "little") for each in read_first_directory(content)}
    return content[tags[TILE_OFFSETS] :][: tags[TILE_BYTE_COUNTS]]


def _predict(pixels: Pixels, predictor: int) -> NDArray[np.unsignedinteger]:
    """Return pixels as a predictor leaves them, in little-endian byte order."""
    values = pixels.view(f"u{pixels.dtype.itemsize}")
    if predictor == FLOATING_POINT:
        return _group_bytes(values)
    if predictor == DIFFERENCE:
        values = _difference(values)
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _deflate(content: NDArray[np.uint8], level: int) -> bytes:
    """Compress to a zlib stream, the same bytes for the same content in every process and thread.

    ISA-L (2.32.1, `igzip_icf_body_h1_gr_bt.asm`) hashes a stream's third byte with an uninitialized
    register that holds bits of the stream's address, which sometimes hides a match. Only its loop
    for long input does so; so the first bytes are flushed separately.
    """
    stream = isal_zlib.compressobj(level)
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
