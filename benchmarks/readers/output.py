"""The output that all readers write that let one choose: DEFLATE level 1, predictor 3."""

from __future__ import annotations

from typing import Any

import rasterio
from affine import Affine

from benchmarks.readers.task import BLOCK, Task

ENCODING = {
    "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate",
    "predictor": 3, "zlevel": 1, "NUM_THREADS": "ALL_CPUS", "BIGTIFF": "IF_SAFER",
}  # fmt: skip


def create(task: Task, transform: Affine, crs: Any, nodata: float) -> rasterio.io.DatasetWriter:
    """Create the output of a task; transform and CRS are those of the whole file."""
    return rasterio.open(
        task.output, "w", driver="GTiff", dtype="float32", count=1, nodata=nodata, crs=crs,
        width=task.size, height=task.size,
        transform=transform * Affine.translation(task.column, task.row), **ENCODING,
    )  # fmt: skip
