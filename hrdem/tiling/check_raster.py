"""Check the raster of a tile against the item that describes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio
from rasterio.io import DatasetReader

from hrdem.geo.grid import Grid
from hrdem.geo.nodata import valid_mask
from hrdem.output.provenance import MULTIHASH_SHA256
from hrdem.output.publish import StoredFile
from hrdem.processing.statistics import Statistics
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.tiling.job import Job, Tile


def check_raster(job: Job, tile: Tile, item: Mapping[str, Any], path: Path) -> str:
    """Check a raster: job, size, checksum, grid, and the valid pixels and their range.

    Args:
        job: The job.
        tile: One of its tiles.
        item: The tile's item, which may hold anything.
        path: Local path of its raster.

    Returns:
        What is wrong, as a sentence; empty if nothing is.

    Raises:
        OSError: If the raster cannot be read.
    """
    try:
        if item["properties"]["hrdem:key"] != tile.key:
            return "Its item belongs to another state of the job."
        asset = item["assets"][job.plan.request.product.name]
        described = StoredFile(
            asset["file:size"], asset["file:checksum"].removeprefix(MULTIHASH_SHA256)
        )
        ranges = asset["bands"][0]["statistics"]
        expected = ranges["valid_percent"], ranges["minimum"], ranges["maximum"]
    except (LookupError, TypeError, AttributeError) as exc:
        return f"Its item is not one that hrdem writes ({exc!r})."
    stored = StoredFile.of(path)
    if stored.size != described.size:
        return f"It has {stored.size:,} bytes, and {described.size:,} according to its item."
    if stored != described:
        return f"Its SHA-256 is {stored.sha256}, and {described.sha256} according to its item."
    return _check_pixels(job, tile, expected, path)


def _check_pixels(job: Job, tile: Tile, expected: tuple[Any, ...], path: Path) -> str:
    """Check what a file with the right checksum holds."""
    grid = job.plan.grid.crop(tile.window)
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            if not _has_grid(dataset, grid):
                return "Its grid is not that of the tile."
            statistics = _measure(dataset, job)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        return f"GDAL cannot read it: {gdal_message(exc)}"
    valid = statistics.percent_of(grid.window.pixels)
    found = valid, statistics.minimum, statistics.maximum
    if found != expected:
        return (
            "Its valid pixels (percent, minimum and maximum) are "
            f"{_format(found)}, and {_format(expected)} according to its item."
        )
    return ""


def _has_grid(dataset: DatasetReader, grid: Grid) -> bool:
    shape = grid.height, grid.width
    same: bool = dataset.shape == shape and dataset.transform.almost_equals(grid.transform)
    return same


def _measure(dataset: DatasetReader, job: Job) -> Statistics:
    """Return the statistics of the first band, by rows of blocks."""
    statistics, height, nodata = Statistics(), dataset.block_shapes[0][0], job.plan.nodata
    assert nodata is not None
    for row in range(0, dataset.height, height):
        window = rasterio.windows.Window(0, row, dataset.width, min(height, dataset.height - row))
        pixels = dataset.read(1, window=window)
        statistics += Statistics.of(pixels[valid_mask(pixels, nodata)], pixels.size)
    return statistics


def _format(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))
