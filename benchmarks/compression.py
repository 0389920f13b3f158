"""Compare lossless compressions of the output.

Writes the same terrain as a tiled GeoTIFF with each candidate, by GDAL with all cores and by our
writer with as many threads, and prints size, write time and read time as ratios to the first.
Candidates take turns, so that a machine that slows down slows them all.

    python benchmarks/compression.py [--edge 8192] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import rasterio
from affine import Affine

from hrdem.demo.terrain import heights
from hrdem.geo.grid import Grid
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff import encode

HRDEM = "DEFLATE, predictor 3, ISA-L {}"
CANDIDATES: dict[str, dict[str, object]] = {
    **{HRDEM.format(level): {"isal": level} for level in (1, 0, 2, 3)},
    "DEFLATE 1, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 1},
    "DEFLATE 6, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 6},
    "DEFLATE 9, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 9},
    "ZSTD 1, predictor 3": {"compress": "zstd", "predictor": 3, "zstd_level": 1},
    "ZSTD 9, predictor 3": {"compress": "zstd", "predictor": 3, "zstd_level": 9},
    "LZW, predictor 3": {"compress": "lzw", "predictor": 3},
    "LZW": {"compress": "lzw", "predictor": 1},
    "none": {},
}


def write_with_hrdem(path: Path, pixels: np.ndarray, level: object) -> None:
    grid = Grid(
        "EPSG:3979", Affine(1, 0, 1_500_000, 0, -1, -170_000), pixels.shape[1], pixels.shape[0]
    )
    windows = list(grid.window.split(encode.BLOCK, encode.BLOCK))
    storage = encode.choose_tile_format("float32")
    with (
        mock.patch.dict(encode.DEFLATE_LEVELS, {encode.FLOATING_POINT: level}),
        GeoTiffWriter(path, grid, grid.crs, -32767, storage, [Band("dtm", "metre")]) as writer,
        thread_pool(os.cpu_count() or 1, "encode") as pool,
    ):
        tiles = map_in_order(
            pool, lambda each: encode.encode(pixels[each.slices], storage, -32767), windows, 16
        )
        for window, tile in zip(windows, tiles, strict=True):
            writer.write(window.column // encode.BLOCK, window.row // encode.BLOCK, tile)
        writer.commit(None, {}, (path.with_suffix(".json"), lambda _: "{}"))
    path.with_suffix(".json").unlink()


def write(path: Path, pixels: np.ndarray, options: dict[str, object]) -> float:
    started = time.perf_counter()
    if "isal" in options:
        write_with_hrdem(path, pixels, options["isal"])
        return time.perf_counter() - started
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, nodata=-32767, crs="EPSG:3979",
        width=pixels.shape[1], height=pixels.shape[0], tiled=True, blockxsize=512, blockysize=512,
        transform=Affine(1, 0, 1_500_000, 0, -1, -170_000), NUM_THREADS="ALL_CPUS", **options,
    ) as dataset:  # fmt: skip
        dataset.write(pixels, 1)
    return time.perf_counter() - started


def read(path: Path) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    with rasterio.open(path) as dataset:
        pixels = dataset.read(1)
    return time.perf_counter() - started, pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edge", type=int, default=8192)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pixels = heights(1_500_000, -170_000, 1, arguments.edge, arguments.edge)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, options in CANDIDATES.items():
                path = Path(folder) / "out.tif"
                wrote = write(path, pixels, options)
                took, back = read(path)
                assert np.array_equal(pixels, back), name
                times[name].append((wrote, took))
                sizes[name] = path.stat().st_size
                path.unlink()
    first = next(iter(CANDIDATES))
    print(f"{arguments.edge} x {arguments.edge} float32, GDAL {rasterio.__gdal_version__}")
    print(f"{'':30}  {'bytes/pixel':>11}  {'size':>5}  {'write':>5}  {'read':>5}")
    medians = {n: [statistics.median(t) for t in zip(*v, strict=True)] for n, v in times.items()}
    for name, (wrote, took) in medians.items():
        print(
            f"{name:30}  {sizes[name] / pixels.size:11.2f}  {sizes[name] / sizes[first]:5.2f}"
            f"  {wrote / medians[first][0]:5.2f}  {took / medians[first][1]:5.2f}"
        )


if __name__ == "__main__":
    main()
