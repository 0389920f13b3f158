"""The same work in the plainest way: what the instructions of hrdem are divided by.

Ranges of two tiles over 16 connections of httpx, each tile decoded by GDAL in memory, its checksum
taken, its pixels laid in one array, the array encoded by GDAL. No catalogue, no header, no checks;
memory is not limited. Takes ``tiles=FILE``, JSON: column, row, offset and length of each tile.
"""

from __future__ import annotations

import itertools
import json
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import rasterio.io
import shapely  # noqa: F401 (importing is a part of the work)
from affine import Affine
from rasterio.windows import Window

from benchmarks.readers.output import create
from benchmarks.readers.task import BLOCK, Task

_CONNECTIONS, _TILES = 16, 2  # of a request
_PIECE = 64 << 10  # bytes
_NODATA = -32767
_LZW, _FLOAT = 5, 3
# tag, type (3 short, 4 long), value; then the tile's offset and length
_TAGS = ((256, 4, BLOCK), (257, 4, BLOCK), (258, 3, 32), (259, 3, _LZW), (262, 3, 1), (277, 3, 1),
         (322, 4, BLOCK), (323, 4, BLOCK), (324, 4, 0), (325, 4, 0), (339, 3, _FLOAT))  # fmt: skip
_DATA = 8 + 2 + 12 * len(_TAGS) + 4


def main() -> None:
    task = Task.from_command_line()
    tiles = json.loads(Path(task.extra["tiles"]).read_text("utf-8"))
    pixels = np.full((task.size, task.size), _NODATA, np.float32)
    own = threading.local()

    def read(some: list[tuple[int, int, int, int]]) -> None:
        if not hasattr(own, "client"):
            own.client = httpx.Client()
        start = some[0][2]
        length = some[-1][2] + some[-1][3] - start
        received = memoryview(bytearray(length))
        at = 0
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        with own.client.stream("GET", task.url, headers=headers) as response:
            for piece in response.iter_raw(_PIECE):
                zlib.crc32(piece)
                received[at : at + len(piece)] = piece
                at += len(piece)
        for column, row, offset, count in some:
            decoded = _decode(received[offset - start : offset - start + count])
            left, top = column * BLOCK - task.column, row * BLOCK - task.row
            wide = slice(max(left, 0), min(left + BLOCK, task.size))
            high = slice(max(top, 0), min(top + BLOCK, task.size))
            inner = decoded[
                high.start - top : high.stop - top, wide.start - left : wide.stop - left
            ]
            pixels[high, wide] = inner

    rows = [list(row) for _, row in itertools.groupby(tiles, key=lambda tile: tile[1])]
    pieces = [row[at : at + _TILES] for row in rows for at in range(0, len(row), _TILES)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        list(pool.map(read, pieces))
    with create(task, Affine(1, 0, 1_500_000, 0, -1, 0), "EPSG:3979", _NODATA) as output:
        for row in range(0, task.size, BLOCK):
            strip = pixels[row : row + BLOCK]
            output.write(strip, 1, window=Window(0, row, task.size, len(strip)))


def _decode(tile: memoryview) -> np.ndarray:
    values = {324: _DATA, 325: len(tile)}
    entries = (
        struct.pack("<HHII", tag, kind, 1, values.get(tag, value)) for tag, kind, value in _TAGS
    )
    head = struct.pack("<2sHIH", b"II", 42, 8, len(_TAGS)) + b"".join(entries) + bytes(4)
    with rasterio.io.MemoryFile(head + bytes(tile)) as memory, memory.open() as dataset:
        return dataset.read(1)


if __name__ == "__main__":
    main()
