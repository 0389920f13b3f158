"""How results look: aligned text for people, one JSON document for programs, bars for waiting."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hrdem.products import VERTICAL_DATUM

if TYPE_CHECKING:
    from hrdem.extraction import Progress
    from hrdem.forecast import Forecast
    from hrdem.planning import Plan
    from hrdem.report import Result
    from hrdem.statistics import Statistics

SCHEMA_VERSION = 1

log = logging.getLogger(__name__)


def document(content: dict[str, Any]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def result(done: Result) -> None:
    """Print a finished extraction."""
    statistics, grid = done.statistics, done.plan.grid
    _lines(
        ("output", f"{done.output}  {size(done.output.stat().st_size)}"),
        ("grid", _grid(done.plan)),
        ("values", _values(statistics)),
        ("data", f"{_percent(statistics.valid, grid.window.pixels)} of the area"),
        *(
            ("from", f"{item}  {_percent(pixels, grid.window.pixels)}")
            for item, pixels in done.pixels_by_item.items()
        ),
        *_lacking(done.plan),
        ("took", f"{done.seconds:.1f} s"),
    )
    if statistics.valid < statistics.pixels:
        log.warning(
            "%s of the area has no data in %s; it is nodata in the output.",
            _percent(statistics.pixels - statistics.valid, statistics.pixels),
            done.plan.request.collection.id,
        )


def planned(planned: Plan, told: Forecast, as_json: bool) -> None:
    """Print a plan and its forecast."""
    if as_json:
        document({**planned.as_dict(), "forecast": told.as_dict()})
        return
    transfer = "unknown"
    if told.transfer_bytes is not None:
        transfer = f"{size(told.transfer_bytes)} in {told.tiles} tiles"
    _lines(
        ("product", f"{planned.request.product.title}; {planned.request.collection.title}"),
        ("area", planned.request.aoi.text),
        ("grid", _grid(planned)),
        ("data", f"about {told.coverage_percent:.0f} % of the area"),
        ("transfer", transfer),
        ("output", f"at most about {size(told.output_bytes)}"),
        *(
            ("from", f"{item}  about {share:.0f} %")
            for item, share in told.coverage_by_item.items()
        ),
        *(("file", source.file.version.url) for source in planned.sources),
        *_lacking(planned),
    )


def table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show a bar on standard error while the context lasts, if that is a terminal."""
    if (
        sys.stderr is None
        or not sys.stderr.isatty()
        or click.get_current_context().meta.get("quiet")
    ):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(*lines: tuple[str, str]) -> None:
    for name, text in lines:
        click.echo(f"{name:<9} {text}")


def _grid(planned: Plan) -> str:
    grid = planned.grid
    dx, _ = grid.resolution
    return f"{grid.width} x {grid.height} pixels of {dx:g} m, {grid.crs}"


def _values(statistics: Statistics) -> str:
    low, high, mean = statistics.minimum, statistics.maximum, statistics.mean
    return f"{low:.2f} to {high:.2f} m, mean {mean:.2f} m, {VERTICAL_DATUM}"


def _lacking(planned: Plan) -> list[tuple[str, str]]:
    product = planned.request.product.name
    return [("lacking", f"{item} has no {product}") for item in planned.lacking]


def _percent(part: int, whole: int) -> str:
    """A share that says 0 and 100 only when it is exactly that."""
    share = 100 * part / whole
    if part and part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.4g} %"
