"""Check the raster of a tile against the item that describes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio

from hrdem.output.check_raster import DescribedRaster, check_grid, describe_unreadable
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
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
        described = DescribedRaster.of(item["assets"][job.plan.request.product.name])
    except (LookupError, TypeError, AttributeError) as exc:
        return f"Its item is not one that hrdem writes ({exc!r})."
    if problem := described.check_file(path):
        return problem
    grid = job.plan.grid.crop(tile.window)
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            if check_grid(dataset, (grid.height, grid.width), grid.transform):
                return "Its grid is not that of the tile."
            return described.check_pixels(dataset)
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        return describe_unreadable(exc)
