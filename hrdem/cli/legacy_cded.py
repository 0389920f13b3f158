"""``hrdem legacy cded``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import legacy_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.legacy_cded import CdedSet
    from hrdem.legacy.cded.coverage import CellCoverage


@click.command("cded", cls=options.Command)
@options.add(*legacy_fields.CDED, options.DEMO, options.PROGRESS)
def command(*, dry_run: bool, demo: bool, json: bool, **params: Any) -> int:
    """Make Canadian Digital Elevation Data 2.1: two cells for each NTS sheet, in one zip.

    Cells are USGS DEM files of 1201 x 1201 whole metres in CGVD28. The shares of void are printed
    before anything is written.

    \b
      hrdem legacy cded --nts 031K01,031K02 -o cded
    """
    import hrdem

    def report(coverage: CellCoverage) -> None:
        if not json:
            show.lines(("void", _describe_void(coverage)))

    with service.resolve_demo(params, demo=demo) as resolved:
        label = f"CDED {params['nts']}"
        with show.progress(label) as on_progress:
            sets = hrdem.legacy_cded(
                **resolved, dry_run=dry_run, on_progress=on_progress, on_coverage=report
            )
    if json:
        show.document({"sets": [each.as_dict() for each in sets]})
    else:
        for each in sets:
            _show_set(each)
    return show.exit_code(complete=not any(each.plan.gaps for each in sets))


def _describe_void(coverage: CellCoverage) -> str:
    share = show.percent(coverage.void, coverage.nodes)
    text = f"{coverage.cell.sheet.name} {coverage.name}: {share} of the nodes"
    if coverage.outside is None or not coverage.void:
        return text
    outside = show.percent(coverage.outside, coverage.nodes)
    inside = show.percent(coverage.void - coverage.outside, coverage.nodes)
    return f"{text}, {outside} outside Canada and {inside} inside"


def _show_set(cded: CdedSet) -> None:
    from hrdem.legacy.cded.cells import get_spacing

    if cded.estimate is not None:
        size = format_size(cded.estimate.output_bytes)
        show.lines(("output", f"{cded.output}, not written, {size}"))
    elif cded.output.is_file():
        show.lines(("output", f"{cded.output}  {format_size(cded.output.stat().st_size)}"))
    else:
        show.lines(("output", str(cded.output)))
    x, y = get_spacing(cded.sheet)
    show.lines(
        *(("file", name) for name in cded.files),
        ("sheet", f"{cded.sheet.name}, 1:{cded.sheet.scale:,}, nodes every {x:g} by {y:g} seconds"),
    )
    if cded.estimate is not None:
        show.reading(cded.plan, cded.estimate)
    else:
        low, high = cded.height_range
        show.lines(
            ("values", f"{low} to {high} m, CGVD28"),
            *(("water", text) for text in (cded.lakes.describe() if cded.lakes else ())),
            *(("source", source.name) for source in cded.plan.sources),
            ("download", show.downloaded(cded.transfer.received_bytes, cded.transfer.cached_bytes)),
            ("time", f"{cded.transfer.seconds:.1f} s"),
        )
