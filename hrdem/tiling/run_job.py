"""Run a job: make the tiles that its store lacks, record those that fail, and sum up."""

from __future__ import annotations

import collections
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hrdem.errors import ExitCode, OutputError, RequestError
from hrdem.runtime.limits import DEFAULT_CONNECTIONS
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.failures import Failure, write_failures
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.journal import JobReplacedError, Journal, TileState, check_job, discard_lost_items
from hrdem.tiling.output_store import OutputStore
from hrdem.tiling.progress import JobMeter, JobProgress, OnJobProgress, ignore_job_progress
from hrdem.tiling.task import OutcomeState, TileFailure

_NOT_MADE = TileState.FAILED, TileState.STALE

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobSummary:
    """What a run of a job has made.

    Attributes:
        progress: Counts of its tiles and bytes. Those that it was to make were missing before, or
            had failed.
        empty: Tiles of these that turned out to have no valid pixel.
        kept: Tiles that another run made meanwhile.
        missing: Tiles that are still missing, as only failed ones were made.
        cpu_seconds: Time of the workers' processors.
        failures: Why tiles were not made, by name.
        stopped: Why it ended before all tiles had been tried; empty if it did not.
    """

    progress: JobProgress
    empty: int
    kept: int
    missing: int
    cpu_seconds: float
    failures: dict[str, Failure]
    stopped: str

    @property
    def failed(self) -> list[str]:
        """Names of tiles that failed three times."""
        return [name for name, each in self.failures.items() if each.state == "failed"]

    @property
    def stale(self) -> list[str]:
        """Names of tiles of which a source is no longer the planned version."""
        return [name for name, each in self.failures.items() if each.state == "stale"]

    @property
    def exit_code(self) -> ExitCode:
        """7 if the store cannot be written, 6 if a source changed, 3 if tiles are left, else 0."""
        if any(each.exit_code == ExitCode.OUTPUT for each in self.failures.values()):
            return ExitCode.OUTPUT
        if self.stale:
            return ExitCode.SOURCE_CHANGED
        is_complete = not (self.failures or self.stopped or self.missing)
        return ExitCode.COMPLETE if is_complete else ExitCode.INCOMPLETE

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        counts = self.progress.as_dict()
        counts.pop("tile", None)
        reasons = {name: self.failures[name].reason for name in self.failed}
        return {
            **counts,
            "empty": self.empty,
            "kept": self.kept,
            "missing": self.missing,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "failed_tiles": reasons,
            "stale_tiles": self.stale,
            "stopped": self.stopped,
        }


def run_job(
    job: Job,
    store: OutputStore,
    engine: Engine,
    journal: Journal,
    *,
    connections: int = DEFAULT_CONNECTIONS,
    part: tuple[int, int] | None = None,
    only_failed: bool = False,
    on_progress: OnJobProgress = ignore_job_progress,
) -> JobSummary:
    """Make the tiles that a store lacks.

    A tile that fails three times is recorded with its reason, and the others are made. If a source
    was republished, tiles that read it become stale, and the others are made. If another job took
    the place of this one, the run stops, and nothing is recorded.

    Args:
        job: The job, which the store holds.
        store: Its store.
        engine: Where tiles are made; it is open.
        journal: What the store has of it.
        connections: Maximum number of connections of all workers together.
        part: Number, from 1, and count of parts: only tiles of this part are made. Each part has
            its share of the bytes, and of the connections.
        only_failed: Whether only tiles are made that failed in the last run.
        on_progress: Called at the beginning, and whenever a tile has ended.

    Raises:
        RequestError: If ``part`` is invalid.
        OutputError: If the store cannot be listed.
        HrdemError: If the engine fails.
    """
    connections = _share_connections(connections, part)
    tiles = job.tiles if part is None else select_part(job.tiles, part)
    discard_lost_items(job, store, journal.lost)
    left = journal.list_left(tiles)
    chosen = {tile.name: tile.size for tile in journal.list_left(left, only_failed=only_failed)}
    run = _Run(job, chosen, on_progress, missing=len(left) - len(chosen))
    run.failures |= {
        tile.name: journal.failures[tile.name]
        for tile in tiles
        if tile.name not in chosen and journal.states[tile.name] in _NOT_MADE
    }
    try:
        run.make_tiles(engine, Allowance(connections))
    finally:
        if run.failures or journal.failures:
            untried = {
                name: journal.failures[name] for name in run.left if name in journal.failures
            }
            try:
                check_job(job, store)
                write_failures(store, job.sha256, run.failures | untried, part)
            except (JobReplacedError, OutputError) as exc:  # the summary says more
                log.warning("Failed tiles are not recorded: %s", exc)
    return run.sum_up()


