"""Extract: plan a request, execute the plan, publish the file with its provenance."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hrdem.errors import NetworkError, NoDataError, SourceChangedError
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.jobs.execute import ExecutedPlan, execute_plans
from hrdem.output.layers import Layer, list_layers
from hrdem.output.plan_writer import OutputOptions, choose_halving
from hrdem.output.provenance import (
    check_raster_output,
    get_stac_path,
    make_layer_tags,
    make_stac_item,
    make_tags,
    remove_orphans,
)
from hrdem.output.publish import PreparedFile, StagedFile, StoredFile, publish_together
from hrdem.output.record import read_record
from hrdem.output.result import Result
from hrdem.planning.cost import check_costs
from hrdem.planning.find_gaps import may_be_left_out
from hrdem.planning.fingerprint import fingerprint_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.planning.wcs_fallback import is_fallback_allowed
from hrdem.processing.tile_result import TileStats
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.advice import suggest_fill
from hrdem.request.options import Format, OnChange, Via
from hrdem.request.request import Request

T = TypeVar("T")

log = logging.getLogger(__name__)


def extract(request: Request, context: RunContext, options: OutputOptions) -> Result:
    """Plan a request and write its output, as `plan_and_run` and `run_plan` do."""
    if options.if_changed:
        context.http.metadata.forget_answers()
    return plan_and_run(request, context.http, lambda plan: run_plan(plan, context, options))


def extract_products(
    requests: Sequence[Request], context: RunContext, options: Sequence[OutputOptions]
) -> list[Result]:
    """Plan requests that differ by their product, and write all of their outputs, or none.

    Args:
        requests: The requests.
        context: Client, cache folder, limits and progress callback.
        options: Where and how the output of each is written, in the same form.

    Raises:
        HrdemError: As `run_plan` does.
    """
    if options[0].if_changed:
        context.http.metadata.forget_answers()
    return plan_all_and_run(
        requests, context.http, lambda plans: run_plans(plans, context, options)
    )


def plan_and_run(
    request: Request, http: Http, run: Callable[[Plan], T], *, in_tiles: bool = False
) -> T:
    """Plan a request and run the plan, as `plan_all_and_run` does."""
    return plan_all_and_run([request], http, lambda plans: run(plans[0]), in_tiles=in_tiles)


def plan_all_and_run(
    requests: Sequence[Request],
    http: Http,
    run: Callable[[Sequence[Plan]], T],
    *,
    in_tiles: bool = False,
) -> T:
    """Plan requests and run the plans; repeat both if a source fails or changes.

    If a session recalls a version that a source no longer has, its new version is read. If a COG
    turns out to be broken and the request allows it, the WCS replaces it; if a file cannot
    be fetched and the request allows it, it is left out; if a source is republished and the request
    allows it, its new version is read, once. In each case the request is planned again and read
    from the beginning; cached data is not fetched again.

    Args:
        requests: The requests, which differ by their product.
        http: HTTP client.
        run: Runs the plans.
        in_tiles: As for `make_plan`.

    Returns:
        What ``run`` returns.

    Raises:
        HrdemError: As `make_plan` and ``run`` do.
    """
    failed_cogs: dict[tuple[str, str], NetworkError] = {}
    left_out: dict[tuple[str, str], NetworkError] = {}
    changed: set[str] = set()
    began = time.monotonic()
    while True:
        plans: list[Plan] = []
        try:
            plans += [
                make_plan(
                    request, http, failed_cogs, left_out, reads_pixels=True, in_tiles=in_tiles
                )
                for request in requests
            ]
            return run(plans)
        except SourceChangedError as exc:
            if exc.since is not None and exc.since < began:
                continue  # a session knew the version before
            if requests[0].on_change is OnChange.STOP or exc.url in changed:
                raise
            changed.add(exc.url)
            log.warning("%s Starting again with it.", str(exc).partition(" Nothing was")[0])
        except NetworkError as exc:
            cogs = [cog for plan in plans if (cog := _find_replaceable_cog(plan, exc))]
            lost = [file for plan in plans for file in _find_lost_files(plan, exc)]
            if cogs:
                failed_cogs[cogs[0]] = exc
            elif lost:
                left_out |= dict.fromkeys(lost, exc)
            else:
                raise


def _find_replaceable_cog(plan: Plan, error: NetworkError) -> tuple[str, str] | None:
    """Return surface and item of the COG that caused an error, if the WCS may replace it."""
    for mosaic in plan.mosaics:
        for source in mosaic.sources:
            replaceable = source.file.has_fallback and is_fallback_allowed(mosaic.query)
            if source.name == error.source and replaceable:
                return mosaic.query.product.name, source.items[0].id
    return None


def _find_lost_files(plan: Plan, error: NetworkError) -> list[tuple[str, str]]:
    """Return surface and items of the source that caused an error, if it may be left out.

    A WCS that was requested is the only source: there is nothing without it.
    """
    request = plan.request
    if not request.allow_partial or request.via is Via.WCS or not may_be_left_out(error):
        return []
    return [
        (mosaic.query.product.name, item.id)
        for mosaic in plan.mosaics
        for source in mosaic.sources
        for item in source.items
        if source.name == error.source
    ]


def run_plan(plan: Plan, context: RunContext, options: OutputOptions) -> Result:
    """Execute a plan and publish its output, unless it is there already and may be left alone.

    Args:
        plan: The plan.
        context: Client, cache folder, limits and progress callback.
        options: Where and how the output is written.

    Raises:
        NoDataError: If no pixel of the area has data; nothing is written then.
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
        RequestError: If the download would exceed its limit.
        NotCachedError: If the cache lacks something, offline.
    """
    return run_plans([plan], context, [options])[0]


@dataclass(frozen=True, slots=True)
class _Output:
    """An output to make.

    Attributes:
        plan: Its plan.
        options: Where and how it is written.
        shift_grid: Differences to add to heights; None for none.
        fingerprint: Identifies all that it depends on.
    """

    plan: Plan
    options: OutputOptions
    shift_grid: ShiftGrid | None
    fingerprint: str

    @classmethod
    def of(cls, plan: Plan, options: OutputOptions, context: RunContext) -> _Output:
        check_raster_output(
            options.output,
            options.overwrite,
            kind=options.file_kind,
            layers=[layer.name for layer in list_layers(plan)],
        )
        shift_grid = find_shift_grid(plan.request, context)
        shifts = "" if shift_grid is None else shift_grid.sha256
        fingerprint = fingerprint_plan(plan, shifts, options.encoding_as_dict())
        return cls(plan, options, shift_grid, fingerprint)

    @property
    def is_current(self) -> bool:
        """Whether it is there and may be left alone."""
        return self.options.if_changed and _is_current(self.options.output, self.fingerprint)

    def leave(self, started: float) -> Result:
        """Return the result if it is left alone."""
        seconds = time.monotonic() - started
        return Result(
            self.options.output, self.plan, None, None, (), self.shift_grid, 0, (), 0, seconds,
            unchanged=True, layers=self.layer_paths,
        )  # fmt: skip

    @property
    def layer_paths(self) -> tuple[Path, ...]:
        """Paths of its layers."""
        return tuple(layer.path_beside(self.options.output) for layer in list_layers(self.plan))

    def prepare(
        self, executed: ExecutedPlan, result: Result, memory: Mapping[str, int]
    ) -> PreparedFile:
        """Finish its file, its layers and its STAC item."""
        run = {"encoding": self.options.encoding_as_dict(), "memory": memory}
        described: list[tuple[Layer, StoredFile]] = []
        staged: list[StagedFile] = []
        for layer, writer in zip(list_layers(self.plan), executed.layers, strict=True):
            tags = make_layer_tags(self.plan, layer)
            stored, files = writer.prepare_layer(tags, layer.format_pam())
            described.append((layer, stored))
            staged += files

        def describe(stored: StoredFile) -> str:
            item = make_stac_item(result, stored, self.fingerprint, run, described)
            return json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

        tags = make_tags(self.plan, self.shift_grid)
        sidecar = get_stac_path(self.options.output), describe
        return executed.file.prepare(executed.stats.statistics, tags, sidecar, staged)


def run_plans(
    plans: Sequence[Plan], context: RunContext, options: Sequence[OutputOptions]
) -> list[Result]:
    """Execute plans of one area and publish all of their outputs, or none.

    Args:
        plans: The plans.
        context: Client, cache folder, limits and progress callback.
        options: Where and how the output of each is written, in the same form.

    Returns:
        The result of each plan; all count the bytes that the whole run received.

    Raises:
        HrdemError: As `run_plan` does; nothing is published then.
    """
    started = time.monotonic()
    outputs = [_Output.of(*each, context) for each in zip(plans, options, strict=True)]
    current = [output.is_current for output in outputs]
    left = [output for output, is_current in zip(outputs, current, strict=True) if not is_current]
    made = iter(_make_outputs(left, context, started) if left else ())
    return [
        output.leave(started) if is_current else next(made)
        for output, is_current in zip(outputs, current, strict=True)
    ]


def _make_outputs(outputs: Sequence[_Output], context: RunContext, started: float) -> list[Result]:
    """Execute the plans of outputs and publish these; return the result of each."""
    for output in outputs:
        remove_orphans(output.options.output)
    if outputs[0].options.layout.is_vrt:
        from hrdem.jobs.link_sources import link_sources  # noqa: PLC0415 (most runs copy pixels)

        (link,) = outputs
        return [link_sources(link.plan, context, link.options, link.fingerprint, started)]
    plans = [output.plan for output in outputs]
    options = [output.options for output in outputs]
    copies = 1 + sum(
        (options[0].layout is Format.COG, choose_halving(plans[0], options[0]) is not None)
    )
    check_costs(plans, context, options[0].output, copies)
    shift_grids = [output.shift_grid for output in outputs]
    with execute_plans(plans, shift_grids, context, options) as executed:
        for plan, each in zip(plans, executed, strict=True):
            check_any_valid(plan, each.stats)
        warn_of_infinite_pixels(max(each.stats.infinite for each in executed))
        results = [
            Result(
                output=output.options.output,
                plan=output.plan,
                statistics=each.stats.statistics,
                pixels_by_source=_name_sources(output.plan, each.stats),
                seams=each.stats.seams,
                shift_grid=output.shift_grid,
                infinite_pixels=each.stats.infinite,
                gap_counts=each.stats.gaps,
                received_bytes=each.received_bytes,
                seconds=time.monotonic() - started,
                layers=output.layer_paths,
            )
            for output, each in zip(outputs, executed, strict=True)
        ]
        memory = context.memory_as_dict()
        publish_together(
            [
                output.prepare(each, result, memory)
                for output, each, result in zip(outputs, executed, results, strict=True)
            ]
        )
    seconds = time.monotonic() - started
    return [replace(result, seconds=seconds) for result in results]


def _is_current(output: Path, fingerprint: str) -> bool:
    """Whether an output exists and would be made again as it is."""
    if not output.exists():
        return False
    why = read_record(output).find_difference(fingerprint)
    if why:
        log.info("%s is made again. %s", output, why)
    return not why


def _name_sources(plan: Plan, stats: TileStats) -> dict[str, int] | None:
    """Return the pixels of each source by its name; None if they were not decoded."""
    if stats.statistics is None:
        return None
    return dict(zip((source.name for source in plan.sources), stats.pixels_by_source, strict=True))


def warn_of_infinite_pixels(infinite: int, *, in_part: bool = False) -> None:
    """Warn if sources have infinite pixels.

    Args:
        infinite: Number of them.
        in_part: Whether only a part of the pixels has been read.
    """
    if infinite:
        log.warning(
            "%s pixels of the sources are infinite; they have no data in the output. Tell the "
            "publisher of the files.",
            f"At least {infinite:,}" if in_part else f"{infinite:,}",
        )


def check_any_valid(plan: Plan, stats: TileStats) -> None:
    """Check that an output has data.

    Args:
        plan: The plan that was executed.
        stats: Stats of all tiles of its output.

    Raises:
        NoDataError: If no pixel is valid.
        NetworkError: If none is, and a file could not be read.
    """
    if stats.statistics.valid if stats.statistics else stats.present:
        return
    if plan.gaps:
        raise plan.gaps[0].error
    if stats.statistics and not stats.statistics.pixels:
        way = "Set" if plan.request.like else "Widen it with `buffer`, or set"
        raise NoDataError(
            f"No pixel of the output has its centre inside {plan.request.aoi.label}: the area is "
            f"smaller than a pixel, or between pixel centres. Nothing was written. {way} "
            "`crop=False` to get the pixels that it touches."
        )
    tiers = ", ".join(tier.collection.id for tier in plan.tiers)
    sources = ", ".join(dict.fromkeys(source.name for source in plan.sources))
    raise NoDataError(
        f"{tiers} has no valid pixel of {plan.request.product.name} in the area "
        f"{plan.request.aoi.label}: {sources} hold nodata there, as over water or where no survey "
        f"was flown. Nothing was written. {suggest_fill(plan.request)}".rstrip()
    )
