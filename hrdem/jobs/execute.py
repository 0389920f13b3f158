"""Execute a plan: read and merge its sources into an unpublished file, or into an array."""

from __future__ import annotations

import contextlib
import functools
import operator
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrdem.geo.block_set import BlockSet
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Pixels, Window
from hrdem.geo.mask import PolygonMask, make_mask
from hrdem.http.run_context import RunContext
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.layers import list_layers, open_layer
from hrdem.output.plan_writer import (
    OutputOptions,
    choose_halving,
    get_tile_format,
    open_output,
    open_stage,
)
from hrdem.planning.plan import Plan
from hrdem.planning.shared import list_shared
from hrdem.planning.versions import check_plan_unchanged
from hrdem.processing.finish import TileFinisher
from hrdem.processing.merge import merge_tiles
from hrdem.processing.statistics import Statistics
from hrdem.processing.survey_years import SurveyYears
from hrdem.processing.tile_result import TileResult, TileStats
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Align, Compression
from hrdem.runtime.locks import FileLock
from hrdem.runtime.progress import ProgressMeter
from hrdem.tiff.encode import BLOCK

if TYPE_CHECKING:
    from hrdem.processing.stage import StagedPlan


@dataclass(frozen=True, slots=True)
class ExecutedPlan:
    """The unpublished output of a plan.

    Attributes:
        file: The file, with all of its tiles.
        layers: The files of its layers, in the order of `hrdem.output.layers.list_layers`.
        stats: Counts and statistics of the tiles.
        received_bytes: Bytes of source tiles read for them; None if GDAL fetched them, which does
            not report it.
    """

    file: GeoTiffWriter
    layers: tuple[GeoTiffWriter, ...]
    stats: TileStats
    received_bytes: int | None


@contextlib.contextmanager
def execute_plans(
    plans: Sequence[Plan],
    shift_grids: Sequence[ShiftGrid | None],
    context: RunContext,
    options: Sequence[OutputOptions],
) -> Iterator[list[ExecutedPlan]]:
    """Execute plans of one area; yield an unpublished GeoTIFF for each.

    A mosaic that several plans read is read and merged once, and their outputs are composed of it.

    Args:
        plans: The plans, at least one.
        shift_grids: For each, from `hrdem.processing.vertical.find_grid.find_shift_grid`.
        context: Client, cache folder, memory limit and progress callback.
        options: Where and how the output of each is written, in the same form.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
    """
    total = None
    with contextlib.ExitStack() as stack:
        files = [
            [stack.enter_context(file) for file in _open_files(plan, chosen)]
            for plan, chosen in zip(plans, options, strict=True)
        ]
        results = []
        with _stage_shared(plans, context, options[0]) as (staged, meter):
            for number, (plan, written) in enumerate(zip(plans, files, strict=True)):
                stats, total = _run(
                    plan,
                    plan.grid.window,
                    shift_grids[number],
                    context,
                    options[number],
                    functools.partial(_write, written),
                    meter,
                    staged.get(number),
                    with_sources=plan.request.source_band,
                )
                results.append((written, stats))
        yield [
            ExecutedPlan(file, tuple(layers), stats, total) for (file, *layers), stats in results
        ]


def _open_files(plan: Plan, options: OutputOptions) -> Iterator[GeoTiffWriter]:
    """Yield a writer of a plan's output, and one of each of its layers."""
    yield open_output(plan, options)
    for layer in list_layers(plan):
        yield open_layer(layer, plan, options)


def _write(files: Sequence[GeoTiffWriter], result: TileResult) -> None:
    halves = result.halves or (None,) * len(result.tiles)
    for file, tile, half in zip(files, result.tiles, halves, strict=False):  # none without data
        file.write(result.column, result.row, tile, half=half)


@contextlib.contextmanager
def _stage_shared(
    plans: Sequence[Plan], context: RunContext, options: OutputOptions
) -> Iterator[tuple[dict[int, StagedPlan], ProgressMeter | None]]:
    """Merge what several plans read into local files; yield these by the number of the plan.

    Plans that read nothing in common with another, and stage nothing, are not among them.
    """
    if len(plans) == 1:
        yield {}, None
        return
    from hrdem.processing.stage import stage_plans  # noqa: PLC0415 (most runs have one plan)

    chosen = {number for number, plan in enumerate(plans) if plan.direct_mosaic is None}
    for shared in list_shared(plans):
        if len(shared.uses) > 1:
            chosen |= {number for number, _ in shared.uses}
    numbers = sorted(chosen)
    together = [plans[number] for number in numbers]
    read = list_shared(together) if together else []
    meter = ProgressMeter(
        sum(plan.grid.window.pixels for plan in plans)
        + sum(shared.mosaic.grid.window.pixels for shared in read),
        context.on_progress,
    )
    if not together:
        yield {}, meter
        return
    with contextlib.ExitStack() as stack:
        for plan in together:
            for lock in lock_coverages(plan, context.cache):
                stack.enter_context(lock)
        staged = stack.enter_context(
            stage_plans(together, context, lambda mosaic: open_stage(mosaic, options), meter)
        )
        yield dict(zip(numbers, staged, strict=True)), meter


