"""Merge the sources of a mosaic into compressed tiles, without seams."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import shapely

from hrdem.errors import NetworkError
from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Pixels, Window
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.precedence import rank_sources
from hrdem.processing.assemble import (
    INFINITE_RANK,
    NO_RANK,
    GatheredBlock,
    MergeInput,
    ReadTask,
    cut_stripes,
    gather_blocks,
    split_into_reads,
)
from hrdem.processing.finish import SourceIds, TileFinisher
from hrdem.processing.memory_budget import Budget
from hrdem.processing.tile_result import TileResult
from hrdem.runtime.memory import trim_allocator
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.sources.protocol import Fetched, ReadContext, Source
from hrdem.tiff.encode import BLOCK

_BLOCKS_BETWEEN_TRIMS = 16  # so that trimming takes little time even if it frees nothing


def merge_tiles(
    mosaic: Mosaic,
    blocks: BlockSet,
    source_ids: Sequence[int],
    finisher: TileFinisher,
    context: RunContext,
    used_memory: int,
) -> Generator[TileResult]:
    """Read all sources of a mosaic and yield tiles of the merged raster, each once.

    Fetching, decoding and encoding overlap, in separate threads.

    Args:
        mosaic: What to read.
        blocks: Blocks of the mosaic's grid whose tiles are wanted; those outside of all sources
            have no tile.
        source_ids: Id of each source of the mosaic in the plan, in its order; the first is 1.
        finisher: Makes tiles of blocks.
        context: Client, cache folder and memory limit.
        used_memory: Bytes of the limit that the process uses already.

    Raises:
        NetworkError: If a source cannot be read; its ``source`` attribute names the source.
        SourceChangedError: If a source changed while it was read.
    """
    ranked = rank_sources(mosaic.sources)
    inputs = [_make_input(source, mosaic) for source in ranked]
    block = max(each.block[0] for each in inputs), max(each.block[1] for each in inputs)
    itemsize = np.dtype(mosaic.dtype).itemsize
    coders = context.coders
    budget = Budget.of(context.max_memory, blocks.window, itemsize, block, coders, used_memory)
    max_fetchers = min(source.file.max_fetchers for source in mosaic.sources)
    connections = min(max_fetchers, context.http.max_connections)
    if any(source.file.decodes_on_fetch for source in mosaic.sources):
        budget = replace(budget, max_reads=min(budget.max_reads, connections + coders))
    ids = dict(zip((source.name for source in mosaic.sources), source_ids, strict=True))
    ids_by_rank = np.zeros(NO_RANK + 1, np.uint8)
    ids_by_rank[: len(ranked)] = [ids[source.name] for source in ranked]
    finish = functools.partial(_finish, finisher=finisher, ids_by_rank=ids_by_rank)
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(contextlib.closing(DatasetPool(max_open=connections + 1)))
        fetchers = stack.enter_context(thread_pool(connections, "fetch"))
        coder_threads = stack.enter_context(thread_pool(coders, "code"))
        read_context = ReadContext(context.http, pool, context.cache)
        for stripe in cut_stripes(blocks.window, BLOCK, budget.stripe_blocks):
            wanted = blocks.within(stripe)
            parts = [*wanted.runs()]
            if not parts:
                continue
            with _open_sources(ranked, _bound(parts), read_context) as sources:
                merge = _StripeMerge(
                    wanted, parts, mosaic, finisher.nodata, inputs, sources, budget
                )
                merged = merge.run(fetchers, coder_threads)
                with contextlib.closing(merged):
                    yield from map_in_order(coder_threads, finish, merged, 2 * coders)


def _make_input(source: PlannedSource, mosaic: Mosaic) -> MergeInput:
    """Describe a source to `assemble`.

    Where a file declares no nodata value, pixels with the mosaic's nodata value are nodata too:
    the output could not distinguish them.
    """
    nodata = mosaic.nodata if source.file.nodata is None else source.file.nodata
    return MergeInput(source.src_window, source.dst_window, source.block, nodata)


@contextlib.contextmanager
def _open_sources(
    ranked: Sequence[PlannedSource], window: Window, context: ReadContext
) -> Iterator[list[Source | None]]:
    """Open the sources that a window touches, by rank; None stands for the others."""
    with contextlib.ExitStack() as stack:
        sources: list[Source | None] = []
        for planned in ranked:
            shared = planned.dst_window.intersection(window)
            source = None
            if shared is not None:
                columns = planned.src_window.column - planned.dst_window.column
                rows = planned.src_window.row - planned.dst_window.row
                within = shared.shifted(columns, rows)
                source = stack.enter_context(planned.file.open(within, context))
            sources.append(source)
        yield sources


@dataclass(frozen=True, slots=True)
class _StripeMerge:
    """The merge of one stripe.

    Attributes:
        blocks: Blocks of the stripe that are wanted.
        parts: Windows around them.
        mosaic: The mosaic.
        nodata: Nodata value of the merged raster.
        inputs: The sources, by rank.
        sources: The same sources, open; None for those that the parts do not touch.
        budget: How memory is divided.
    """

    blocks: BlockSet
    parts: Sequence[Window]
    mosaic: Mosaic
    nodata: float
    inputs: Sequence[MergeInput]
    sources: Sequence[Source | None]
    budget: Budget

    def run(
        self, fetchers: ThreadPoolExecutor, coders: ThreadPoolExecutor
    ) -> Generator[tuple[GatheredBlock, int | None]]:
        """Yield complete blocks, each with the bytes received since the block before."""
        received: int | None = 0
        names = [source.name for source in rank_sources(self.mosaic.sources)]

        def fetch(read: ReadTask) -> tuple[str, Fetched]:
            source = self.sources[read.rank]
            assert source is not None
            with _name_source_in_errors(names[read.rank]):
                return names[read.rank], source.fetch(read.src_window)

        def decode(named: tuple[str, Fetched]) -> tuple[Pixels, int | None]:
            name, fetched = named
            with _name_source_in_errors(name):
                return fetched.decode(), fetched.size

        def count(decoding: Iterator[tuple[Pixels, int | None]]) -> Iterator[Pixels]:
            nonlocal received
            for pixels, size in decoding:
                received = None if received is None or size is None else received + size
                yield pixels

        reads = [
            read
            for part in self.parts
            for read in split_into_reads(part, self.inputs, self.budget.read_pixels)
        ]
        reads = _trim_to_region(reads, self.mosaic, self.inputs)
        fetching = map_in_order(fetchers, fetch, reads, self.budget.max_reads)
        decoding = map_in_order(coders, decode, fetching, self.budget.max_decoding)
        with contextlib.closing(fetching), contextlib.closing(decoding):
            blocks = gather_blocks(
                self.blocks,
                reads,
                count(decoding),
                self.inputs,
                self.mosaic.dtype,
                self.nodata,
            )
            for number, block in enumerate(blocks):
                if number % _BLOCKS_BETWEEN_TRIMS == 0:
                    trim_allocator(above=self.budget.trim_above)
                yield block, received
                received = None if received is None else 0


@contextlib.contextmanager
def _name_source_in_errors(name: str) -> Iterator[None]:
    try:
        yield
    except NetworkError as exc:
        exc.source = name
        raise


def _trim_to_region(
    reads: list[ReadTask], mosaic: Mosaic, inputs: Sequence[MergeInput]
) -> list[ReadTask]:
    """Trim rectangles to the source blocks that can affect a requested pixel."""
    if mosaic.region is None or not reads:
        return reads
    blocks = [
        (number, read.crop(block))
        for number, read in enumerate(reads)
        for block in read.src_window.split(*inputs[read.rank].block)
    ]
    boxes = np.array([mosaic.grid.crop(block.dst_window).bounds for _, block in blocks])
    needed: dict[int, list[Window]] = {}
    for (number, block), touched in zip(
        blocks, mosaic.region.intersects(shapely.box(*boxes.T)), strict=True
    ):
        if touched:
            needed.setdefault(number, []).append(block.src_window)
    return [reads[number].crop(_bound(windows)) for number, windows in needed.items()]


def _bound(windows: Sequence[Window]) -> Window:
    """Return the smallest window around some windows."""
    column, row = min(each.column for each in windows), min(each.row for each in windows)
    right, bottom = max(each.right for each in windows), max(each.bottom for each in windows)
    return Window(column, row, right - column, bottom - row)


def _finish(
    gathered: tuple[GatheredBlock, int | None], finisher: TileFinisher, ids_by_rank: SourceIds
) -> TileResult:
    block, received_bytes = gathered
    merged = block.merge()
    source_id: SourceIds | int
    infinite = None
    if isinstance(merged.ranks, int):
        source_id = int(ids_by_rank[merged.ranks])
    else:
        source_id = ids_by_rank[merged.ranks]
        infinite = merged.ranks == INFINITE_RANK
    return finisher.finish_block(
        merged.dst_window, merged.pixels, [source_id], received_bytes, infinite=infinite
    )
