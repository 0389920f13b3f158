"""Print results as aligned text, or as a document, and warn of what they lack."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli.documents import document as document  # noqa: PLC0414 (commands call it here)
from hrdem.cli.messages import for_terminal
from hrdem.cli.progress import progress as progress  # noqa: PLC0414
from hrdem.errors import ExitCode
from hrdem.request import service_fields
from hrdem.request.signature import select
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.text import escape_unprintable

if TYPE_CHECKING:
    from hrdem.geo.grid import Grid
    from hrdem.jobs.doctor import Check
    from hrdem.jobs.preview import Picture
    from hrdem.output.result import Result
    from hrdem.planning.estimate import Estimate
    from hrdem.planning.plan import Plan
    from hrdem.processing.differences import Differences

MIN_REPORTED_STEP_METRES = 1.0

log = logging.getLogger(__name__)


def result(result: Result) -> None:
    """Print what an extraction wrote."""
    if result.unchanged:
        lines(
            ("output", f"{result.output}  {format_size(result.output.stat().st_size)}"),
            ("unchanged", "same request, same sources in the same versions: nothing to do"),
            *_beside_lines(result),
        )
        return
    lines(
        ("output", f"{result.output}  {format_size(result.output.stat().st_size)}"),
        *_beside_lines(result),
        ("grid", describe_grid(result.plan.grid)),
        *_mosaic_lines(result.plan),
        *_value_lines(result),
        *_source_lines(result),
        *_overlap_lines(result.plan),
        *_seam_lines(result),
        *_missing_lines(result.plan),
        *_gap_lines(result.gaps_as_dict()),
        *_survey_lines(result.plan),
        ("download", downloaded(result.received_bytes, result.cached_bytes)),
        ("time", f"{result.seconds:.1f} s"),
    )


def _beside_lines(result: Result) -> list[tuple[str, str]]:
    layers = [("layer", path) for path in result.layers]
    picture = [("picture", result.quicklook)] if result.quicklook else []
    return [
        (name, f"{path}  {format_size(path.stat().st_size)}") for name, path in layers + picture
    ]


def warn_of_steps_and_nodata(result: Result) -> None:
    """Warn of what an extraction left to its reader: steps at seams, pixels without data."""
    for tier, seam in zip(result.plan.tiers, result.seams, strict=False):
        if seam.max_step >= MIN_REPORTED_STEP_METRES:
            grid = result.plan.grid
            x, y = grid.centre(*seam.max_step_pixel)
            log.warning(
                "At the seam of %s heights step by %.2f m on average, and by %.2f m at most, at "
                "%.10g,%.10g (%s).%s",
                tier.collection.name, seam.mean_step, seam.max_step, x, y, _crs_name(grid),
                "" if result.plan.request.feather else " `feather=METRES` blends them.",
            )  # fmt: skip
    statistics = result.statistics
    if statistics and statistics.valid < statistics.pixels:
        from hrdem.request.advice import suggest_fill

        log.warning(
            "%s of the area has no data in %s and is nodata in the output.%s",
            percent(statistics.pixels - statistics.valid, statistics.pixels),
            " or ".join(tier.id for tier in result.plan.request.tiers),
            f" {hint}" if (hint := suggest_fill(result.plan.request)) else "",
        )


def plan_and_estimate(params: dict[str, Any], *, as_json: bool) -> ExitCode:
    """Make a plan and its estimate, and print both; return the exit code."""
    import hrdem

    plan = hrdem.plan(**params)
    estimate = hrdem.estimate(plan, **select(params, service_fields.CACHE))
    if as_json:
        document(_plan_as_dict(plan, estimate), "plan")
    else:
        _print_plan(plan, estimate)
    return exit_code(complete=not plan.gaps)


def plans_and_estimates(products: Sequence[dict[str, Any]], *, as_json: bool) -> ExitCode:
    """Do the same for several products, each as if it were alone."""
    import hrdem

    plans = [hrdem.plan(**params) for params in products]
    cache = select(products[0], service_fields.CACHE)
    estimates = [hrdem.estimate(plan, **cache) for plan in plans]
    if as_json:
        document({"outputs": [*map(_plan_as_dict, plans, estimates)]}, "plan-products")
    else:
        for plan, estimate in zip(plans, estimates, strict=True):
            _print_plan(plan, estimate)
    return exit_code(complete=not any(plan.gaps for plan in plans))


def _plan_as_dict(plan: Plan, estimate: Estimate) -> dict[str, Any]:
    return {**plan.as_dict(), "estimate": estimate.as_dict()}


def _print_plan(plan: Plan, estimate: Estimate) -> None:
    lines(
        ("product", plan.request.product.title),
        ("collection", "; ".join(tier.title for tier in plan.request.tiers)),
        ("area", plan.request.aoi.label),
        ("grid", describe_grid(plan.grid)),
        ("output", f"at most about {format_size(estimate.output_bytes)}"),
    )
    reading(plan, estimate)


def reading(plan: Plan, estimate: Estimate) -> None:
    """Print what a plan reads."""
    download = "unknown"
    if estimate.transfer_bytes is not None:
        most = "at most " if plan.request.fill else ""  # less if a tier leaves nothing empty
        download = f"{most}{format_size(estimate.transfer_bytes)} in {estimate.tiles} tiles"
        if estimate.cached_bytes:
            download += f"; {format_size(estimate.cached_bytes)} are cached"
    lines(
        *_mosaic_lines(plan),
        ("coverage", f"about {estimate.coverage_percent:.0f} % of the area"),
        ("download", download),
        *(
            ("source", f"{item}  about {share:.0f} % of the area")
            for item, share in estimate.coverage_percent_by_item.items()
        ),
        *(("file", source.url) for source in plan.sources),
        *_overlap_lines(plan),
        *_wcs_lines(plan),
        *_missing_lines(plan),
        *_gap_lines(plan.gaps_as_dict()),
        *_survey_lines(plan),
    )


def exit_code(*, complete: bool) -> ExitCode:
    """Return the exit code of a finished command."""
    return ExitCode.COMPLETE if complete else ExitCode.INCOMPLETE


def check(check: Check) -> None:
    """Print the state of a check, what it found, and the fix for a problem."""
    state = "FAIL" if check.state == "fail" else check.state
    click.echo(for_terminal(f"{state:<5} {check.name:<9} {check.found} ({check.seconds:.1f} s)"))
    if check.fix:
        click.echo(for_terminal(f"{'':<15} Fix: {check.fix}"))


def picture(picture: Picture) -> None:
    """Print what a preview wrote."""
    size = f"{picture.width} x {picture.height} pixels"
    lines(
        ("output", f"{picture.output}  {format_size(picture.output.stat().st_size)}"),
        ("picture", f"{picture.layer.name}, {size}, {picture.crs}"),
        ("drawn by", "hrdem, from overviews of the COGs" if picture.reason else "the WMS"),
    )


def table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        click.echo(escape_unprintable(line.rstrip()))


def lines(*rows: tuple[str, str]) -> None:
    """Print rows of a name and a text."""
    for name, text in rows:
        click.echo(escape_unprintable(f"{name:<10} {text}"))


def describe_grid(grid: Grid) -> str:
    from hrdem.geo.crs import get_unit

    (dx, dy), unit = grid.resolution, get_unit(grid.crs).name
    size = f"{dx:g}" if f"{dx:g}" == f"{dy:g}" else f"{dx:g} x {dy:g}"
    pixel = f"{size} {'m' if unit == 'metre' else unit}"
    return f"{grid.width} x {grid.height} pixels of {pixel}, {_crs_name(grid)}"


def _crs_name(grid: Grid) -> str:
    return grid.crs if grid.crs.startswith("EPSG:") else grid.crs.split('"')[1]


def describe_differences(found: Differences) -> list[tuple[str, str]]:
    """Describe differences in metres, of which there is at least one."""
    statistics, largest = found.statistics, found.largest
    assert largest is not None
    low, median, high = found.percentiles
    return [
        (
            "mean",
            f"{statistics.mean:z.2f} m, standard deviation {statistics.standard_deviation:z.2f}",
        ),
        ("median", f"{median:z.2f} m; 5 % are below {low:z.2f}, 5 % above {high:z.2f}"),
        ("largest", f"{largest.metres:z.2f} m, at {largest.x:.10g},{largest.y:.10g}"),
    ]


def _mosaic_lines(plan: Plan) -> list[tuple[str, str]]:
    """Describe what is read, if the output is not simply a copy of it."""
    lines = []
    for mosaic in plan.staged_mosaics:
        details = " and ".join(sorted({source.detail for source in mosaic.sources}))
        name = f"{mosaic.query.collection.name} {mosaic.query.product.name}: "
        if len(plan.mosaics) == 1:
            name = ""
        method = plan.request.resampling.value if plan.is_resampled(mosaic) else "not resampled"
        lines.append(("mosaic", f"{name}{describe_grid(mosaic.grid)}, {details}; {method}"))
    return lines


def _value_lines(result: Result) -> list[tuple[str, str]]:
    request, statistics = result.plan.request, result.statistics
    datum = f", {request.vertical_datum.value}" if request.product.is_height else ""
    if statistics is None:
        how = "read from the source by the program that opens the VRT"
        if result.output.suffix.lower() != ".vrt":
            how = "blocks copied from the source"
        return [("values", f"{how}{datum}")]
    unit = {"metre": " m", "degree": "°", "percent": " %", "": ""}[request.unit]
    low, high = f"{statistics.minimum:.2f}", f"{statistics.maximum:.2f}"
    return [
        ("values", f"{low} to {high}{unit}, mean {statistics.mean:.2f}{unit}{datum}"),
        ("coverage", f"{percent(statistics.valid, statistics.pixels)} of the area"),
    ]


def _source_lines(result: Result) -> list[tuple[str, str]]:
    if result.pixels_by_source is None or result.statistics is None:
        return [("source", source.name) for source in result.plan.sources]
    return [
        ("source", f"{item}  {percent(pixels, result.statistics.pixels)}")
        for item, pixels in result.pixels_by_source.items()
    ]


def downloaded(received_bytes: int | None, cached_bytes: int) -> str:
    """Describe what was fetched, and what came from the cache."""
    received = "unknown" if received_bytes is None else format_size(received_bytes)
    return (
        f"{received}, and {format_size(cached_bytes)} from the cache" if cached_bytes else received
    )


def _seam_lines(result: Result) -> list[tuple[str, str]]:
    """Describe the steps in height where one tier ends and the next begins."""
    lines = []
    for tier, seam in zip(result.plan.tiers, result.seams, strict=False):
        if seam.pixels:
            steps = f"steps of {seam.mean_step:.2f} on average, {seam.max_step:.2f} at most"
            lines.append(("seam", f"{tier.collection.name}: {steps}"))
    return lines


def _wcs_lines(plan: Plan) -> list[tuple[str, str]]:
    """List the coverages of the WCS that is read."""
    lists = dict.fromkeys(source.file.listed_coverages for source in plan.sources)
    return [("WCS", f"lists {', '.join(names)}") for names in lists if names]


def _overlap_lines(plan: Plan) -> list[tuple[str, str]]:
    """Describe which source wins where two overlap."""
    reasons = {
        "datetime": "its newest survey is newer",
        "updated": "it was published later",
        "created": "it was first published later",
        "kind": "files win over the WCS",
        "name": "the catalogue has no date that differs",
    }
    return [
        ("overlap", f"{each.first} over {each.second}: {reasons[each.decided_by]}")
        for each in plan.overlaps
    ]


def _missing_lines(plan: Plan) -> list[tuple[str, str]]:
    product = plan.request.product.name
    return [("missing", f"{item} has no {product}") for item in plan.items_without_product]


def _gap_lines(gaps: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Describe files that were left out: which, how much of the area, and where."""
    lines = []
    for gap in gaps:
        share = f"{gap['percent']:.4g} % of the area"
        if "nodata_pixels" in gap:
            share += f", {gap['nodata_pixels']:,} of its {gap['pixels']:,} pixels are nodata"
        box = ",".join(f"{edge:.10g}" for edge in gap["bounds"])
        lines.append(("gap", f"{gap['item']} {gap['product']}: {share}, in {box} (EPSG:3979)"))
    return lines


def _survey_lines(plan: Plan) -> list[tuple[str, str]]:
    if plan.surveys is None:
        return []
    lines = []
    for survey in plan.surveys.found:
        project = survey.project
        dates = " to ".join(dict.fromkeys(filter(None, (project.first, project.last))))
        name = ", ".join(filter(None, (project.name or "without a name", dates)))
        lines.append(("survey", f"{name}: {100 * project.share:.3g} % of the area, {survey.item}"))
    known = {survey.item for survey in plan.surveys.found}
    known |= {each.item for each in plan.surveys.unknown}
    items = dict.fromkeys(item.id for source in plan.sources for item in source.items)
    lines += [("survey", f"{item}: none under the area") for item in items if item not in known]
    return lines + [("survey", f"{each.item}: {each.reason}") for each in plan.surveys.unknown]


def percent(part: int, whole: int) -> str:
    """Return a share that is 0 or 100 only if it is exact."""
    share = 100 * part / whole
    if part and part < whole:
        share = min(max(share, 0.01), 99.99)
    return f"{share:.4g} %"
