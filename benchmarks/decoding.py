"""Compare GDAL (from memory) and imagecodecs at decoding tiles.

Tiles of 512 x 512 float32 in the codecs of the mosaics, in pieces of two as the reader fetches
them, with one and two threads; candidates take turns. Needs ``pip install imagecodecs``.

    python benchmarks/decoding.py [--pieces 60] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from mmap import mmap
from pathlib import Path

import imagecodecs
import numpy as np
import rasterio
from affine import Affine

from hrdem.demo.terrain import heights
from hrdem.tiff.decode import decode, directory_bytes
from hrdem.tiff.header import Header, read_header

CODECS = {
    "LZW": {"compress": "lzw", "predictor": 1},
    "LZW, predictor 3": {"compress": "lzw", "predictor": 3},
    "DEFLATE, predictor 3": {"compress": "deflate", "predictor": 3},
    "ZSTD, predictor 3": {"compress": "zstd", "predictor": 3},
}
DECODERS = {
    5: imagecodecs.lzw_decode,
    8: imagecodecs.zlib_decode,
    50000: imagecodecs.zstd_decode,
}

Piece = tuple[mmap, np.ndarray, np.ndarray]


def read_pieces(content: bytes, header: Header) -> list[Piece]:
    """Return the tiles of a file, two at a time, as the reader holds them."""
    level = header.levels[0]
    arrays = [
        np.frombuffer(content[slice(*array.span(0, array.count))], array.dtype).astype(np.int64)
        for array in (level.offsets, level.counts)
    ]
    room, found = directory_bytes(2), []
    for offsets, counts in zip(*(array.reshape(-1, 1, 2) for array in arrays), strict=True):
        start, stop = int(offsets.min()), int((offsets + counts).max())
        buffer = mmap(-1, room + stop - start)
        buffer[room:] = content[start:stop]
        found.append((buffer, offsets - start + room, counts))
    return found


def with_gdal(piece: Piece, header: Header) -> np.ndarray:
    return decode(*piece, header.tile_format(header.levels[0]), header.nodata, "benchmark")


def with_imagecodecs(piece: Piece, header: Header) -> np.ndarray:
    buffer, offsets, counts = piece
    level, tiles = header.levels[0], []
    for begin, count in zip(offsets.flat, counts.flat, strict=True):
        raw = DECODERS[level.compression](memoryview(buffer)[begin : begin + count])
        if level.predictor == 3:
            # the float predictor's bytes are those of big-endian numbers
            pixels = np.frombuffer(raw, "<f4").reshape(512, 512)
            tiles.append(imagecodecs.floatpred_decode(pixels, axis=-1))
        else:
            tiles.append(np.frombuffer(raw, "<f4").reshape(512, 512))
    return np.hstack(tiles)


def seconds(way: Callable, pieces: list[Piece], header: Header, threads: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda piece: way(piece, header), pieces):
            pass
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pieces", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pixels = heights(1_500_000, -170_000, 1, 1024, 512 * arguments.pieces)
    print(f"{arguments.pieces} pieces of 2 tiles; MB/s of pixels, and GDAL over imagecodecs")
    for name, options in CODECS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tiles.tif"
            with rasterio.open(
                path, "w", driver="GTiff", dtype="float32", count=1, crs="EPSG:3979", tiled=True,
                width=pixels.shape[1], height=pixels.shape[0], blockxsize=512, blockysize=512,
                transform=Affine(1, 0, 1_500_000, 0, -1, 0), **options,
            ) as dataset:  # fmt: skip
                dataset.write(pixels, 1)
            content = path.read_bytes()
        header = read_header(lambda a, b, c=content: c[a:b], len(content), name)
        pieces = read_pieces(content, header)
        for piece in pieces[:3]:
            assert np.array_equal(with_gdal(piece, header), with_imagecodecs(piece, header)), name
        for threads in (1, 2):
            times: dict[str, list[float]] = {"GDAL": [], "imagecodecs": []}
            for _ in range(arguments.rounds):
                times["GDAL"].append(seconds(with_gdal, pieces, header, threads))
                times["imagecodecs"].append(seconds(with_imagecodecs, pieces, header, threads))
            speeds = {
                way: pixels.nbytes / 1e6 / statistics.median(took) for way, took in times.items()
            }
            print(
                f"{name:22} {threads} thread{'s' if threads > 1 else ' '}  "
                + "  ".join(f"{way} {speed:5.0f}" for way, speed in speeds.items())
                + f"  {speeds['GDAL'] / speeds['imagecodecs']:.2f}"
            )


if __name__ == "__main__":
    main()
