"""From a plan to a file: read, merge and write, with a bounded share of memory."""

from __future__ import annotations

import collections
import contextlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import rasterio

from hrdem.assemble import NOBODY, Part, Piece, assemble, pieces_of, stripes
from hrdem.errors import NoDataError
from hrdem.grid import Pixels
from hrdem.http.client import Http
from hrdem.http.ranges import check_unchanged
from hrdem.planning import Plan, RasterFile, open_source
from hrdem.report import Result, stac_item, stac_path, tags
from hrdem.sources import Source
from hrdem.sources.cog import CogFile
from hrdem.sources.gdal import GdalFile, Handles, check_gdal_file
from hrdem.statistics import Statistics
from hrdem.threads import workers
from hrdem.write import BLOCK, Format, GeoTiffWriter, check_output

_CONNECTIONS = 16  # to the store, one piece each
_GDAL_CONNECTIONS = 2  # each costs some 40 MB of GDAL's buffers and tile indexes
_DECODERS = 2
_LAST_WAIT = 2.0  # seconds that transfers under way are given when a run ends early
_CACHE_BYTES = 16 << 20  # of GDAL's; pieces end at blocks, so it has little to keep
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
    parts = [Part(s.window, s.place, s.file.block, s.file.nodata) for s in sources]
    statistics = Statistics()
    owned = np.zeros(NOBODY + 1, np.int64)
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES))
        writer = stack.enter_context(
            GeoTiffWriter(
                output, plan.grid, request.product, plan.dtype, plan.nodata, layout, overwrite
            )
        )
        by_gdal = any(isinstance(source.file, GdalFile) for source in sources)
        connections = _GDAL_CONNECTIONS if by_gdal else _CONNECTIONS
        handles = stack.enter_context(contextlib.closing(Handles(most=connections + 1)))
        fetchers = stack.enter_context(workers(connections, "fetch"))
        decoders = stack.enter_context(workers(_DECODERS, "decode"))
        for stripe in stripes(plan.grid.window, BLOCK, _STRIPE_BLOCKS):
            # opened anew for each stripe, so that what they remember does not grow with the area
            opened = [open_source(source.file, handles, http) for source in sources]
            pieces = pieces_of(stripe, parts, _PIECE_PIXELS)
            arrays = _read_ahead(fetchers, decoders, connections, opened, pieces)
            with contextlib.closing(arrays):
                for block in assemble(
                    stripe, BLOCK, pieces, arrays, parts, plan.dtype, plan.nodata
                ):
                    writer.write(block.place, block.pixels)
                    valid = block.pixels[block.owner != NOBODY]
                    statistics += Statistics.of(valid, block.place.pixels)
                    owned += np.bincount(block.owner.ravel(), minlength=NOBODY + 1)
                    on_progress(statistics.pixels, plan.grid.window.pixels)
        if not statistics.valid:
            raise _all_nodata(plan)
        for source in sources:
            _check_unchanged(source.file, http)
        item = json.dumps(
            stac_item(plan, statistics, output), indent=2, ensure_ascii=False, allow_nan=False
        )
        writer.commit(statistics, tags(plan), (stac_path(output), f"{item}\n"))
    by_item = {each.item.id: int(owned[index]) for index, each in enumerate(sources)}
    return Result(
        output=output,
        plan=plan,
        statistics=statistics,
        pixels_by_item={each.item.id: by_item[each.item.id] for each in plan.sources},
        seconds=time.monotonic() - started,
    )


def _check_unchanged(file: RasterFile, http: Http) -> None:
    """Compare versions at the end, unless each part that came was compared."""
    match file:
        case GdalFile():
            check_gdal_file(file, http)
        case CogFile() if not file.version.pinned:
            check_unchanged(file.url, file.version, http)


def _read_ahead(
    fetchers: ThreadPoolExecutor,
    decoders: ThreadPoolExecutor,
    connections: int,
    sources: Sequence[Source],
    pieces: Iterable[Piece],
) -> Generator[Pixels]:
    """Yield the pixels of pieces in their order, while the next ones are fetched and decoded."""
    coming: collections.deque[Future[Pixels]] = collections.deque()
    fetching: set[Future[Callable[[], Pixels]]] = set()
    try:
        for piece in pieces:
            fetched = fetchers.submit(sources[piece.part].fetch, piece.window)
            fetching.add(fetched)  # until it is done, so that its bytes go when they are decoded
            fetched.add_done_callback(fetching.discard)
            coming.append(decoders.submit(_decoded, fetched))
            if len(coming) > connections + _DECODERS:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        under_way = tuple(fetching)
        for decoding in coming:
            decoding.cancel()
        for fetched in under_way:
            fetched.cancel()
        wait(under_way, _LAST_WAIT)


def _decoded(fetched: Future[Callable[[], Pixels]]) -> Pixels:
    return fetched.result()()


def _all_nodata(plan: Plan) -> NoDataError:
    items = ", ".join(source.item.id for source in plan.sources)
    return NoDataError(
        f"The collection {plan.request.collection.id} has not one valid pixel in the box "
        f"{plan.request.aoi.text}: {items} were read and hold nodata there, as over water or "
        "where no survey was flown. Nothing was written. Try another --collection: 30m covers "
        "all of Canada."
    )
