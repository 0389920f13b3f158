"""Merging: the sources of a mosaic become compressed tiles, without a seam."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
import shapely

from hrdem.errors import NetworkError
from hrdem.geo.grid import Pixels, Window
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.processing.assemble import (
    NO_RANK,
    MergedBlock,
    MergeInput,
    ReadTask,
    assemble,
    cut_stripes,
    split_into_reads,
)
from hrdem.processing.finish import SourceIds, TileFinisher
from hrdem.processing.memory_budget import Budget
from hrdem.processing.progress import TileResult
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.sources.protocol import Fetched, ReadContext, Source
from hrdem.tiff.encode import BLOCK

_CODERS = min(4, os.cpu_count() or 1)  # decode and encode; each holds some 8 MB
_CACHE_BYTES = 16 << 20  # of GDAL's; pieces end at blocks, so it has little to keep


def merge_tiles(
    mosaic: Mosaic,
    window: Window,
    numbers: Sequence[int],
    finish: TileFinisher,
    http: Http,
    memory: tuple[int, int],
    cache: Path,
) -> Generator[TileResult]:
    """Read all sources of a mosaic and yield the tiles of what they hold together, each once.

    Fetching, decoding and encoding overlap, each in threads of its own.

    Args:
        mosaic: What to read.
        window: Blocks of its grid, of which the tiles are wanted.
        numbers: By which number each of its sources is told, in its order, from 1.
        finish: How blocks become tiles.
        http: Client to read with.
        memory: Bytes that the process may take at its peak, and bytes that it holds already.
        cache: Folder of what is kept for another run.

    Raises:
        NetworkError: If a source cannot be read; its ``source`` says which.
        SourceChangedError: If a source changed while it was read.
    """
    itemsize = np.dtype(mosaic.dtype).itemsize
    ranked = mosaic.ranked
    # what no file declares is still what no output can tell from nothing
    parts = [
        MergeInput(
            s.src_window,
            s.dst_window,
            s.block,
            mosaic.nodata if s.file.nodata is None else s.file.nodata,
        )
        for s in ranked
    ]
    block = max(part.block[0] for part in parts), max(part.block[1] for part in parts)
    max_memory, held = memory
    budget = Budget.of(max_memory, window, itemsize, block, _CODERS, held)
    connections = min(source.file.max_fetchers for source in mosaic.sources)
    if any(source.file.decodes_on_fetch for source in mosaic.sources):
        budget = replace(budget, pieces=min(budget.pieces, connections + _CODERS))
    number_of = dict(zip((source.name for source in mosaic.sources), numbers, strict=True))
    origin_of = np.zeros(NO_RANK + 1, np.uint8)  # by rank
    origin_of[: len(ranked)] = [number_of[source.name] for source in ranked]
    finished = functools.partial(_finished, finish=finish, origin_of=origin_of)
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES))
        handles = stack.enter_context(contextlib.closing(DatasetPool(max_open=connections + 1)))
        fetchers = stack.enter_context(thread_pool(connections, "fetch"))
        coders = stack.enter_context(thread_pool(_CODERS, "code"))
        means = ReadContext(http, handles, cache)
        for stripe in cut_stripes(window, BLOCK, budget.blocks):
            with _sources(ranked, stripe, means) as sources:
                reading = _Reading(mosaic, finish.nodata, ranked, parts, sources, budget)
                blocks = _blocks(stripe, reading, fetchers, coders)
                with contextlib.closing(blocks):
                    yield from map_in_order(coders, finished, blocks, budget.coding)


@dataclass(frozen=True, slots=True)
class _Reading:
    mosaic: Mosaic
    nodata: float
    ranked: Sequence[PlannedSource]
    parts: Sequence[MergeInput]
    sources: Sequence[Source | None]
    budget: Budget


@contextlib.contextmanager
def _sources(
    ranked: Sequence[PlannedSource], stripe: Window, means: ReadContext
) -> Iterator[list[Source | None]]:
    """Open the sources that have a share in a stripe, in the order of their rank."""
    with contextlib.ExitStack() as stack:
        found: list[Source | None] = []
        for planned in ranked:
            share = planned.dst_window.intersection(stripe)
            source = None
            if share is not None:
                columns = planned.src_window.column - planned.dst_window.column
                rows = planned.src_window.row - planned.dst_window.row
                within = share.shifted(columns, rows)
                source = stack.enter_context(planned.file.open(within, means))
            found.append(source)
        yield found


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    """Let an error say which source it is of."""
    try:
        yield
    except NetworkError as exc:
        exc.source = name
        raise


def _blocks(
    stripe: Window, reading: _Reading, fetchers: ThreadPoolExecutor, coders: ThreadPoolExecutor
) -> Generator[tuple[MergedBlock, int | None]]:
    """Yield the merged blocks of a stripe, and how many bytes came since the block before."""
    received_bytes: int | None = 0
    names = [source.name for source in reading.ranked]
    parts, budget, mosaic = reading.parts, reading.budget, reading.mosaic

    def fetched(piece: ReadTask) -> tuple[str, Fetched]:
        source = reading.sources[piece.part]
        assert source is not None
        with _told(names[piece.part]):
            return names[piece.part], source.fetch(piece.window)

    def decoded(stored: tuple[str, Fetched]) -> tuple[Pixels, int | None]:
        name, came = stored
        with _told(name):
            return came.decode(), came.size

    def arrays() -> Iterator[Pixels]:
        nonlocal received_bytes
        for pixels, size in decoding:
            received_bytes = (
                None if received_bytes is None or size is None else received_bytes + size
            )
            yield pixels

    pieces = _within(mosaic, split_into_reads(stripe, parts, budget.piece_pixels), parts)
    with (
        contextlib.closing(map_in_order(fetchers, fetched, pieces, budget.pieces)) as fetching,
        contextlib.closing(map_in_order(coders, decoded, fetching, budget.coding)) as decoding,
    ):
        blocks = assemble(stripe, BLOCK, pieces, arrays(), parts, mosaic.dtype, reading.nodata)
        for block in blocks:
            yield block, received_bytes
            received_bytes = None if received_bytes is None else 0


def _within(mosaic: Mosaic, pieces: list[ReadTask], parts: Sequence[MergeInput]) -> list[ReadTask]:
    """Trim pieces to the blocks that bear on a pixel that is asked for."""
    if mosaic.region is None or not pieces:
        return pieces
    blocks = [
        (number, block)
        for number, piece in enumerate(pieces)
        for block in piece.window.split(*parts[piece.part].block)
    ]
    boxes = []
    for number, block in blocks:
        piece = pieces[number]
        place = block.shifted(
            piece.place.column - piece.window.column, piece.place.row - piece.window.row
        )
        boxes.append(mosaic.grid.crop(place).bounds)
    needed: dict[int, list[Window]] = {}
    for (number, block), touched in zip(
        blocks, shapely.intersects(mosaic.region, shapely.box(*np.array(boxes).T)), strict=True
    ):
        if touched:
            needed.setdefault(number, []).append(block)
    return [_trimmed(pieces[number], windows) for number, windows in needed.items()]


def _trimmed(piece: ReadTask, blocks: Sequence[Window]) -> ReadTask:
    """The part of a piece around some of its blocks."""
    column, row = min(each.column for each in blocks), min(each.row for each in blocks)
    right, bottom = max(each.right for each in blocks), max(each.bottom for each in blocks)
    window = Window(column, row, right - column, bottom - row)
    columns = piece.place.column - piece.window.column
    return ReadTask(piece.part, window, window.shifted(columns, piece.place.row - piece.window.row))


def _finished(
    read: tuple[MergedBlock, int | None], finish: TileFinisher, origin_of: SourceIds
) -> TileResult:
    """Look at the pixels of a block, and compress it."""
    block, received_bytes = read
    return finish.step(block.place, block.pixels, [origin_of[block.owner]], received_bytes)
