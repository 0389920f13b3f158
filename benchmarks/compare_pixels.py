"""Are the pixels of an output those of the store's file?"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import rasterio
import rasterio.windows
from rasterio.errors import RasterioError

from benchmarks.store import SquareWindow

_ROWS = 512  # read at a time


@cache
def digest_window(path: str, square: SquareWindow) -> str:
    """Digest of a window of a local file."""
    return _digest(path, square.column, square.row, square.size)


def compare_pixels(output: Path, square: SquareWindow, expected: str) -> str:
    """Compare an output: ``"equal"``, or what is wrong with it.

    It may be larger than the window, if its pixels are on the same lattice.
    """
    if not output.exists():
        return "no output"
    try:
        with rasterio.open(output) as dataset:
            size, transform, dtype = dataset.shape, dataset.transform, dataset.dtypes[0]
        left, _, _, top = square.bounds
        column, row = ~transform * (left, top)
        inside = 0 <= column <= size[1] - square.size and 0 <= row <= size[0] - square.size
        whole = column == int(column) and row == int(row)
        if dtype != "float32" or (transform.a, transform.e) != (1, -1) or not (inside and whole):
            return f"another grid: {size[1]} x {size[0]} {dtype}, {tuple(transform)[:6]}"
        digest = _digest(str(output), int(column), int(row), square.size)
        return "equal" if digest == expected else "wrong pixels"
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