def read_pixels(
    plan: Plan, window: Window, shift_grid: ShiftGrid | None, context: RunContext
) -> tuple[Pixels, TileStats]:
    """Execute a plan for a window, and return its pixels, as `read_pixels_and_sources` does.

    Returns:
        Array of shape (window.height, window.width), and the stats of the tiles that the window
        touches.
    """
    (pixels,), stats = _read(plan, window, shift_grid, context, with_sources=False)
    return pixels, stats


def read_pixels_and_sources(
    plan: Plan, window: Window, shift_grid: ShiftGrid | None, context: RunContext
) -> tuple[list[Pixels], TileStats]:
    """Execute a plan for a window, and return its pixels; nothing but mosaics is written.

    Args:
        plan: The plan. It does not copy blocks.
        window: Pixels of the output to compute.
        shift_grid: From `hrdem.processing.vertical.find_grid.find_shift_grid`.
        context: Client, cache folder, memory limit and progress callback.

    Returns:
        Arrays of shape (window.height, window.width): the pixels, then the ids of their sources
        for each surface of the product, bytes, 0 where there is none. And the stats of the tiles
        that the window touches.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If a mosaic cannot be written to the temporary folder, or read back.
    """
    return _read(plan, window, shift_grid, context, with_sources=True)


def _read(
    plan: Plan,
    window: Window,
    shift_grid: ShiftGrid | None,
    context: RunContext,
    *,
    with_sources: bool,
) -> tuple[list[Pixels], TileStats]:
    assert plan.nodata is not None
    surfaces = plan.request.product.surfaces if with_sources else ()
    size = window.height, window.width
    # left untouched until their tiles arrive, so that they do not reduce the memory to merge with
    arrays: list[Pixels] = [
        np.empty(size, plan.dtype),
        *(np.empty(size, np.uint8) for _ in surfaces),
    ]
    blocks = BlockSet.all_of(_expand_to_output_blocks(plan, window), BLOCK)

    def place(result: TileResult) -> None:
        if not result.tiles:
            return
        block = Window(result.column * BLOCK, result.row * BLOCK, BLOCK, BLOCK)
        shared = block.intersection(window)
        if shared is not None:
            here = shared.shifted(-window.column, -window.row).slices
            within = shared.shifted(-block.column, -block.row).slices
            for array, tile in zip(arrays, result.tiles, strict=True):
                stored = array.dtype.newbyteorder("<")  # as `encode` stores it uncompressed
                array[here] = np.frombuffer(tile, stored).reshape(BLOCK, BLOCK)[within]
            blocks.remove(block.column, block.row)

    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        path = Path(folder, "pixels.tif")
        options = OutputOptions(path, compress=Compression.NONE, overviews=False)
        stats, _ = _run(
            plan, window, shift_grid, context, options, place, with_sources=with_sources
        )
    for block in blocks:  # those without data are left
        shared = block.intersection(window)
        if shared is not None:
            here = shared.shifted(-window.column, -window.row).slices
            for array, empty in zip(arrays, (plan.nodata, *(0 for _ in surfaces)), strict=True):
                array[here] = empty
    return arrays, stats


def _run(
    plan: Plan,
    window: Window,
    shift_grid: ShiftGrid | None,
    context: RunContext,
    options: OutputOptions,
    use: Callable[[TileResult], None],
    meter: ProgressMeter | None = None,
    staged: StagedPlan | None = None,
    *,
    with_sources: bool,
) -> tuple[TileStats, int | None]:
    """Make the tiles of a window and use each; return their stats and the bytes received.

    Tiles without data are not made: `TileFinisher.complete` counts their pixels. Mosaics that have
    been staged are not read again. With sources, tiles of their ids follow those of the pixels.
    """
    if meter is None:
        meter = ProgressMeter(_count_pixels(plan, window), context.on_progress)
    restricted, blocks = plan.restrict_to(window), _expand_to_output_blocks(plan, window)
    finisher = None
    if plan.request.align is not Align.BLOCKS:
        finisher = _make_finisher(plan, options, with_sources=with_sources)
    if staged is not None:
        assert finisher is not None
        results = _compose(restricted, blocks, staged, shift_grid, finisher)
    else:
        results = _make_tiles(restricted, blocks, shift_grid, finisher, context, options, meter)
    left = BlockSet.all_of(blocks, BLOCK)
    # summed by rows first, so that statistics do not depend on the width of stripes
    rows: dict[int, TileStats] = {}
    with contextlib.ExitStack() as stack:
        for lock in lock_coverages(plan, context.cache):
            stack.enter_context(lock)
        stack.enter_context(contextlib.closing(results))
        for result in results:
            use(result)
            if finisher is not None:
                left.chosen[
                    result.row - blocks.row // BLOCK, result.column - blocks.column // BLOCK
                ] = False
            row = rows.get(result.row)
            rows[result.row] = result.stats if row is None else row + result.stats
            meter.add(result.stats.pixels, result.received_bytes)
    check_plan_unchanged(plan, context.http)
    sums = [rows[row] for row in sorted(rows)]
    if finisher is None:
        return functools.reduce(operator.add, sums), meter.progress.received_bytes
    stats = functools.reduce(operator.add, sums, TileStats(0, 0, Statistics(), ()))
    meter.add(blocks.pixels - stats.pixels, 0)
    return finisher.complete(stats, left), meter.progress.received_bytes


