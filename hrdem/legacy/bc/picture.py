"""Headers of baseline TIFFs: full colour, uncompressed, without georeferencing (BC 2.0, 4.3)."""

from __future__ import annotations

import struct

from hrdem.tiff.write_ifd import (
    LONG,
    SHORT,
    Entry,
    encode_directory,
    encode_file_header,
    make_entry,
)

ROWS_PER_STRIP = 16
BANDS = 3
_RATIONAL = 5
_ORDER, _CLASSIC_HEADER_BYTES = "<", 8
_STRIP_OFFSETS, _STRIP_BYTE_COUNTS = 273, 279
_NO_COMPRESSION, _RGB, _BY_PIXEL, _NO_UNIT = 1, 2, 1, 1


def format_picture_header(width: int, height: int) -> bytes:
    """Return what precedes the pixels of a picture.

    The pixels follow row by row from the top, as bytes of red, green and blue.

    Args:
        width: Number of columns.
        height: Number of rows.
    """
    row_bytes = BANDS * width
    starts = range(0, height, ROWS_PER_STRIP)
    counts = [min(ROWS_PER_STRIP, height - row) * row_bytes for row in starts]

    def encode(pixels_at: int) -> bytes:
        offsets = [pixels_at + row * row_bytes for row in starts]
        entries = [
            make_entry(_ORDER, 256, LONG, width),
            make_entry(_ORDER, 257, LONG, height),
            make_entry(_ORDER, 258, SHORT, *[8] * BANDS),
            make_entry(_ORDER, 259, SHORT, _NO_COMPRESSION),
            make_entry(_ORDER, 262, SHORT, _RGB),
            make_entry(_ORDER, _STRIP_OFFSETS, LONG, *offsets),
            make_entry(_ORDER, 277, SHORT, BANDS),
            make_entry(_ORDER, 278, LONG, ROWS_PER_STRIP),
            make_entry(_ORDER, _STRIP_BYTE_COUNTS, LONG, *counts),
            *(Entry(tag, _RATIONAL, 1, struct.pack(f"{_ORDER}II", 1, 1)) for tag in (282, 283)),
            make_entry(_ORDER, 284, SHORT, _BY_PIXEL),
            make_entry(_ORDER, 296, SHORT, _NO_UNIT),
        ]
        return encode_file_header(_ORDER, False, _CLASSIC_HEADER_BYTES) + encode_directory(
            entries, _ORDER, False, _CLASSIC_HEADER_BYTES
        )

    return encode(len(encode(0)))
