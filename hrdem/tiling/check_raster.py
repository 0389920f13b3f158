"""Check the rasters of a tile against the item that describes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio

from hrdem.output.check_raster import DescribedRaster, check_grid, describe_unreadable
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.runtime.text import end_sentence
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.output_store import OutputStore


def check_rasters(job: Job, tile: Tile, item: Mapping[str, Any], store: OutputStore) -> str:
    """Check a tile: job, and of each raster size, checksum, grid, valid pixels and their range.

    Args:
        job: The job.
        tile: One of its tiles.
        item: The tile's item, which may hold anything.
        store: The store that holds its rasters.

    Returns:
        What is wrong, as a sentence; empty if nothing is.

    Raises:
        OutputError: If a raster cannot be read.
    """
    names = job.list_rasters(tile.name)
    try:
        if item["properties"]["hrdem:key"] != tile.key:
            return "Its item belongs to another state of the job."
        request, assets = job.plan.request, item["assets"]
        keys = request.product.name, *request.source_layers
        described = [DescribedRaster.of(assets[key]) for key in keys]
    except (LookupError, TypeError, AttributeError) as exc:
        return f"Its item is not one that hrdem writes ({exc!r})."
    for name, raster in zip(names, described, strict=True):
        with store.read_file(name) as path:
            if problem := _check_raster(job, tile, raster, path):
                return problem if name == names[0] else f"{name}: {problem}"
    return ""


def _check_raster(job: Job, tile: Tile, described: DescribedRaster, path: Path) -> str:
    grid = job.plan.grid.crop(tile.window)
    try:
        if problem := described.check_file(path):
            return problem
        with rasterio.open(path, driver="GTiff") as dataset:
            if check_grid(dataset, (grid.height, grid.width), grid.transform):
                return "Its grid is not that of the tile."
            return described.check_pixels(dataset)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        return describe_unreadable(exc)
    except OSError as exc:
        return f"It cannot be read: {end_sentence(exc.strerror or str(exc))}"
