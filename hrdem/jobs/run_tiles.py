"""Make the tiles of a plan's output: copied, merged, or composed of staged mosaics."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from hrdem.geo.block_set import BlockSet
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.geo.mask import PolygonMask, make_mask
from hrdem.http.run_context import RunContext
from hrdem.output.plan_writer import OutputOptions, choose_halving, get_tile_format, open_stage
from hrdem.planning.plan import Plan
from hrdem.planning.versions import check_plan_unchanged
from hrdem.processing.finish import TileFinisher
from hrdem.processing.merge import merge_tiles
from hrdem.processing.statistics import Statistics
from hrdem.processing.survey_years import SurveyYears
from hrdem.processing.tile_result import TileResult, TileStats
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Align
from hrdem.runtime.locks import FileLock
from hrdem.runtime.progress import ProgressMeter
from hrdem.tiff.encode import BLOCK

if TYPE_CHECKING:
    from hrdem.processing.stage import StagedPlan


def run_tiles(
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
    """Make the tiles of a window, and use each.

    Tiles without data are not made: `TileFinisher.complete` counts their pixels.

    Args:
        plan: The plan.
        window: Window of its grid.
        shift_grid: From `hrdem.processing.vertical.find_grid.find_shift_grid`.
        context: Client, cache folder, memory limit and progress callback.
        options: How tiles are encoded, and where mosaics are staged.
        use: Called with each tile.
        meter: Counts the pixels that are done; None for one of these tiles alone.
        staged: Its mosaics, if they have been merged already.
        with_sources: Whether tiles of the source ids follow those of the pixels.

    Returns:
        Stats of all tiles, and the bytes of source tiles read for them; None if GDAL fetched them.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If a mosaic cannot be staged.
    """
    if meter is None:
        meter = ProgressMeter(_count_pixels(plan, window), context.on_progress)
    restricted, blocks = plan.restrict_to(window), expand_to_output_blocks(plan, window)
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
    blocks = expand_to_output_blocks(plan, window)
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


def expand_to_output_blocks(plan: Plan, window: Window) -> Window:
    """Return the blocks of the output that a window touches, as a window."""
    blocks = window.expand_to_blocks(BLOCK, BLOCK).intersection(plan.grid.window)
    assert blocks is not None
    return blocks
