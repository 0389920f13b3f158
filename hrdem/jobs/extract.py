"""From a request or a plan to a file: tiles are read, written, and told about."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hrdem.errors import NetworkError, NoDataError, SourceChangedError
from hrdem.http.protocol import Http
from hrdem.jobs.execute import RunOptions, execute_plan
from hrdem.output.paths import check_output
from hrdem.output.provenance import get_stac_path, has_orphaned_item, make_stac_item, make_tags
from hrdem.output.result import Result, suggest_fill
from hrdem.planning.cost import check_cost
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.planning.wcs_fallback import is_fallback_allowed
from hrdem.processing.progress import TileStats
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.request.options import Format, OnChange
from hrdem.request.request import Request

T = TypeVar("T")

log = logging.getLogger(__name__)


def extract(request: Request, http: Http, writing: RunOptions) -> Result:
    """Plan a request and write what it asks for, as `plan_and_run` and `run_plan` do."""
    return plan_and_run(request, http, lambda plan: run_plan(plan, http, writing))


def plan_and_run(request: Request, http: Http, carry_out: Callable[[Plan], T]) -> T:
    """Plan a request and carry the plan out.

    A COG that turns out to be broken while it is read gives way to the WCS, if the request leaves
    that open: then all is planned anew, and read from the beginning, of what the cache has without
    fetching it again. So is a source that is published again meanwhile, once, if the request says
    so.

    Raises:
        HrdemError: As `make_plan` and what carries it out do.
    """
    broken: dict[tuple[str, str], NetworkError] = {}
    changed: set[str] = set()
    while True:
        plan = None
        try:
            plan = make_plan(request, http, broken)
            return carry_out(plan)
        except SourceChangedError as exc:
            if request.on_change is OnChange.STOP or exc.url in changed:
                raise
            changed.add(exc.url)
            log.warning("%s Beginning again with it.", str(exc).partition(" Nothing was")[0])
        except NetworkError as exc:
            cog = None if plan is None else _broken_cog(plan, exc)
            if cog is None:
                raise
            broken[cog] = exc


def _broken_cog(plan: Plan, error: NetworkError) -> tuple[str, str] | None:
    """Surface and item of the COG that an error is of, if the WCS may take its place."""
    for mosaic in plan.mosaics:
        for source in mosaic.sources:
            replaceable = source.file.has_fallback and is_fallback_allowed(mosaic.query)
            if source.name == error.source and replaceable:
                return mosaic.query.product.name, source.items[0].id
    return None


def run_plan(plan: Plan, http: Http, writing: RunOptions) -> Result:
    """Carry out a plan.

    Args:
        plan: What to read.
        http: Client to read with.
        writing: How the output is written.

    Raises:
        NoDataError: If not one pixel of the area holds data; nothing is written then.
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
        RequestError: If more would have to be fetched than may be.
        NotCachedError: If something is not in the cache, offline.
    """
    started = time.monotonic()
    output = writing.output
    check_output(get_stac_path(output), writing.overwrite or has_orphaned_item(output))
    copies = 2 if writing.layout is Format.COG else 1
    check_cost(plan, http, output, writing.cache, writing.max_download, copies)
    shifts = find_shift_grid(plan.request, writing.cache, http)
    with execute_plan(plan, plan.grid.window, shifts, http, writing) as (writer, stats):
        check_any_valid(plan, stats)
        result = Result(
            output=output,
            plan=plan,
            statistics=stats.statistics,
            pixels_by_source=_by_source(plan, stats),
            seams=stats.seams,
            shift_grid=shifts,
            received_bytes=stats.received_bytes,
            seconds=time.monotonic() - started,
        )
        item = json.dumps(make_stac_item(result), indent=2, ensure_ascii=False, allow_nan=False)
        if has_orphaned_item(output):
            get_stac_path(output).unlink(missing_ok=True)
        writer.commit(
            stats.statistics, make_tags(plan, shifts), (get_stac_path(output), f"{item}\n")
        )
    return replace(result, seconds=time.monotonic() - started)


def _by_source(plan: Plan, stats: TileStats) -> dict[str, int] | None:
    if stats.statistics is None:
        return None
    return dict(zip((source.name for source in plan.sources), stats.pixels_by_source, strict=True))


def check_any_valid(plan: Plan, stats: TileStats) -> None:
    """Make sure that there is data.

    Args:
        plan: What was carried out.
        stats: What is known of all of its output.

    Raises:
        NoDataError: If there is not one valid pixel.
    """
    if stats.statistics.valid if stats.statistics else stats.present:
        return
    if stats.statistics and not stats.statistics.pixels:
        raise NoDataError(
            f"The area {plan.request.aoi.label} holds the centre of not one pixel of the output: "
            "it is smaller than they are, or lies between them. Nothing was written. Widen it with "
            "--buffer, or give --no-crop for the pixels that it touches."
        )
    tiers = ", ".join(tier.collection.id for tier in plan.tiers)
    sources = ", ".join(dict.fromkeys(source.name for source in plan.sources))
    raise NoDataError(
        f"{tiers} has not one valid pixel of {plan.request.product.name} in the area "
        f"{plan.request.aoi.label}: {sources} were read and hold nodata there, as over water or "
        f"where no survey was flown. Nothing was written. {suggest_fill(plan.request)}"
    )
