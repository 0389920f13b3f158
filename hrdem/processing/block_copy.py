"""Copying: the compressed tiles of one COG become those of the output, as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import numpy as np

from hrdem.geo.grid import Window
from hrdem.http.client import CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic
from hrdem.processing.memory_budget import Budget
from hrdem.processing.progress import TileResult, TileStats
from hrdem.runtime.threads import map_in_order, thread_pool


def copy_tiles(mosaic: Mosaic, http: Http, max_memory: int) -> Generator[TileResult]:
    """Fetch the tiles of a mosaic's only source and yield them as they are, each once.

    Args:
        mosaic: Of one COG, whose blocks are those of the output.
        http: Client to read with.
        max_memory: Bytes that the process may take at its peak.

    Raises:
        NetworkError: If the source cannot be read.
        SourceChangedError: If it changed while it was read.
    """
    (planned,) = mosaic.sources
    assert planned.file.tiled is not None
    source = planned.file.tiled.open_tiles(planned.src_window, http)
    width, height = source.block
    itemsize = np.dtype(mosaic.dtype).itemsize
    budget = Budget.of(max_memory, mosaic.grid.window, itemsize, source.block, coders=0)
    across = max(1, budget.piece_pixels // (width * height))
    left, top = planned.src_window.column // width, planned.src_window.row // height

    def fetched(piece: Window) -> list[TileResult]:
        tiles = source.fetch_tiles(piece)
        view = memoryview(tiles.buffer)
        steps = []
        for (row, column), count in np.ndenumerate(tiles.counts):
            begin = tiles.offsets[row, column]
            place = Window(
                column=(tiles.rectangle.column + column - left) * width,
                row=(tiles.rectangle.row + row - top) * height,
                width=width,
                height=height,
            )
            covered = place.intersection(mosaic.grid.window)
            assert covered is not None
            steps.append(
                TileResult(
                    column=place.column // width,
                    row=place.row // height,
                    tiles=(view[begin : begin + count],) if count else (),
                    stats=TileStats(
                        pixels=covered.pixels,
                        received_bytes=int(count),
                        present=covered.pixels if count else 0,
                        statistics=None,
                        pixels_by_source=(),
                    ),
                )
            )
        return steps

    with thread_pool(CONNECTIONS, "fetch") as fetchers:
        pieces = planned.src_window.split(across * width, height)
        with contextlib.closing(map_in_order(fetchers, fetched, pieces, budget.pieces)) as coming:
            for steps in coming:
                yield from steps
