"""From a plan to a file: read, merge and write, with a bounded share of memory."""

from __future__ import annotations

import collections
import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio

from hrdem.assemble import NOBODY, Part, Piece, assemble, pieces_of, stripes
from hrdem.errors import NoDataError
from hrdem.http.client import Http
from hrdem.http.ranges import check_unchanged
from hrdem.planning import Plan, open_source
from hrdem.products import AssetKind
from hrdem.report import Result, stac_item, stac_path, tags
from hrdem.sources import Pixels, Source
from hrdem.sources.gdal import CACHE_MB, Handles
from hrdem.statistics import Statistics
from hrdem.write import BLOCK, Format, GeoTiffWriter, check_output, write_text

READERS = 2  # each costs some 40 MB of GDAL's buffers and tile indexes
_STRIPE_BLOCKS = 8  # 4,096 pixels: rows of unfinished blocks then take some 25 MB
_PIECE_PIXELS = 1 << 19  # two blocks of 512: one request of some 2 MB

Progress = Callable[[int, int], None]


def run(
    plan: Plan,
    output: Path,
    http: Http,
    *,
    layout: Format = Format.GTIFF,
    overwrite: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> Result:
    """Carry out a plan.

    Args:
        plan: What to read.
        output: Path of the file to write.
        http: Client for looking after the versions of the sources.
        layout: Layout of the file.
        overwrite: Whether an existing file may be replaced.
        on_progress: Called with the pixels written so far and in all.

    Raises:
        NoDataError: If not one pixel of the area holds data; nothing is written then.
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
    """
    started = time.monotonic()
    check_output(stac_path(output), overwrite)
    request = plan.request
    # where tiles overlap, the newest has the lowest index and wins
    sources = sorted(plan.sources, key=lambda source: source.item.datetime, reverse=True)
    parts = [Part(each.window, each.place, each.block, each.nodata) for each in sources]
    statistics = Statistics()
    owned = np.zeros(NOBODY + 1, np.int64)
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE_MB))
        writer = stack.enter_context(
            GeoTiffWriter(
                output, plan.grid, request.product, plan.dtype, plan.nodata, layout, overwrite
            )
        )
        handles = stack.enter_context(contextlib.closing(Handles(most=READERS + 1)))
        opened = [open_source(s.asset, request.kind, s.version, handles, http) for s in sources]
        pool = stack.enter_context(ThreadPoolExecutor(READERS))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        for stripe in stripes(plan.grid.window, BLOCK, _STRIPE_BLOCKS):
            pieces = pieces_of(stripe, parts, _PIECE_PIXELS)
            arrays = _read_ahead(pool, opened, pieces)
            for block in assemble(stripe, BLOCK, pieces, arrays, parts, plan.dtype, plan.nodata):
                writer.write(block.place, block.pixels)
                valid = block.pixels[block.owner != NOBODY]
                statistics += Statistics.of(valid, block.place.pixels)
                owned += np.bincount(block.owner.ravel(), minlength=NOBODY + 1)
                on_progress(statistics.pixels, plan.grid.window.pixels)
        if not statistics.valid:
            raise _all_nodata(plan)
        for source in sources:
            ranged = request.kind is AssetKind.COG
            check_unchanged(source.asset.href, source.version, http, ranged=ranged)
        writer.commit(statistics, tags(plan))
        item = stac_item(plan, statistics, output)
        write_text(
            stac_path(output), json.dumps(item, indent=2, ensure_ascii=False) + "\n", overwrite
        )
    by_item = {each.item.id: int(owned[index]) for index, each in enumerate(sources)}
    return Result(
        output=output,
        plan=plan,
        statistics=statistics,
        pixels_by_item={each.item.id: by_item[each.item.id] for each in plan.sources},
        seconds=time.monotonic() - started,
    )


def _read_ahead(
    pool: ThreadPoolExecutor, sources: Sequence[Source], pieces: Iterable[Piece]
) -> Iterator[Pixels]:
    """Yield the pixels of pieces in their order, while the next ones are being read."""
    reading: collections.deque[Future[Pixels]] = collections.deque()
    try:
        for piece in pieces:
            reading.append(pool.submit(sources[piece.part].read, piece.window))
            if len(reading) > READERS:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()
    finally:
        for future in reading:
            future.cancel()


def _all_nodata(plan: Plan) -> NoDataError:
    items = ", ".join(source.item.id for source in plan.sources)
    return NoDataError(
        f"The collection {plan.request.collection.id} has not one valid pixel in the box "
        f"{plan.request.aoi.text}: {items} were read and hold nodata there, as over water or "
        "where no survey was flown. Nothing was written. Try another --collection: 30m covers "
        "all of Canada."
    )
