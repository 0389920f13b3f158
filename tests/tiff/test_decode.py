"""Guards of tiles: each wrong byte is seen. Lack of memory is no damage."""

from __future__ import annotations

import struct
from mmap import mmap

import numpy as np
import pytest
from rasterio._err import CPLE_OutOfMemoryError
from rasterio.errors import RasterioIOError

from hrdem.errors import SourceError
from hrdem.tiff.decode import check_guards, decode
from hrdem.tiff.write_ifd import TileFormat

BODY = bytes(range(50, 62))
STARTS = np.array([[20, 0, 40]])
COUNTS = np.array([[len(BODY), 0, len(BODY)]])


def lay_out(*, altered: int | None = None) -> mmap:
    """Return two tiles as in a COG: length, tile, its last four bytes. One byte is altered."""
    buffer = mmap(-1, 80)
    for start in (20, 40):
        buffer[start - 4 : start + 16] = struct.pack("<I", len(BODY)) + BODY + BODY[-4:]
    if altered is not None:
        buffer[altered] ^= 1
    return buffer


def test_whole_tiles_pass() -> None:
    check_guards(lay_out(), STARTS, COUNTS, "a.tif")


@pytest.mark.parametrize("tile", [20, 40])
@pytest.mark.parametrize("byte", [-4, -3, -2, -1, 8, 11, 12, 13, 14, 15])
def test_an_altered_guard_is_an_error(tile: int, byte: int) -> None:
    """The length before a tile, its last bytes, and their copy behind it."""
    with pytest.raises(SourceError, match="a.tif is not where the file's index says"):
        check_guards(lay_out(altered=tile + byte), STARTS, COUNTS, "a.tif")


def test_bytes_between_tiles_do_not_matter() -> None:
    for byte in (0, 15, 56, 79):
        check_guards(lay_out(altered=byte), STARTS, COUNTS, "a.tif")


def test_lack_of_memory_does_not_make_a_file_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a limit of the shell or of a batch job; what rasterio raises then."""

    def open_file(*_) -> None:
        cause = CPLE_OutOfMemoryError(3, 2, "cannot allocate 1048576 bytes")
        raise RasterioIOError("Read failed. See previous exception for details.") from cause

    monkeypatch.setattr("hrdem.tiff.decode.MemoryFile", open_file)
    tile_format = TileFormat((16, 16), "float32", "<", 1, 1, None)
    whole = np.array([[600]])
    with mmap(-1, 2_000) as buffer, pytest.raises(MemoryError, match="cannot allocate 1048576"):
        decode(buffer, whole, np.array([[1_024]]), tile_format, None, "a.tif")
