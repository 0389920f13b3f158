"""Are the pixels of an output those of the store's file?"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import rasterio
import rasterio.windows
from rasterio.errors import RasterioError

from benchmarks.store import Place

_ROWS = 512  # read at a time


@cache
def reference(path: str, place: Place) -> str:
    """Digest of a window of a local file."""
    return _digest(path, place.column, place.row, place.size)


def verdict(output: Path, place: Place, expected: str) -> str:
    """Compare an output: ``"equal"``, or what is wrong with it."""
    if not output.exists():
        return "no output"
    try:
        with rasterio.open(output) as dataset:
            shape, bounds, dtype = dataset.shape, tuple(dataset.bounds), dataset.dtypes[0]
        if shape != (place.size, place.size) or dtype != "float32":
            return f"{shape[1]} x {shape[0]} {dtype}"
        if max(abs(a - b) for a, b in zip(bounds, place.bounds, strict=True)) > 1e-6:
            return f"bounds {bounds}"
        return "equal" if _digest(str(output), 0, 0, place.size) == expected else "wrong pixels"
    except RasterioError as exc:
        return f"unreadable: {exc}"


def _digest(path: str, column: int, row: int, size: int) -> str:
    digest = hashlib.blake2b()
    settings = rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS", GDAL_CACHEMAX=256)
    with settings, rasterio.open(path) as dataset:
        for first in range(0, size, _ROWS):
            high = min(_ROWS, size - first)
            window = rasterio.windows.Window(column, row + first, size, high)
            digest.update(dataset.read(1, window=window))
    return digest.hexdigest()
