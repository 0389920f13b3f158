"""rio-tiler's part of a file by bounds."""

from __future__ import annotations

import os

import rasterio
from rio_tiler.io import Reader

from benchmarks.readers.output import create
from benchmarks.readers.task import TUNED, Task


def main() -> None:
    task = Task.from_command_line()
    os.environ.update(TUNED)
    with Reader(task.url) as reader:
        source = reader.dataset
        left, top = source.transform * (task.column, task.row)
        right, bottom = source.transform * (task.column + task.size, task.row + task.size)
        part = reader.part(
            (left, bottom, right, top), bounds_crs=source.crs, dst_crs=source.crs, max_size=None
        )
        with create(task, source.transform, source.crs, source.nodata) as output:
            assert isinstance(output, rasterio.io.DatasetWriter)
            output.write(part.array.filled(source.nodata))


if __name__ == "__main__":
    main()
