"""The files that are read: as large as the live ones, with one surveyed area in each.

500,000 x 500,000 float32 pixels of 1 m like sub-tile 9_2, in the layout of GDAL's COG driver, once
as LZW without predictor (as the live files are) and once as DEFLATE with predictor 3.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from benchmarks.layout import BLOCK, CODECS, NODATA, Codec, Tiles, sizes, write_cog
from hrdem.demo.terrain import heights
from hrdem.tiff.header import read_header

EDGE = 500_000
CORNER = (1_500_000.0, 0.0)  # left and top, EPSG:3979
ITEM = "9_2-mosaic-1m"
# The surveyed area, in tiles of full resolution. A window of 16,384 pixels that is not aligned to
# tiles fits into it, and three tiles of each row remain over, so that its rows do not touch.
COLUMN, ROW, COLUMNS, ROWS = 340, 344, 36, 33
SMALL = 12, 9  # columns and rows of an area that does the same for 4,096 pixels
# Metres. Low and rough ground fills the bytes of a number as the live files do: an LZW tile of it
# takes more than its pixels.
_LOWERED, _ROUGHNESS = np.float32(300), np.float32(0.3)
_EDITION = 2  # to be raised when the files change

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the store.

    Attributes:
        codec: Name of its codec.
        path: Where it is.
        data_start: Position of the first tile; header and index come before.
        size: Bytes.
        edition: Of the way it is made.
    """

    codec: str
    path: str
    data_start: int
    size: int
    edition: int = _EDITION


@dataclass(frozen=True, slots=True)
class SquareWindow:
    """A square window of pixels, counted from the file's upper left corner."""

    column: int
    row: int
    size: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in EPSG:3979."""
        left, top = CORNER[0] + self.column, CORNER[1] - self.row
        return left, top - self.size, left + self.size, top


def window_of_size(size: int) -> SquareWindow:
    """The window of a size that is measured: not aligned to tiles, inside the surveyed area.

    One that is larger than the area has it in its middle.
    """
    spare = min(COLUMNS, ROWS) * BLOCK - size
    inside = 301 if spare >= BLOCK else spare // 2 // BLOCK * BLOCK + 301
    return SquareWindow(COLUMN * BLOCK + inside, ROW * BLOCK + inside - 170, size)


def stored_file(folder: Path, codec: str, extent: tuple[int, int] = (COLUMNS, ROWS)) -> StoredFile:
    """Return a file of the store; it is made the first time.

    Args:
        folder: Folder of the store, for files of one extent.
        codec: Name of the codec.
        extent: Columns and rows of tiles in the surveyed area; the index is that of the whole
            sub-tile in any case.
    """
    path = folder / codec / f"{ITEM}-dtm.tif"
    note = path.with_suffix(".json")
    if note.exists():
        known = StoredFile(**json.loads(note.read_text("utf-8")))
        if known.edition == _EDITION and path.exists() and path.stat().st_size == known.size:
            return known
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        levels = list(_encoded(Path(scratch), CODECS[codec], *extent))
        whole = Path(scratch) / path.name
        data_start = write_cog(whole, EDGE, CORNER, CODECS[codec], levels)
        _check(whole, levels)
        whole.replace(path)
    made = StoredFile(codec, str(path), data_start, path.stat().st_size)
    note.write_text(json.dumps(asdict(made)), "utf-8")
    counts = levels[0].counts
    print(
        f"made {path}: {made.size:,} bytes, {512 * path.stat().st_blocks:,} on the disk, "
        f"{counts.mean():,.0f} a tile, {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return made


def _encoded(scratch: Path, codec: Codec, columns: int, rows: int) -> Iterator[Tiles]:
    """Let GDAL encode the tiles of each level."""
    reduced: Float32 = np.empty((rows * BLOCK // 2, columns * BLOCK // 2), np.float32)
    column, row = COLUMN * BLOCK, ROW * BLOCK
    for level in range(len(sizes(EDGE))):
        path = scratch / f"{level}.tif"
        if level == 0:
            with _new(path, columns, rows, codec) as dataset, ThreadPoolExecutor(2) as pool:
                # two at a time, for a row of tiles is 38 MB
                for first in range(0, rows, 2):
                    pair = pool.map(_band, range(first, first + 2), (columns, columns))
                    for ahead, band in enumerate(pair):
                        if (at := first + ahead) < rows:
                            window = rasterio.windows.Window(0, at * BLOCK, band.shape[1], BLOCK)
                            dataset.write(band, 1, window=window)
                            half = slice(at * BLOCK // 2, (at + 1) * BLOCK // 2)
                            reduced[half] = _halved(band)
        else:
            column, row = column // 2, row // 2
            padded = _padded(reduced, column % BLOCK, row % BLOCK)
            high, wide = (length // BLOCK for length in padded.shape)
            with _new(path, wide, high, codec) as dataset:
                dataset.write(padded, 1)
            reduced = _halved(reduced)
        yield _tiles(path, column // BLOCK, row // BLOCK)


def _band(row: int, columns: int) -> Float32:
    """One row of tiles; a survey's gaps are left out, lakes are holes."""
    left, top = CORNER[0] + COLUMN * BLOCK, CORNER[1] - (ROW + row) * BLOCK
    pixels = heights(left, top, 1, columns * BLOCK, BLOCK, collection="30m")
    noise = np.random.default_rng((ROW, row)).standard_normal(pixels.shape, np.float32)
    return np.where(pixels == NODATA, pixels, pixels - _LOWERED + _ROUGHNESS * noise)


