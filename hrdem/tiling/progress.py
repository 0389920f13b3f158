"""Progress of a job: tiles, bytes, rate and time left, for people and as JSON lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from hrdem.runtime.byte_sizes import format_size
from hrdem.tiling.task import Report, TileFailure, TileOutcome


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a run of a job has come.

    Attributes:
        tiles: Tiles that this run makes.
        done: Tiles of these that were made, empty ones included.
        failed: Tiles that failed for good.
        stale: Tiles of which a source changed.
        source_bytes: Bytes of source tiles that have been dealt with, fetched or cached.
        total_bytes: Bytes of source tiles of all tiles of this run.
        received_bytes: Bytes that came over the network.
        written_bytes: Bytes of rasters.
        throttled: Responses by which a server asked for fewer requests.
        connections: Connections that tiles may have together at present.
        seconds: Time since the run began.
        seconds_left: Time that it will still take, about; None if unknown.
        report: What the latest tile reported; None at the beginning.
    """

    tiles: int
    done: int = 0
    failed: int = 0
    stale: int = 0
    source_bytes: int = 0
    total_bytes: int = 0
    received_bytes: int = 0
    written_bytes: int = 0
    throttled: int = 0
    connections: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    report: Report | None = None

    @property
    def bytes_per_second(self) -> float:
        """Rate of the network since the run began."""
        return self.received_bytes / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        left = None if self.seconds_left is None else round(self.seconds_left, 1)
        values = asdict(self) | {
            "seconds": round(self.seconds, 3),
            "seconds_left": left,
            "bytes_per_second": round(self.bytes_per_second),
        }
        del values["report"]
        if self.report is not None:
            values["tile"] = _report_as_dict(self.report)
        return values


OnJobProgress = Callable[[JobProgress], None]


def ignore_job_progress(progress: JobProgress) -> None:
    """Report nothing."""


class JobMeter:
    """Adds up the progress of a run.

    Args:
        sizes: Bytes of source tiles of each tile, by its name.
        on_progress: Called at the beginning, and whenever a tile has ended.
    """

    def __init__(self, sizes: dict[str, int], on_progress: OnJobProgress) -> None:
        self._sizes = sizes
        self._on_progress = on_progress
        self._began = time.monotonic()
        self.progress = JobProgress(len(sizes), total_bytes=sum(sizes.values()))
        on_progress(self.progress)

    def add(self, report: Report, connections: int) -> None:
        """Count a tile that has ended for good.

        Args:
            report: What it reported.
            connections: Connections that tiles may have together at present.
        """
        before = self.progress
        now = replace(
            before,
            source_bytes=before.source_bytes + self._sizes[report.name],
            throttled=before.throttled + report.throttled,
            connections=connections,
            seconds=time.monotonic() - self._began,
            report=report,
        )
        match report:
            case TileOutcome():
                now = replace(
                    now,
                    done=before.done + 1,
                    received_bytes=before.received_bytes + report.received_bytes,
                    written_bytes=before.written_bytes + report.written_bytes,
                )
            case TileFailure(source=""):
                now = replace(now, failed=before.failed + 1)
            case TileFailure():
                now = replace(now, stale=before.stale + 1)
        self.progress = replace(now, seconds_left=_estimate_seconds_left(now))
        self._on_progress(self.progress)


def _estimate_seconds_left(progress: JobProgress) -> float | None:
    """Estimate by bytes, since tiles differ; by tiles if they have none."""
    ended = progress.done + progress.failed + progress.stale
    share = progress.source_bytes / progress.total_bytes if progress.total_bytes else 0.0
    share = share or ended / progress.tiles
    return progress.seconds * (1 - share) / share if share else None


def format_progress(progress: JobProgress) -> str:
    """Describe progress in one line, for a bar or a log."""
    parts = [f"{progress.done:,} of {progress.tiles:,} tiles"]
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.stale:
        parts.append(f"{progress.stale:,} stale")
    if progress.received_bytes:
        rate = format_size(round(progress.bytes_per_second))
        parts.append(f"{format_size(progress.received_bytes)}, {rate}/s")
    if progress.seconds_left is not None:
        parts.append(f"{format_duration(progress.seconds_left)} left")
    return ", ".join(parts)


def format_duration(seconds: float) -> str:
    """Return a duration in its largest unit: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _report_as_dict(report: Report) -> dict[str, Any]:
    if isinstance(report, TileFailure):
        return {
            "name": report.name,
            "state": "stale" if report.source else "failed",
            "error": report.error,
            "reason": report.reason,
            "seconds": round(report.seconds, 3),
        }
    return {
        "name": report.name,
        "state": report.state.value,
        "received_bytes": report.received_bytes,
        "written_bytes": report.written_bytes,
        "seconds": round(report.seconds, 3),
        "cpu_seconds": round(report.cpu_seconds, 3),
    }
