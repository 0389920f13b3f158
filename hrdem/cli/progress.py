"""Progress on standard error: a bar on a terminal, a line a minute elsewhere, or lines of JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

import click

from hrdem.cli.documents import progress_line
from hrdem.cli.messages import for_terminal
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.text import escape_unprintable

if TYPE_CHECKING:
    from hrdem.runtime.progress import OnProgress, Progress

SECONDS_BETWEEN_LINES = 60.0
MIN_SECONDS_BETWEEN_JSON_LINES = 1.0


class ProgressForm(StrEnum):
    """Form of progress."""

    BAR = "bar"
    JSON = "json"


class MinuteLines:
    """Prints a line a minute, unless only errors are printed.

    Args:
        label: What is in progress.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def print(self, describe: Callable[[], str]) -> None:
        """Print how far it is, if it is time."""
        if time.monotonic() >= self._next and not _is_quiet():
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            click.echo(for_terminal(f"hrdem: {self._label}: {describe()}"), err=True)


def has_bar() -> bool:
    """Whether a bar is shown: standard error is a terminal, and errors are not all it shows."""
    return sys.stderr is not None and sys.stderr.isatty() and not _is_quiet()


def _is_quiet() -> bool:
    return bool(click.get_current_context().meta.get("quiet"))


def requested_form() -> ProgressForm:
    """Return the form that is requested."""
    return ProgressForm(click.get_current_context().meta.get("progress", ProgressForm.BAR))


@contextmanager
def progress(label: str) -> Iterator[OnProgress]:
    """Show progress on standard error, in the form that --progress asks for.

    That is lines of JSON; or a bar from the first progress on, or a line a minute if standard error
    is no terminal.

    Args:
        label: What is in progress.
    """
    if requested_form() is ProgressForm.JSON:
        yield _json_lines()
        return
    if not has_bar():
        yield _minute_lines(label)
        return
    with ExitStack() as stack:
        update: OnProgress | None = None

        def begin_and_update(progress: Progress) -> None:
            nonlocal update
            update = update or stack.enter_context(_bar(label))
            update(progress)

        yield begin_and_update


def _json_lines() -> OnProgress:
    """Print the first progress and the last, and at most a line a second between."""
    began, following = time.monotonic(), 0.0

    def update(progress: Progress) -> None:
        nonlocal following
        now = time.monotonic()
        if now < following and progress.pixels < progress.total_pixels:
            return
        following = now + MIN_SECONDS_BETWEEN_JSON_LINES
        content = {
            "pixels": progress.pixels,
            "total_pixels": progress.total_pixels,
            "received_bytes": progress.received_bytes,
            "seconds": now - began,
        }
        progress_line(content, "progress")

    return update


def _minute_lines(label: str) -> OnProgress:
    lines, began = MinuteLines(label), time.monotonic()

    def update(progress: Progress) -> None:
        lines.print(lambda: _describe(progress, began))

    return update


def _describe(progress: Progress, began: float) -> str:
    share = f"{100 * progress.pixels / max(progress.total_pixels, 1):.0f} %"
    received = _describe_received(progress, began)
    return f"{share}, {received}" if received else share


def _describe_received(progress: Progress, began: float) -> str:
    if not progress.received_bytes:
        return ""
    rate = progress.received_bytes / max(time.monotonic() - began, 0.1)
    return f"{format_size(progress.received_bytes)}, {format_size(round(rate))}/s"


@contextmanager
def _bar(label: str) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[received]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task(escape_unprintable(label), total=None, received="")
        started = time.monotonic()

        def update(progress: Progress) -> None:
            bars.update(
                task,
                completed=progress.pixels,
                total=progress.total_pixels,
                received=_describe_received(progress, started),
            )

        yield update
