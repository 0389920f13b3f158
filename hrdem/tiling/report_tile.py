"""Make the tile of a task with its connections, and report whatever comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from hrdem.errors import (
    ExitCode,
    HrdemError,
    MissingLibraryError,
    NotCachedError,
    OutputError,
    RequestError,
    ServerError,
    SourceChangedError,
    TransferError,
)
from hrdem.http.retry import RETRIED_STATUSES
from hrdem.http.run_context import RunContext
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.redaction import redact_secrets
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.journal import JobReplacedError
from hrdem.tiling.task import Report, TileFailure, TileOutcome, TileTask

_FINAL = RequestError, NotCachedError, MissingLibraryError, SourceChangedError
_STOPPING = OutputError, NotCachedError, MissingLibraryError, JobReplacedError


def report_tile(
    task: TileTask, job: Job, context: RunContext, make: Callable[[Tile], TileOutcome]
) -> Report:
    """Make a tile with the connections of its task, and report any error as a failure.

    Args:
        task: The task.
        job: The job.
        context: Context with the client.
        make: Makes the tile.
    """
    began, throttled = time.monotonic(), context.http.throttled_count
    context.http.limit_connections(task.connections)
    try:
        with pinned_gdal():
            return make(job.tile(task.name))
    except Exception as exc:  # noqa: BLE001 (a defect in one tile must not end the others)
        return _describe_failure(
            task.name,
            exc,
            throttled=context.http.throttled_count - throttled,
            seconds=time.monotonic() - began,
        )
    finally:
        if not task.keeps_connections:
            context.http.limit_connections(0)


def _describe_failure(name: str, exc: Exception, throttled: int, seconds: float) -> TileFailure:
    kind = type(exc).__name__
    if isinstance(exc, SourceChangedError) and exc.url:  # the same command again would not help
        reason = (
            f"{exc.url} was published again since the job was planned. `update=True` plans and "
            "makes its tiles anew."
        )
    elif isinstance(exc, HrdemError):
        reason = str(exc)
    else:
        reason = f"{kind}: {redact_secrets(str(exc))}"
    return TileFailure(
        name=name,
        error=kind,
        reason=reason,
        source=exc.url if isinstance(exc, SourceChangedError) else "",
        throttled=throttled,
        seconds=seconds,
        can_retry=not isinstance(exc, _FINAL),
        is_outage=isinstance(exc, TransferError)
        or (isinstance(exc, ServerError) and exc.status in RETRIED_STATUSES),
        stops=isinstance(exc, _STOPPING),
        exit_code=exc.exit_code if isinstance(exc, HrdemError) else ExitCode.DEFECT,
    )
