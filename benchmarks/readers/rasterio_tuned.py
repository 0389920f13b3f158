"""rasterio with GDAL's options for COGs over HTTP, in strips so that memory stays small."""

from __future__ import annotations

import os

import rasterio
from rasterio.windows import Window

from benchmarks.readers.output import create
from benchmarks.readers.task import TUNED, Task

_STRIP = 2_048  # rows


def main() -> None:
    task = Task.from_command_line()
    os.environ.update(TUNED, GDAL_CACHEMAX="256")
    with (
        rasterio.open(task.url) as source,
        create(task, source.transform, source.crs, source.nodata) as output,
    ):
        for row in range(0, task.size, _STRIP):
            height = min(_STRIP, task.size - row)
            strip = Window(task.column, task.row + row, task.size, height)
            pixels = source.read(1, window=strip)
            output.write(pixels, 1, window=Window(0, row, task.size, height))


if __name__ == "__main__":
    main()
