"""Run jobs of tiles, and print what they take, how far they are, and what they have made."""

from __future__ import annotations

import collections
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import show
from hrdem.cli.documents import progress_line
from hrdem.cli.messages import for_terminal
from hrdem.cli.progress import MinuteLines, ProgressForm, has_bar, requested_form
from hrdem.errors import ExitCode
from hrdem.request import tile_fields
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.text import escape_unprintable

if TYPE_CHECKING:
    import hrdem
    from hrdem.tiling.job import JobCost
    from hrdem.tiling.journal import TileState
    from hrdem.tiling.progress import JobProgress, OnJobProgress
    from hrdem.tiling.run_job import JobSummary
    from hrdem.tiling.verify_tiles import VerifySummary

ESTIMATED_RATE_BYTES = 12_500_000  # a second: 100 Mbit/s
MAX_LISTED_TILES = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How the tiles of a job are made.

    Attributes:
        engine: Keywords of `TileJob.run`.
    """

    engine: Mapping[str, Any]

    @classmethod
    def take(cls, params: dict[str, Any]) -> RunOptions:
        """Take the options of a run out of the parameters of a command."""
        engine = {field.name: params.pop(field.name) for field in tile_fields.ENGINE}
        engine["client"] = engine.pop("scheduler")
        return cls(engine)

    def cost_of(self, job: hrdem.TileJob, *, only_failed: bool = False) -> JobCost:
        """Return what the tiles take that a run would make."""
        left = job.list_left(self.engine["part"], only_failed=only_failed)
        return job.cost_of(left, on_dask=self.engine["client"] is not None)


def estimate(job: hrdem.TileJob, options: RunOptions, *, as_json: bool) -> ExitCode:
    """Print what a run would make, and what it takes."""
    states = job.status()
    cost = options.cost_of(job)
    if as_json:
        tiles = [
            {
                "name": tile.name,
                "state": states[tile.name],
                "window": asdict(tile.window),
                "source_bytes": tile.size,
            }
            for tile in job.tiles
        ]
        show.document(
            {**_identify(job), "cost": _cost_as_dict(cost), "tiles": tiles}, "tile-estimate"
        )
        return ExitCode.COMPLETE
    request = job.job.plan.request
    show.lines(
        ("output", job.store.address),
        ("product", request.product.title),
        ("area", request.aoi.label),
        ("grid", show.describe_grid(job.job.plan.grid)),
        ("tiles", f"{_count_states(states)}; {job.job.scheme}, named like {job.tiles[0].name}"),
        ("to make", f"{_count(cost.tiles)}, about {format_size(cost.output_bytes)}"),
        ("download", f"{format_size(cost.source_bytes)} in about {cost.requests:,} requests"),
        ("time", _describe_time(cost)),
    )
    return ExitCode.COMPLETE


def run(
    job: hrdem.TileJob, options: RunOptions, *, as_json: bool, only_failed: bool = False
) -> ExitCode:
    """Make the tiles of a job, with progress, and print a summary."""
    cost = options.cost_of(job, only_failed=only_failed)
    text = (
        f"{_count(cost.tiles)} to make: {format_size(cost.source_bytes)} to read in about "
        f"{cost.requests:,} requests, {_describe_time(cost)}; about "
        f"{format_size(cost.output_bytes)} to write."
    )
    with _progress(job.job.plan.request.product.name, text) as on_progress:
        summary = job.run(**options.engine, only_failed=only_failed, on_progress=on_progress)
    saved = job.reopen()
    states = saved.status()
    if as_json:
        counts = collections.Counter(states.values())
        show.document({**_identify(saved), "counts": counts, "run": summary.as_dict()})
    else:
        _show_summary(saved, summary, states)
    return summary.exit_code


def status(job: hrdem.TileJob, *, as_json: bool) -> ExitCode:
    """Print which tiles are done, empty, failed, stale, missing."""
    from hrdem.tiling.journal import TileState

    states = job.status()
    reasons = job.read_reasons()
    if as_json:
        counts = collections.Counter(states.values())
        show.document({**_identify(job), "counts": counts, "tiles": states, "reasons": reasons})
    else:
        show.lines(("output", job.store.address), ("tiles", _count_states(states)))
        for state in (TileState.FAILED, TileState.STALE, TileState.MISSING):
            names = [name for name, each in states.items() if each is state]
            show.lines(
                *((state, _describe_tile(name, reasons)) for name in names[:MAX_LISTED_TILES])
            )
            if len(names) > MAX_LISTED_TILES:
                show.lines((state, f"{len(names) - MAX_LISTED_TILES:,} more; --json lists all"))
    counts = collections.Counter(states.values())
    if counts[TileState.STALE]:
        return ExitCode.SOURCE_CHANGED
    return show.exit_code(complete=not counts[TileState.FAILED] + counts[TileState.MISSING])


def verification(job: hrdem.TileJob, summary: VerifySummary) -> None:
    """Print what was verified, and what is wrong."""
    changed = f"; {summary.republished:,} have a new version" if summary.republished else ""
    show.lines(
        ("output", job.store.address),
        ("tiles", f"{summary.tiles:,} compared with their items"),
        ("sources", f"{summary.windows:,} windows compared{changed}"),
        *(("wrong", f"{each.name}: {each.problem}") for each in summary.problems),
        *([("not read", summary.unread)] if summary.unread else []),
        *(
            [("not done", f"{_count(summary.lacking)}: hrdem tile status")]
            if summary.lacking
            else []
        ),
    )
    if not summary.problems and not summary.unread:
        show.lines(("result", "no difference"))


def _show_summary(job: hrdem.TileJob, summary: JobSummary, states: Mapping[str, TileState]) -> None:
    made = summary.progress
    rows = [("output", job.store.address), ("tiles", _count_states(states))]
    if not made.tiles and not summary.failures:
        reason = "no tile has failed" if summary.missing else "nothing is missing"
        show.lines(*rows, ("made", f"nothing, as {reason}"))
    else:
        show.lines(
            *rows,
            ("made", f"{_count(made.done)}, {format_size(made.written_bytes)}"),
            ("download", format_size(made.received_bytes)),
            ("time", f"{made.seconds:.1f} s"),
        )
    if summary.failed:
        log.warning(
            "%s could not be made: %s. `hrdem tile retry` tries again.",
            _count(len(summary.failed)), _list_names(summary.failed),
        )  # fmt: skip
    if summary.stale:
        log.warning(
            "Sources of %s were republished since they were planned: %s. `update=True` plans and "
            "makes them anew.",
            _count(len(summary.stale)), _list_names(summary.stale),
        )  # fmt: skip
    if summary.missing:
        log.warning(
            "%s still missing, as only failed ones were made. The command that began the job makes "
            "the rest.",
            _count(summary.missing),
        )  # fmt: skip
    if summary.stopped:
        log.warning("The run stopped early: %s", summary.stopped)


def _is_quiet() -> bool:
    return bool(click.get_current_context().meta.get("quiet"))


def _identify(job: hrdem.TileJob) -> dict[str, Any]:
    return {"output": job.store.address, "job": job.job.sha256, "scheme": job.job.scheme}


def _cost_as_dict(cost: JobCost) -> dict[str, Any]:
    rate = {"bytes_per_second": ESTIMATED_RATE_BYTES}
    return {**asdict(cost), "hours": cost.hours_at(ESTIMATED_RATE_BYTES, 1), **rate}


def _describe_time(cost: JobCost) -> str:
    from hrdem.tiling.progress import format_duration

    transfer = cost.source_bytes / ESTIMATED_RATE_BYTES
    return (
        f"about {format_duration(transfer)} at {8 * ESTIMATED_RATE_BYTES // 10**6} Mbit/s and "
        f"{format_duration(3600 * cost.cpu_hours)} of one core"
    )


def _count_states(states: Mapping[str, TileState]) -> str:
    counts = collections.Counter(states.values())
    parts = [f"{count:,} {state}" for state, count in sorted(counts.items()) if count]
    return f"{len(states):,}: {', '.join(parts)}"


def _count(number: int) -> str:
    return "1 tile" if number == 1 else f"{number:,} tiles"


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED_TILES
    listed = ", ".join(names[:MAX_LISTED_TILES])
    return f"{listed} and {more:,} more" if more > 0 else listed


def _describe_tile(name: str, reasons: Mapping[str, str]) -> str:
    return f"{name}: {reasons[name]}" if name in reasons else name


@contextmanager
def _progress(label: str, estimate: str) -> Iterator[OnJobProgress]:
    """Report progress on standard error: lines of JSON; or an estimate, and a bar on a terminal."""
    from hrdem.tiling.progress import format_progress

    if requested_form() is ProgressForm.JSON:
        yield lambda progress: progress_line(progress.as_dict(), "tile-progress")
        return

    def announce(progress: JobProgress) -> None:
        if progress.report is None and progress.tiles and not _is_quiet():
            click.echo(f"hrdem: {for_terminal(estimate)}", err=True)

    if not has_bar():
        minutes = MinuteLines(label)

        def report(progress: JobProgress) -> None:
            announce(progress)
            minutes.print(lambda: format_progress(progress))

        yield report
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}", markup=False), BarColumn()
    text = TextColumn("{task.fields[text]}", markup=False)
    with Bars(*columns, text, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(escape_unprintable(label), total=None, text="")

        def update(progress: JobProgress) -> None:
            announce(progress)
            by_bytes = progress.total_bytes > 0
            bars.update(
                task,
                completed=progress.source_bytes if by_bytes else progress.done,
                total=progress.total_bytes if by_bytes else progress.tiles,
                text=format_progress(progress),
            )

        yield update
