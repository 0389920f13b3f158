"""Copy the compressed tiles of one COG into the output, without decoding them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import numpy as np

from hrdem.geo.grid import Window
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic
from hrdem.processing.memory_budget import Budget
from hrdem.processing.tile_result import TileResult, TileStats
from hrdem.runtime.threads import map_in_order, thread_pool


def copy_tiles(mosaic: Mosaic, context: RunContext) -> Generator[TileResult]:
    """Fetch the compressed tiles of a mosaic's only source, and yield each once.

    Args:
        mosaic: A mosaic of one COG, on the COG's own blocks.
        context: Client and memory limit.

    Raises:
        NetworkError: If the source cannot be read.
        SourceChangedError: If it changed while it was read.
    """
    (planned,) = mosaic.sources
    assert planned.file.tiled is not None
    source = planned.file.tiled.open_tiles(planned.src_window, context.http)
    width, height = source.block
    itemsize = np.dtype(mosaic.dtype).itemsize
    budget = Budget.of(context.max_memory, mosaic.grid.window, itemsize, source.block, coders=0)
    across = max(1, budget.read_pixels // (width * height))
    left, top = planned.src_window.column // width, planned.src_window.row // height

    def fetch(window: Window) -> list[TileResult]:
        stored = source.fetch_tiles(window)
        view = memoryview(stored.buffer)
        results = []
        for (row, column), count in np.ndenumerate(stored.counts):
            start = stored.offsets[row, column]
            block = Window(
                column=(stored.rectangle.column + column - left) * width,
                row=(stored.rectangle.row + row - top) * height,
                width=width,
                height=height,
            )
            dst_window = block.intersection(mosaic.grid.window)
            assert dst_window is not None
            results.append(
                TileResult(
                    column=block.column // width,
                    row=block.row // height,
                    tiles=(view[start : start + count],) if count else (),
                    received_bytes=int(count),
                    stats=TileStats(
                        pixels=dst_window.pixels,
                        present=dst_window.pixels if count else 0,
                        statistics=None,
                        pixels_by_source=(),
                    ),
                )
            )
        return results

    with thread_pool(context.http.max_connections, "fetch") as fetchers:
        windows = planned.src_window.split(across * width, height)
        fetching = map_in_order(fetchers, fetch, windows, budget.max_reads)
        with contextlib.closing(fetching):
            for results in fetching:
                yield from results
