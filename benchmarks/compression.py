"""Which lossless compression should the output have?

Writes the same terrain as a tiled GeoTIFF under each candidate and prints size, and times to write
and to read as ratios to the first. The candidates take turns, so that a machine that slows down
slows them all.

    python benchmarks/compression.py [--edge 8192] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from hrdem.demo.terrain import heights

CANDIDATES = {
    "DEFLATE 1, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 1},
    "DEFLATE 6, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 6},
    "DEFLATE 9, predictor 3": {"compress": "deflate", "predictor": 3, "zlevel": 9},
    "ZSTD 1, predictor 3": {"compress": "zstd", "predictor": 3, "zstd_level": 1},
    "ZSTD 9, predictor 3": {"compress": "zstd", "predictor": 3, "zstd_level": 9},
    "LZW, predictor 3": {"compress": "lzw", "predictor": 3},
    "LZW": {"compress": "lzw", "predictor": 1},
    "none": {},
}


def write(path: Path, pixels: np.ndarray, options: dict[str, object]) -> float:
    started = time.perf_counter()
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
    print(f"{'':24}  {'bytes/pixel':>11}  {'size':>5}  {'write':>5}  {'read':>5}")
    medians = {n: [statistics.median(t) for t in zip(*v, strict=True)] for n, v in times.items()}
    for name, (wrote, took) in medians.items():
        print(
            f"{name:24}  {sizes[name] / pixels.size:11.2f}  {sizes[name] / sizes[first]:5.2f}"
            f"  {wrote / medians[first][0]:5.2f}  {took / medians[first][1]:5.2f}"
        )


if __name__ == "__main__":
    main()
