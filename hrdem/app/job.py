"""Jobs: extractions that the page requested."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a running job is.

    Attributes:
        fraction: Share of its pixels that are done.
        received_bytes: Bytes of source tiles that were read; None if unknown.
        total_bytes: Estimate of them; None if there is none.
        seconds_left: Estimate of the time; None in the beginning.
        step: ``"starting"`` until the first pixels are read, then ``"extracting"``.
    """

    fraction: float = 0.0
    received_bytes: int | None = None
    total_bytes: int | None = None
    seconds_left: float | None = None
    step: str = "starting"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "fraction": self.fraction,
            "received_bytes": self.received_bytes,
            "total_bytes": self.total_bytes,
            "seconds_left": self.seconds_left,
            "step": self.step,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """An extraction that a browser requested.

    Attributes:
        id: Its id, which is not to be guessed.
        owner: Id of the browser.
        request: The checked request.
        label: Name of its area.
        created: When it was requested, seconds since 1970.
        started: When it last started; None before.
        finished: When it ended, or was cancelled while it ran; None before.
        state: Its state.
        run: Number of its last start: each has a folder of its own.
        estimated_bytes: Estimate of its download; None if there is none.
        bytes: Size of its files.
        result: Files, summary, warnings and error, as the page gets them.
    """

    id: str
    owner: str
    request: Mapping[str, Any]
    label: str
    created: float
    started: float | None = None
    finished: float | None = None
    state: State = State.QUEUED
    run: int = 0
    estimated_bytes: int | None = None
    bytes: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(
        self, position: int | None, progress: JobProgress | None, equivalents: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the job as the page gets it.

        Args:
            position: Its place among the jobs that wait, from 1; None if it does not wait.
            progress: How far it is; None if it does not run.
            equivalents: The equal command line and Python call, by name.
        """
        done = JobProgress(fraction=1.0, step="done") if self.state is State.DONE else JobProgress()
        return {
            "id": self.id,
            "created": _format_time(self.created),
            "started": _format_time(self.started),
            "finished": _format_time(self.finished),
            "state": self.state.value,
            "position": position,
            "request": self.request,
            "label": self.label,
            **equivalents,
            "progress": (progress or done).as_dict(),
            "files": self.result.get("files", []),
            "summary": self.result.get("summary", {}),
            "warnings": self.result.get("warnings", []),
            "error": self.result.get("error"),
        }


def make_id() -> str:
    """Return a new id of a job or an area: 22 letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(16)


def _format_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