def select_part(tiles: Sequence[Tile], part: tuple[int, int]) -> list[Tile]:
    """Select the tiles of a part: neighbours, whose bytes are its share of all bytes.

    Args:
        tiles: Tiles of the job.
        part: Number, from 1, and count of parts.
    """
    number, count = part
    total = sum(tile.size for tile in tiles) or 1
    selected, before = [], 0
    for tile in tiles:
        middle = (before + tile.size / 2) / total  # so that each tile is in one part
        before += tile.size
        if min(int(middle * count), count - 1) == number - 1:
            selected.append(tile)
    return selected


def _share_connections(connections: int, part: tuple[int, int] | None) -> int:
    if part is None:
        return connections
    number, count = part
    if not 1 <= number <= count:
        raise RequestError(
            f"Part {number} of {count} was requested: give `part` as I/N with I from 1 to N."
        )
    if count > connections:
        log.warning(
            "%s parts at a time would take more than %s connections: let %s run at a time "
            "(sbatch --array=1-%s%%%s).",
            count, connections, connections, count, connections,
        )  # fmt: skip
    return max(1, connections // count)


class _Run:
    """The tiles of a run, as they end.

    Args:
        job: The job.
        sizes: Bytes of source tiles of each tile to make, by its name.
        on_progress: Called at the beginning, and whenever a tile has ended.
        missing: Number of tiles that are missing and not among them.

    Attributes:
        failures: Why tiles were not made, by name.
        left: Names of the tiles that have not ended.
    """

    def __init__(
        self, job: Job, sizes: dict[str, int], on_progress: OnJobProgress, missing: int
    ) -> None:
        self.failures: dict[str, Failure] = {}
        self.left = set(sizes)
        self._job = job
        self._sizes = sizes
        self._missing = missing
        self._meter = JobMeter(sizes, on_progress)
        self._states: collections.Counter[OutcomeState] = collections.Counter()
        self._cpu_seconds = 0.0
        self._stopped = ""

    def make_tiles(self, engine: Engine, allowance: Allowance) -> None:
        """Make the tiles, and count each that has ended."""
        for ended in dispatch_tiles(self._sizes, engine, allowance, self._find_stale):
            report = ended.report
            self.left.discard(report.name)
            if isinstance(report, TileFailure):
                self._record(report, ended.tries)
            else:
                self._states[report.state] += 1
                self._cpu_seconds += report.cpu_seconds
            if ended.stops and isinstance(report, TileFailure):
                self._stopped = report.reason
            self._meter.add(report, allowance.allowed)

    def sum_up(self) -> JobSummary:
        """Return the summary."""
        return JobSummary(
            progress=self._meter.progress,
            empty=self._states[OutcomeState.EMPTY],
            kept=self._states[OutcomeState.KEPT],
            missing=self._missing,
            cpu_seconds=self._cpu_seconds,
            failures=self.failures,
            stopped=self._stopped,
        )

    def _record(self, report: TileFailure, tries: int) -> None:
        state = "stale" if report.source else "failed"
        if tries:  # otherwise it has not begun, and the tile that found the change is reported
            log.warning("%s was not made: %s", report.name, report.reason)
        self.failures[report.name] = Failure(
            state, report.error, report.reason, report.source, tries, report.exit_code
        )

    def _find_stale(self, source: str) -> set[str]:
        """Return the names of all tiles that read a source."""
        sources = self._job.plan.sources
        changed = {number for number, each in enumerate(sources) if each.url == source}
        return {tile.name for tile in self._job.tiles if not changed.isdisjoint(tile.sources)}
