"""The steps of the agency's own example: open, read the window, write it with the source's meta.

Nothing is tuned. The output is what those steps make of it, without compression.
"""

from __future__ import annotations

import rasterio
import rasterio.windows

from benchmarks.readers.task import Task


def main() -> None:
    task = Task.from_command_line()
    with rasterio.open(task.url) as source:
        left, top = source.transform * (task.column, task.row)
        right, bottom = source.transform * (task.column + task.size, task.row + task.size)
        window = rasterio.windows.from_bounds(left, bottom, right, top, source.transform)
        pixels = source.read(1, window=window)
        meta = source.meta | {
            "width": window.width,
            "height": window.height,
            "transform": rasterio.windows.transform(window, source.transform),
        }
    with rasterio.open(task.output, "w", **meta) as output:
        output.write(pixels, 1)


if __name__ == "__main__":
    main()
