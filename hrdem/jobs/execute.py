"""Execute plans: read and merge their sources into unpublished files."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hrdem.http.run_context import RunContext
from hrdem.jobs.run_tiles import lock_coverages, run_tiles
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.layers import list_layers, open_layer
from hrdem.output.plan_writer import OutputOptions, open_output, open_stage
from hrdem.planning.plan import Plan
from hrdem.planning.shared import list_shared
from hrdem.processing.tile_result import TileResult, TileStats
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.runtime.progress import ProgressMeter

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
                stats, total = run_tiles(
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
