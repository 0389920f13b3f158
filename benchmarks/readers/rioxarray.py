"""rioxarray: open, select, write."""

from __future__ import annotations

import os

import rioxarray

from benchmarks.readers.output import ENCODING
from benchmarks.readers.task import TUNED, Task


def main() -> None:
    task = Task.from_command_line()
    os.environ.update(TUNED)
    with rioxarray.open_rasterio(task.url) as source:
        columns = slice(task.column, task.column + task.size)
        rows = slice(task.row, task.row + task.size)
        source.isel(x=columns, y=rows).rio.to_raster(task.output, **ENCODING)


if __name__ == "__main__":
    main()
