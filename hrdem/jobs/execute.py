"""From a plan to the pixels of its output, in a file that has no name yet."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rasterio.crs import CRS

from hrdem.geo.grid import Window
from hrdem.http.cache.store import default_cache_dir
from hrdem.http.protocol import Http
from hrdem.output.geotiff import Band, GeoTiffWriter
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.planning.versions import check_plan_unchanged
from hrdem.processing.block_copy import copy_tiles
from hrdem.processing.finish import TileFinisher
from hrdem.processing.mask import AoiMask
from hrdem.processing.merge import merge_tiles
from hrdem.processing.progress import Progress, TileResult, TileStats
from hrdem.processing.stage import stage_and_compose
from hrdem.processing.vertical.crs import make_compound_crs
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Align, Format
from hrdem.runtime.limits import DEFAULT_MAX_MEMORY_BYTES
from hrdem.runtime.locks import FileLock
from hrdem.runtime.memory import resident_bytes
from hrdem.tiff.encode import BLOCK, choose_tile_format
from hrdem.tiff.write_ifd import TileFormat

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How an output is written.

    Attributes:
        output: Path of the file.
        layout: Layout of the file.
        overwrite: Whether an existing file may be replaced.
        max_memory: Bytes that the process may take at its peak.
        cache: Folder of what is kept for another run.
        max_download: Most bytes to fetch; None for any number.
        on_progress: Called whenever a tile of the output is written.
        held: Bytes that the process held when it was first asked: a run that begins again shares
            out memory as before, and writes tiles in the same order.
    """

    output: Path
    layout: Format = Format.GTIFF
    overwrite: bool = False
    max_memory: int = DEFAULT_MAX_MEMORY_BYTES
    cache: Path = field(default_factory=default_cache_dir)
    max_download: int | None = None
    on_progress: OnProgress = lambda progress: None
    held: Callable[[], int] = field(default_factory=lambda: functools.cache(resident_bytes))


@contextlib.contextmanager
def execute_plan(
    plan: Plan, window: Window, shifts: ShiftGrid | None, http: Http, writing: RunOptions
) -> Iterator[tuple[GeoTiffWriter, TileStats]]:
    """Make a window of a plan's output, in a file that has its grid and no name yet.

    Tiles at the window's edge are made whole, but only of what bears on the window: of a part of
    the output, nothing beyond the window may be used.

    Args:
        plan: What to read.
        window: Pixels of the output that are wanted.
        shifts: From `hrdem.processing.vertical.find_grid.find_shift_grid`.
        http: Client to read with.
        writing: How the output is written.

    Yields:
        The file, and what is known of its tiles.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
    """
    steps = _steps(plan.restrict_to(window), window, shifts, http, writing)
    progress = Progress(0, _total_pixels(plan, window), 0)
    rows: dict[
        int, TileStats
    ] = {}  # summed by rows, statistics do not depend on how wide stripes are
    with contextlib.ExitStack() as stack:
        for held in lock_coverages(plan, writing.cache):
            stack.enter_context(held)
        writer = stack.enter_context(_writer(plan, writing))
        with contextlib.closing(steps):
            for step in steps:
                for band, tile in enumerate(step.tiles):
                    writer.write(step.column, step.row, tile, band)
                row = rows.get(step.row)
                rows[step.row] = step.stats if row is None else row + step.stats
                progress = progress.advance(step.stats.pixels, step.stats.received_bytes)
                writing.on_progress(progress)
        check_plan_unchanged(plan, http)
        yield writer, functools.reduce(operator.add, (rows[row] for row in sorted(rows)))


def lock_coverages(plan: Plan, cache: Path) -> list[FileLock]:
    """Keep others, and this run itself, from removing pieces of coverages that it is to read.

    Args:
        plan: What is to be read.
        cache: Folder of what is kept.

    Returns:
        What keeps them, until it is closed.
    """
    files = [source.file for mosaic in plan.mosaics for source in mosaic.sources]
    locks = [file.lock_cached(cache) for file in files]
    return [each for each in locks if each is not None]


def _writer(plan: Plan, writing: RunOptions) -> GeoTiffWriter:
    request = plan.request
    bands = [Band(request.product.name, request.unit)]
    if request.source_band:
        bands.append(Band("source", "1"))  # with none, readers take that of the CRS
    return GeoTiffWriter(
        writing.output,
        plan.grid,
        make_output_crs(plan),
        plan.nodata,
        _storage(plan),
        bands,
        smooth=request.product.is_averageable,
        layout=writing.layout,
        overwrite=writing.overwrite,
    )


def make_output_crs(plan: Plan) -> CRS | str:
    """Return the CRS of the output, which says what heights are counted from."""
    if not plan.request.product.is_height:
        return plan.grid.crs
    return make_compound_crs(plan.grid.crs, plan.request.vertical_datum)


def _total_pixels(plan: Plan, window: Window) -> int:
    """Pixels that a run works on: those that are merged, and those that are made of them."""
    merged_first = plan.mosaics if plan.unprocessed is None else []
    return _blocks(plan, window).pixels + sum(mosaic.grid.window.pixels for mosaic in merged_first)


def _steps(
    plan: Plan, window: Window, shifts: ShiftGrid | None, http: Http, writing: RunOptions
) -> Generator[TileResult]:
    request, mosaic = plan.request, plan.unprocessed
    if request.align is Align.BLOCKS:
        assert mosaic is not None
        return copy_tiles(mosaic, http, writing.max_memory)
    assert plan.nodata is not None
    finish = TileFinisher.of(
        _storage(plan),
        plan.nodata,
        len(plan.sources),
        AoiMask.of(request.aoi.geometry, plan.grid) if request.crop else None,
        source_band=request.source_band,
    )
    if mosaic is None:
        return stage_and_compose(
            plan,
            _blocks(plan, window),
            shifts,
            finish,
            http,
            lambda mosaic: _stage_writer(mosaic, writing),
            writing.max_memory,
            writing.cache,
        )
    numbers = range(1, len(plan.sources) + 1)
    blocks = _blocks(plan, window)
    memory = writing.max_memory, writing.held()
    return merge_tiles(mosaic, blocks, numbers, finish, http, memory, writing.cache)


def _blocks(plan: Plan, window: Window) -> Window:
    """The blocks of the output that have a share in a window."""
    blocks = window.expand_to_blocks(BLOCK, BLOCK).intersection(plan.grid.window)
    assert blocks is not None
    return blocks


def _stage_writer(mosaic: Mosaic, writing: RunOptions) -> GeoTiffWriter:
    bands = [Band("heights", ""), Band("source", "1")]
    return GeoTiffWriter(
        writing.output,
        mosaic.grid,
        mosaic.grid.crs,
        mosaic.nodata,
        choose_tile_format(mosaic.dtype),
        bands[: 1 if len(mosaic.sources) == 1 else 2],
        overwrite=writing.overwrite,
    )


def _storage(plan: Plan) -> TileFormat:
    if plan.request.align is Align.BLOCKS:
        (source,) = plan.sources
        assert source.file.tiled is not None
        return source.file.tiled.tile_format
    return choose_tile_format(plan.dtype)
