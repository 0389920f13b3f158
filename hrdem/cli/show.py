"""How results look: aligned text for people, one JSON document for programs, bars for waiting."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hrdem.products import VERTICAL_DATUM

if TYPE_CHECKING:
    from hrdem.diagnosis import Check
    from hrdem.extraction import OnProgress
    from hrdem.forecast import Forecast
    from hrdem.grid import Grid
    from hrdem.picture import Picture
    from hrdem.planning import Plan
    from hrdem.progress import Progress
    from hrdem.report import Result
    from hrdem.statistics import Statistics

SCHEMA_VERSION = 1

log = logging.getLogger(__name__)


def document(content: dict[str, Any]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=2))


def result(done: Result) -> None:
    """Print a finished extraction."""
    statistics = done.statistics
    _lines(
        ("output", f"{done.output}  {size(done.output.stat().st_size)}"),
        ("grid", _grid(done.plan)),
        *_made_of(done.plan),
        *_found(statistics),
        *_origins(done),
        *_lacking(done.plan),
        ("received", "unknown" if done.received is None else size(done.received)),
        ("took", f"{done.seconds:.1f} s"),
    )
    if statistics and statistics.valid < statistics.pixels:
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
        *_made_of(planned),
        ("data", f"about {told.coverage_percent:.0f} % of the area"),
        ("transfer", transfer),
        ("output", f"at most about {size(told.output_bytes)}"),
        *(
            ("from", f"{item}  about {share:.0f} %")
            for item, share in told.coverage_by_item.items()
        ),
        *(("file", source.url) for source in planned.sources),
        *_offered(planned),
        *_lacking(planned),
    )


def check(done: Check) -> None:
    """Print what was found, how it is, and what to do about it."""
    mark = "FAIL" if done.state == "fail" else done.state
    click.echo(f"{mark:<5} {done.name:<9} {done.found} ({done.seconds:.1f} s)")
    if done.fix:
        click.echo(f"{'':<15} Fix: {done.fix}")


def pictured(done: Picture) -> None:
    """Print a finished picture."""
    drawn = "drawn by the WMS"
    if done.reason:
        drawn = "drawn from overviews of the files"
    _lines(
        ("output", f"{done.output}  {size(done.output.stat().st_size)}"),
        ("picture", f"{done.layer.name}, {done.width} x {done.height} pixels, {done.crs}"),
        ("source", drawn),
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
def progress(label: str) -> Iterator[OnProgress]:
    """Show a bar on standard error while the context lasts, if that is a terminal."""
    if (
        sys.stderr is None
        or not sys.stderr.isatty()
        or click.get_current_context().meta.get("quiet")
    ):
        yield lambda progress: None
        return
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
        task = bars.add_task(label, total=None, received="")
        started = None

        def update(progress: Progress) -> None:
            nonlocal started
            started = started or time.monotonic()
            received = ""
            if progress.received:
                rate = progress.received / max(time.monotonic() - started, 0.1)
                received = f"{size(progress.received)}, {size(round(rate))}/s"
            bars.update(
                task, completed=progress.pixels, total=progress.all_pixels, received=received
            )

        yield update


def _lines(*lines: tuple[str, str]) -> None:
    for name, text in lines:
        click.echo(f"{name:<9} {text}")


def _grid(planned: Plan) -> str:
    grid = planned.grid
    return f"{grid.width} x {grid.height} pixels of {_length(grid)}, {_crs(grid)}"


def _made_of(planned: Plan) -> list[tuple[str, str]]:
    """What is read for pixels that are not the source's own."""
    if not planned.resampled:
        return []
    native = planned.native
    details = " and ".join(sorted({source.detail for source in planned.sources}))
    pixels = f"{native.width} x {native.height} pixels of {_length(native)}, {_crs(native)}"
    return [("made of", f"{pixels}, {details}; {planned.request.resampling.value}")]


def _length(grid: Grid) -> str:
    from hrdem.crs import unit_of

    size, unit = grid.resolution[0], unit_of(grid.crs).name
    return f"{size:g} {'m' if unit == 'metre' else unit}"


def _crs(grid: Grid) -> str:
    return grid.crs if grid.crs.startswith("EPSG:") else grid.crs.split('"')[1]


def _found(statistics: Statistics | None) -> list[tuple[str, str]]:
    if statistics is None:
        return [("values", f"blocks as they are in the source, {VERTICAL_DATUM}")]
    low, high, mean = statistics.minimum, statistics.maximum, statistics.mean
    return [
        ("values", f"{low:.2f} to {high:.2f} m, mean {mean:.2f} m, {VERTICAL_DATUM}"),
        ("data", f"{_percent(statistics.valid, statistics.pixels)} of the area"),
    ]


def _origins(done: Result) -> list[tuple[str, str]]:
    if done.pixels_by_source is None:
        return [("from", source.name) for source in done.plan.sources]
    pixels = done.plan.native.window.pixels
    return [
        ("from", f"{item}  {_percent(owned, pixels)}")
        for item, owned in done.pixels_by_source.items()
    ]


def _offered(planned: Plan) -> list[tuple[str, str]]:
    """What a WCS lists that is read from."""
    from hrdem.wcs.coverage import WcsCoverage

    files = (source.file for source in planned.sources)
    lists = {file.offered for file in files if isinstance(file, WcsCoverage)}
    return [("offered", f"{', '.join(names)} by the WCS") for names in lists]


def _lacking(planned: Plan) -> list[tuple[str, str]]:
    product = planned.request.product.name
    return [("lacking", f"{item} has no {product}") for item in planned.lacking]


def _percent(part: int, whole: int) -> str:
    """A share that says 0 and 100 only when it is exactly that."""
    share = 100 * part / whole
    if part and part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.4g} %"
