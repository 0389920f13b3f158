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

from hrdem.cli.options import for_terminal, name_options
from hrdem.runtime.byte_sizes import size_text
from hrdem.runtime.text import printable

if TYPE_CHECKING:
    from hrdem.geo.grid import Grid
    from hrdem.jobs.doctor import Check
    from hrdem.jobs.execute import OnProgress
    from hrdem.jobs.preview import Picture
    from hrdem.output.result import Result
    from hrdem.planning.estimate import Estimate
    from hrdem.planning.plan import Plan
    from hrdem.processing.progress import Progress

SCHEMA_VERSION = 1
#: keys of JSON documents whose values are sentences
MESSAGE_KEYS = {"found", "fix", "reason"}
_LARGE_STEP = 1.0  # metres

log = logging.getLogger(__name__)


def document(content: dict[str, Any]) -> None:
    """Print one JSON document; its messages name options, as on standard error."""
    named = _with_named_options({"schema_version": SCHEMA_VERSION, **content})
    click.echo(json.dumps(named, indent=2))


def _with_named_options(value: Any, key: str = "") -> Any:
    """Return a JSON value with options in place of the parameters that its messages name."""
    if isinstance(value, dict):
        return {name: _with_named_options(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_named_options(each, key) for each in value]
    return name_options(value) if key in MESSAGE_KEYS and isinstance(value, str) else value


def result(done: Result) -> None:
    """Print a finished extraction."""
    statistics = done.statistics
    _lines(
        ("output", f"{done.output}  {size_text(done.output.stat().st_size)}"),
        ("grid", _grid(done.plan)),
        *_made_of(done.plan),
        *_found(done),
        *_origins(done),
        *_steps(done),
        *_lacking(done.plan),
        *_surveys(done.plan),
        ("received", _received(done)),
        ("took", f"{done.seconds:.1f} s"),
    )
    for tier, seam in zip(done.plan.tiers, done.seams, strict=False):
        if seam.max_step >= _LARGE_STEP:
            x, y = done.plan.grid.centre(*seam.max_step_pixel)
            log.warning(
                "At the edge of the tier %s heights step by %.2f m on average, by %.2f m at most, "
                "at %.10g,%.10g (%s).%s",
                tier.collection.name, seam.mean_step, seam.max_step, x, y, _crs(done.plan.grid),
                "" if done.plan.request.feather else " --feather METRES blends them.",
            )  # fmt: skip
    if statistics and statistics.valid < statistics.pixels:
        from hrdem.output.result import suggest_fill

        log.warning(
            "%s of the area has no data in %s; it is nodata in the output.%s",
            _percent(statistics.pixels - statistics.valid, statistics.pixels),
            " nor ".join(tier.id for tier in done.plan.request.tiers),
            f" {told}" if (told := suggest_fill(done.plan.request)) else "",
        )


def planned(planned: Plan, told: Estimate, as_json: bool) -> None:
    """Print a plan and its estimate."""
    if as_json:
        document({**planned.as_dict(), "estimate": told.as_dict()})
        return
    transfer = "unknown"
    if told.transfer_bytes is not None:
        most = "at most " if planned.request.fill else ""  # less if a tier leaves nothing empty
        transfer = f"{most}{size_text(told.transfer_bytes)} in {told.tiles} tiles"
        if told.cached_bytes:
            transfer += f"; {size_text(told.cached_bytes)} are in the cache"
    _lines(
        ("product", planned.request.product.title),
        ("tiers", "; ".join(tier.title for tier in planned.request.tiers)),
        ("area", planned.request.aoi.label),
        ("grid", _grid(planned)),
        *_made_of(planned),
        ("data", f"about {told.coverage_percent:.0f} % of the area"),
        ("transfer", transfer),
        ("output", f"at most about {size_text(told.output_bytes)}"),
        *(
            ("from", f"{item}  about {share:.0f} %")
            for item, share in told.coverage_by_item.items()
        ),
        *(("file", source.url) for source in planned.sources),
        *_offered(planned),
        *_lacking(planned),
        *_surveys(planned),
    )


def check(done: Check) -> None:
    """Print what was found, how it is, and what to do about it."""
    mark = "FAIL" if done.state == "fail" else done.state
    click.echo(for_terminal(f"{mark:<5} {done.name:<9} {done.found} ({done.seconds:.1f} s)"))
    if done.fix:
        click.echo(for_terminal(f"{'':<15} Fix: {done.fix}"))


def pictured(done: Picture) -> None:
    """Print a finished picture."""
    drawn = "drawn by the WMS"
    if done.reason:
        drawn = "drawn from overviews of the files"
    _lines(
        ("output", f"{done.output}  {size_text(done.output.stat().st_size)}"),
        ("picture", f"{done.layer.name}, {done.width} x {done.height} pixels, {done.crs}"),
        ("source", drawn),
    )


def table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        click.echo(printable(line.rstrip()))


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
            if progress.received_bytes:
                rate = progress.received_bytes / max(time.monotonic() - started, 0.1)
                received = f"{size_text(progress.received_bytes)}, {size_text(round(rate))}/s"
            bars.update(
                task, completed=progress.pixels, total=progress.total_pixels, received=received
            )

        yield update


def _lines(*lines: tuple[str, str]) -> None:
    for name, text in lines:
        click.echo(printable(f"{name:<9} {text}"))


def _grid(planned: Plan) -> str:
    grid = planned.grid
    return f"{grid.width} x {grid.height} pixels of {_length(grid)}, {_crs(grid)}"


def _made_of(planned: Plan) -> list[tuple[str, str]]:
    """What is read for pixels that are not the source's own."""
    lines = []
    for mosaic in planned.mosaics if planned.unprocessed is None else ():
        details = " and ".join(sorted({source.detail for source in mosaic.sources}))
        name = f"{mosaic.request.collection.name} {mosaic.request.product.name}: "
        if len(planned.mosaics) == 1:
            name = ""
        how = "as they are"
        if planned.is_resampled(mosaic):
            how = planned.request.resampling.value
        grid = mosaic.grid
        pixels = f"{grid.width} x {grid.height} pixels of {_length(grid)}, {_crs(grid)}"
        lines.append(("made of", f"{name}{pixels}, {details}; {how}"))
    return lines


def _length(grid: Grid) -> str:
    from hrdem.geo.crs import get_unit

    size, unit = grid.resolution[0], get_unit(grid.crs).name
    return f"{size:g} {'m' if unit == 'metre' else unit}"


def _crs(grid: Grid) -> str:
    return grid.crs if grid.crs.startswith("EPSG:") else grid.crs.split('"')[1]


def _found(done: Result) -> list[tuple[str, str]]:
    request, statistics = done.plan.request, done.statistics
    datum = f", {request.vertical_datum.value}" if request.product.is_height else ""
    if statistics is None:
        return [("values", f"blocks as they are in the source{datum}")]
    unit = {"metre": " m", "degree": "°", "percent": " %", "": ""}[request.unit]
    low, high = f"{statistics.minimum:.2f}", f"{statistics.maximum:.2f}"
    return [
        ("values", f"{low} to {high}{unit}, mean {statistics.mean:.2f}{unit}{datum}"),
        ("data", f"{_percent(statistics.valid, statistics.pixels)} of the area"),
    ]


def _origins(done: Result) -> list[tuple[str, str]]:
    if done.pixels_by_source is None or done.statistics is None:
        return [("from", source.name) for source in done.plan.sources]
    return [
        ("from", f"{item}  {_percent(owned, done.statistics.pixels)}")
        for item, owned in done.pixels_by_source.items()
    ]


def _received(done: Result) -> str:
    """What came, and from where."""
    told = "unknown" if done.received_bytes is None else size_text(done.received_bytes)
    return (
        f"{told}, and {size_text(done.cached_bytes)} from the cache" if done.cached_bytes else told
    )


def _steps(done: Result) -> list[tuple[str, str]]:
    """How far heights step where one tier ends and the next goes on."""
    lines = []
    for tier, seam in zip(done.plan.tiers, done.seams, strict=False):
        if seam.pixels:
            steps = f"steps of {seam.mean_step:.2f} on average, {seam.max_step:.2f} at most"
            lines.append(("edge", f"{tier.collection.name}: {steps}"))
    return lines


def _offered(planned: Plan) -> list[tuple[str, str]]:
    """What a WCS lists that is read from."""
    lists = dict.fromkeys(source.file.listed_coverages for source in planned.sources)
    return [("offered", f"{', '.join(names)} by the WCS") for names in lists if names]


def _lacking(planned: Plan) -> list[tuple[str, str]]:
    product = planned.request.product.name
    return [("lacking", f"{item} has no {product}") for item in planned.items_without_product]


def _surveys(planned: Plan) -> list[tuple[str, str]]:
    if planned.surveys is None:
        return []
    lines = []
    for survey in planned.surveys.found:
        project = survey.project
        dates = " to ".join(dict.fromkeys(filter(None, (project.first, project.last))))
        name = ", ".join(filter(None, (project.name or "without a name", dates)))
        lines.append(("survey", f"{name}: {100 * project.share:.3g} % of the area, {survey.item}"))
    told = {survey.item for survey in planned.surveys.found}
    told |= {each.item for each in planned.surveys.unknown}
    items = dict.fromkeys(item.id for source in planned.sources for item in source.items)
    lines += [
        ("survey", f"{item}: none is told under the area") for item in items if item not in told
    ]
    return lines + [("survey", f"{each.item}: {each.reason}") for each in planned.surveys.unknown]


def _percent(part: int, whole: int) -> str:
    """A share that says 0 and 100 only when it is exactly that."""
    share = 100 * part / whole
    if part and part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.4g} %"
