"""rasterio in eight threads, each with a handle of its own, and one writer."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks.readers.output import create
from benchmarks.readers.task import TUNED, Task

_THREADS, _EDGE = 8, 2_048
_AHEAD = 2 * _THREADS  # pieces that are read before they are written


def main() -> None:
    task = Task.from_command_line()
    os.environ.update(TUNED, GDAL_CACHEMAX="512")
    own = threading.local()

    def read(piece: tuple[int, int, int, int]) -> np.ndarray:
        if not hasattr(own, "source"):
            own.source = rasterio.open(task.url, sharing=False)
        return own.source.read(1, window=Window(*piece))

    with (
        rasterio.open(task.url) as source,
        create(task, source.transform, source.crs, source.nodata) as output,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        waiting: deque[tuple[tuple[int, int, int, int], Future[np.ndarray]]] = deque()

        def write() -> None:
            (column, row, width, height), pixels = waiting.popleft()
            place = Window(column - task.column, row - task.row, width, height)
            output.write(pixels.result(), 1, window=place)

        for piece in task.pieces(_EDGE):
            if len(waiting) == _AHEAD:
                write()
            waiting.append((piece, pool.submit(read, piece)))
        while waiting:
            write()


if __name__ == "__main__":
    main()