def _halved(pixels: Float32) -> Float32:
    """Average squares of four, of those that are valid."""
    height, width = (length + length % 2 for length in pixels.shape)
    even = np.full((height, width), NODATA, np.float32)
    even[: pixels.shape[0], : pixels.shape[1]] = pixels
    squares = even.reshape(height // 2, 2, width // 2, 2)
    valid = squares != NODATA
    number = valid.sum((1, 3), dtype=np.float32)
    total = np.where(valid, squares, 0).sum((1, 3), dtype=np.float32)
    return np.where(number > 0, total / np.maximum(number, 1), np.float32(NODATA))


def _padded(pixels: Float32, column: int, row: int) -> Float32:
    """SquareWindow pixels into whole tiles."""
    height = -(-(row + pixels.shape[0]) // BLOCK) * BLOCK
    width = -(-(column + pixels.shape[1]) // BLOCK) * BLOCK
    whole = np.full((height, width), NODATA, np.float32)
    whole[row : row + pixels.shape[0], column : column + pixels.shape[1]] = pixels
    return whole


def _new(path: Path, columns: int, rows: int, codec: Codec) -> rasterio.io.DatasetWriter:
    return rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, nodata=NODATA, crs="EPSG:3979",
        width=columns * BLOCK, height=rows * BLOCK,
        transform=Affine(1, 0, CORNER[0], 0, -1, CORNER[1]),
        tiled=True, blockxsize=BLOCK, blockysize=BLOCK, NUM_THREADS="ALL_CPUS", BIGTIFF="YES",
        **dict(codec.options),
    )  # fmt: skip


def _tiles(path: Path, column: int, row: int) -> Tiles:
    """Find the tiles in a file that GDAL wrote."""
    with path.open("rb") as file:

        def fetch(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        level = read_header(fetch, path.stat().st_size, path.name).levels[0]
        offsets, counts = (
            np.frombuffer(fetch(*array.span(0, array.count)), array.dtype)
            .astype(np.int64)
            .reshape(level.rows, level.columns)
            for array in (level.offsets, level.counts)
        )
    assert (counts > 0).all()
    return Tiles(path, column, row, offsets, counts)


def _check(path: Path, levels: list[Tiles]) -> None:
    """Compare with what GDAL wrote, and let GDAL judge the layout."""
    with rasterio.open(path) as whole:
        assert whole.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (whole.width, whole.nodata, whole.crs.to_epsg()) == (EDGE, NODATA, 3979)
        assert (whole.bounds.left, whole.bounds.top) == CORNER
        assert len(whole.overviews(1)) == len(levels) - 1
    for number, tiles in enumerate(levels):
        options = {} if number == 0 else {"OVERVIEW_LEVEL": number - 1}
        with rasterio.open(path, **options) as whole, rasterio.open(tiles.path) as part:
            for row in range(0, part.height, 8 * BLOCK):
                high = min(8 * BLOCK, part.height - row)
                here = rasterio.windows.Window(0, row, part.width, high)
                left, top = tiles.column * BLOCK, tiles.row * BLOCK + row
                wide = min(part.width, whole.width - left)
                high = min(high, whole.height - top)
                there = rasterio.windows.Window(left, top, wide, high)
                pixels = part.read(1, window=here)[:high, :wide]
                assert np.array_equal(whole.read(1, window=there), pixels)