def lock_coverages(plan: Plan, cache: Path) -> list[FileLock]:
    """Lock the cached pieces of a plan's coverages against removal, by this run or others.

    Args:
        plan: The plan.
        cache: Cache folder.

    Returns:
        The locks; close them to release.
    """
    files = [source.file for mosaic in plan.mosaics for source in mosaic.sources]
    locks = [file.lock_cached(cache) for file in files]
    return [lock for lock in locks if lock is not None]


def _count_pixels(plan: Plan, window: Window) -> int:
    """Count the pixels to process: those of staged mosaics, and those of the output."""
    blocks = _expand_to_output_blocks(plan, window)
    return blocks.pixels + sum(mosaic.grid.window.pixels for mosaic in plan.staged_mosaics)


def _make_finisher(plan: Plan, options: OutputOptions, *, with_sources: bool) -> TileFinisher:
    """Return what makes the tiles of a plan that does not copy them."""
    assert plan.nodata is not None
    request = plan.request
    mask = None
    if request.crop:
        mask = make_mask(request.aoi.outline, request.aoi.crs, plan.whole).crop(plan.place)
    years = SurveyYears.of(plan) if with_sources and plan.flights else None
    return TileFinisher(
        get_tile_format(plan, options),
        plan.nodata,
        len(plan.sources),
        mask,
        source_format=options.make_layer_format("uint8") if with_sources else None,
        years=years,
        year_format=options.make_layer_format("uint16") if years else None,
        gaps=tuple(
            PolygonMask.of(gap.area, NATIVE_CRS, plan.whole).crop(plan.place) for gap in plan.gaps
        ),
        halving=choose_halving(plan, options),
    )


def _make_tiles(
    plan: Plan,
    blocks: Window,
    shift_grid: ShiftGrid | None,
    finisher: TileFinisher | None,
    context: RunContext,
    options: OutputOptions,
    meter: ProgressMeter,
) -> Generator[TileResult]:
    """Copy, merge, or stage and compose the tiles of the output, as the plan requires."""
    mosaic = plan.direct_mosaic
    if finisher is None:
        from hrdem.processing.block_copy import copy_tiles  # noqa: PLC0415 (most plans merge)

        assert mosaic is not None
        return copy_tiles(mosaic, context)
    if mosaic is None:
        return _stage_and_compose(plan, blocks, shift_grid, finisher, context, options, meter)
    wanted = finisher.find_blocks(blocks)
    source_ids = range(1, len(plan.sources) + 1)
    return merge_tiles(mosaic, wanted, source_ids, finisher, context, context.baseline_memory())


def _stage_and_compose(
    plan: Plan,
    blocks: Window,
    shift_grid: ShiftGrid | None,
    finisher: TileFinisher,
    context: RunContext,
    options: OutputOptions,
    meter: ProgressMeter,
) -> Generator[TileResult]:
    """Merge the mosaics into local files, then compute the tiles from them."""
    from hrdem.processing.stage import stage_mosaics  # noqa: PLC0415 (most plans merge)

    with (
        stage_mosaics(plan, context, lambda mosaic: open_stage(mosaic, options), meter) as staged,
        contextlib.closing(_compose(plan, blocks, staged, shift_grid, finisher)) as tiles,
    ):
        yield from tiles


def _compose(
    plan: Plan,
    blocks: Window,
    staged: StagedPlan,
    shift_grid: ShiftGrid | None,
    finisher: TileFinisher,
) -> Generator[TileResult]:
    """Compute the tiles of the output from staged mosaics."""
    from hrdem.processing.compose import compose_tiles  # noqa: PLC0415 (most plans merge)
    from hrdem.processing.derive import select_derivation  # noqa: PLC0415

    return compose_tiles(plan, blocks, staged, select_derivation(plan, shift_grid), finisher)


def _expand_to_output_blocks(plan: Plan, window: Window) -> Window:
    """Return the blocks of the output that a window touches."""
    blocks = window.expand_to_blocks(BLOCK, BLOCK).intersection(plan.grid.window)
    assert blocks is not None
    return blocks
