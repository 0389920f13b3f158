"""Merging: the sources of a plan become the compressed tiles of one output, without a seam."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

from hrdem.assemble import NOBODY, Block, Part, Piece, assemble, pieces_of, stripes
from hrdem.budget import Budget
from hrdem.encode import BLOCK, encode, storage_of
from hrdem.errors import NetworkError
from hrdem.grid import Pixels, Window
from hrdem.http.client import CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.planning import Plan
from hrdem.progress import Step, Tally
from hrdem.sources import Fetched, Source
from hrdem.sources.gdal import GdalFile, Handles
from hrdem.sources.opening import Means, opened
from hrdem.sources.wcs import AT_ONCE
from hrdem.statistics import Statistics
from hrdem.threads import in_order, workers
from hrdem.tiff import Storage
from hrdem.wcs.coverage import WcsCoverage

# Threads that fetch: each costs some 40 MB of GDAL's buffers and tile indexes, or of what a piece
# takes to be held against what was asked for.
_FETCHERS = {GdalFile: 2, WcsCoverage: AT_ONCE}
_CODERS = min(4, os.cpu_count() or 1)  # decode and encode; each holds some 8 MB
_CACHE_BYTES = 16 << 20  # of GDAL's; pieces end at blocks, so it has little to keep


def merged(plan: Plan, http: Http, max_memory: int, cache: Path) -> Generator[Step]:
    """Read all sources of a plan and yield the tiles of what they hold together, each once.

    Fetching, decoding and encoding overlap, each in threads of its own.

    Args:
        plan: What to read.
        http: Client to read with.
        max_memory: Bytes that the process may take at its peak.
        cache: Folder of what is kept for another run.

    Raises:
        NetworkError: If a source cannot be read; its ``source`` says which.
        SourceChangedError: If a source changed while it was read.
    """
    assert plan.nodata is not None
    itemsize = np.dtype(plan.dtype).itemsize
    parts = [Part(s.window, s.place, s.block, s.file.nodata) for s in plan.ranked]
    block = max(part.block[0] for part in parts), max(part.block[1] for part in parts)
    budget = Budget.of(max_memory, plan.native.window, itemsize, block, _CODERS)
    kinds = {type(source.file) for source in plan.sources}
    connections = min([CONNECTIONS, *(_FETCHERS[kind] for kind in kinds if kind in _FETCHERS)])
    if GdalFile in kinds:
        budget = replace(budget, pieces=min(budget.pieces, connections + _CODERS))
    storage = storage_of(plan.dtype)
    empty = encode(np.empty((0, 0), plan.dtype), storage, plan.nodata)
    finished = functools.partial(
        _finished, storage=storage, nodata=plan.nodata, empty=empty, parts=len(parts)
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES))
        handles = stack.enter_context(contextlib.closing(Handles(most=connections + 1)))
        fetchers = stack.enter_context(workers(connections, "fetch"))
        coders = stack.enter_context(workers(_CODERS, "code"))
        means = Means(http, handles, cache)
        for stripe in stripes(plan.native.window, BLOCK, budget.blocks):
            with _sources(plan, stripe, means) as sources:
                blocks = _blocks(stripe, plan, parts, sources, fetchers, coders, budget)
                with contextlib.closing(blocks):
                    yield from in_order(coders, finished, blocks, budget.coding)


@contextlib.contextmanager
def _sources(plan: Plan, stripe: Window, means: Means) -> Iterator[list[Source | None]]:
    """Open the sources that have a share in a stripe, in the order of their rank."""
    with contextlib.ExitStack() as stack:
        found: list[Source | None] = []
        for planned in plan.ranked:
            share = planned.place.intersection(stripe)
            source = None
            if share is not None:
                columns = planned.window.column - planned.place.column
                rows = planned.window.row - planned.place.row
                within = share.shifted(columns, rows)
                source = stack.enter_context(opened(planned.file, planned.level, within, means))
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
    stripe: Window,
    plan: Plan,
    parts: Sequence[Part],
    sources: Sequence[Source | None],
    fetchers: ThreadPoolExecutor,
    coders: ThreadPoolExecutor,
    budget: Budget,
) -> Generator[tuple[Block, int | None]]:
    """Yield the merged blocks of a stripe, and how many bytes came since the block before."""
    assert plan.nodata is not None
    received: int | None = 0
    names = [source.name for source in plan.ranked]

    def fetched(piece: Piece) -> tuple[str, Fetched]:
        source = sources[piece.part]
        assert source is not None
        with _told(names[piece.part]):
            return names[piece.part], source.fetch(piece.window)

    def decoded(stored: tuple[str, Fetched]) -> tuple[Pixels, int | None]:
        name, came = stored
        with _told(name):
            return came.decoded(), came.size

    def arrays() -> Iterator[Pixels]:
        nonlocal received
        for pixels, size in decoding:
            received = None if received is None or size is None else received + size
            yield pixels

    pieces = pieces_of(stripe, parts, budget.piece_pixels)
    with (
        contextlib.closing(in_order(fetchers, fetched, pieces, budget.pieces)) as fetching,
        contextlib.closing(in_order(coders, decoded, fetching, budget.coding)) as decoding,
    ):
        for block in assemble(stripe, BLOCK, pieces, arrays(), parts, plan.dtype, plan.nodata):
            yield block, received
            received = None if received is None else 0


def _finished(
    read: tuple[Block, int | None], storage: Storage, nodata: float, empty: bytes, parts: int
) -> Step:
    """Look at the pixels of a block, and compress it."""
    block, received = read
    valid = block.owner != NOBODY
    values = block.pixels.ravel() if valid.all() else block.pixels[valid]
    return Step(
        column=block.place.column // BLOCK,
        row=block.place.row // BLOCK,
        tile=encode(block.pixels, storage, nodata) if values.size else empty,
        tally=Tally(
            pixels=block.place.pixels,
            received=received,
            present=block.place.pixels,
            statistics=Statistics.of(values, block.place.pixels),
            owned=tuple(int(np.count_nonzero(block.owner == rank)) for rank in range(parts)),
        ),
    )
