"""Rerun: make an output again from its STAC item, of the same sources or of the newest."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hrdem.errors import NoDataError, RequestError, SourceChangedError
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import plan_and_run, run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.recorded_run import RecordedRun, check_unchanged, read_run
from hrdem.output.result import Result
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.request.options import OnChange
from hrdem.request.request import Request

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rerun:
    """An output that was made again.

    Attributes:
        item: Path of the item that it was made again from.
        result: The result, as of an extraction.
        identical: Whether the output and its layers have the bytes that the item describes.
        changes: A sentence for each source that is not the one of the item; only with ``newest``.
    """

    item: Path
    result: Result
    identical: bool
    changes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            **self.result.as_dict(),
            "item": str(self.item),
            "identical": self.identical,
            "changes": list(self.changes),
        }


def rerun(
    run: RecordedRun,
    request: Request,
    context: RunContext,
    options: OutputOptions,
    *,
    newest: bool,
    moved: bool,
) -> Rerun:
    """Make the output of a recorded run again.

    Args:
        run: The run.
        request: Its request.
        context: Client, cache folder, limits and progress callback.
        options: Where and how the output is written.
        newest: Whether sources may be others than those that were recorded.
        moved: Whether the catalogue is at another address than the recorded one.

    Raises:
        SourceChangedError: If a source is not the one that was recorded.
        HrdemError: As `hrdem.jobs.extract.run_plan` does.
    """
    context.http.metadata.forget_answers()
    changes: list[str] = []

    def run_again(plan: Plan) -> Result:
        changes[:] = run.find_changes(plan.sources_as_dict(members=True), moved=moved)
        if not newest:
            check_unchanged(run, changes)
            _check_shift_grid(run, plan.request, context)
        return run_plan(replace(plan, request=request), context, options)

    once = request if newest else replace(request, on_change=OnChange.STOP)
    try:
        result = plan_and_run(once, context.http, run_again)
    except NoDataError as exc:
        if newest:
            raise
        raise SourceChangedError(
            f"The sources that {run.item} records are no longer there. {exc}"
        ) from exc
    stored = read_run(result.output).stored
    done = Rerun(run.item, result, stored == run.stored, tuple(changes))
    _report(done, run, moved=moved)
    return done


def _check_shift_grid(run: RecordedRun, request: Request, context: RunContext) -> None:
    """Check that heights will be shifted by the grid that was recorded."""
    grid = find_shift_grid(request, context)
    if (grid.sha256 if grid else "") != run.shift_grid:
        raise RequestError(
            f"{run.item} records heights that were shifted by the grid of the SHA-256 "
            f"{run.shift_grid}, and this machine has another one. Give that file as "
            "`vertical_grid`."
        )


def _report(done: Rerun, run: RecordedRun, *, moved: bool) -> None:
    """Log the changes of sources, or why the bytes are others although there is none."""
    for change in done.changes:
        log.info("%s", change)
    if done.identical or done.changes:
        return
    software = run.describe_software()
    reasons = [f"it was made by {software}"] if software else []
    reasons += ["the catalogue is at another address, which the tags have"] if moved else []
    reasons = reasons or ["`max_memory` was another, which orders tiles, or the item was altered"]
    log.warning(
        "%s was made again of the same sources, but its bytes are not those that %s describes: %s.",
        done.result.output, run.item, "; ".join(reasons),
    )  # fmt: skip
