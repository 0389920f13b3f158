"""``hrdem legacy bc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import legacy_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.legacy_bc import BcSet
    from hrdem.legacy.bc.coverage import BcCoverage


@click.command("bc", cls=options.Command)
@options.add(*legacy_fields.BC, options.DEMO, options.PROGRESS)
def command(*, dry_run: bool, demo: bool, json: bool, **params: Any) -> int:
    """Make British Columbia's Gridded DEM 2.0: 26 files for each NTS block, in one folder.

    Heights, slope, aspect and hillshades in pixels of 25 m, in BC Albers and in UTM; heights are
    whole metres in CGVD28. The share of void is printed before files are written.

    \b
      hrdem legacy bc --nts 104P -o bc
    """
    import hrdem

    def report(coverage: BcCoverage) -> None:
        if not json:
            show.lines(("void", _describe_void(coverage)))

    with service.resolve_demo(params, demo=demo) as resolved:
        label = f"BC {params['nts']}"
        with show.progress(label) as on_progress:
            sets = hrdem.legacy_bc(
                **resolved, dry_run=dry_run, on_progress=on_progress, on_coverage=report
            )
    if json:
        show.document({"sets": [each.as_dict() for each in sets]})
    else:
        for each in sets:
            _show_set(each)
    return show.exit_code(complete=not any(each.plan.gaps for each in sets))


def _describe_void(coverage: BcCoverage) -> str:
    from hrdem.legacy.bc.blocks import Projection

    share = show.percent(coverage.void, coverage.pixels)
    whole = "the block" if coverage.projection is Projection.ALBERS else "the rectangle"
    return f"{coverage.block.sheet.name} {coverage.projection}: {share} of {whole}"


def _show_set(bc: BcSet) -> None:
    if bc.estimate is not None:
        size = format_size(bc.estimate.output_bytes)
        show.lines(("output", f"{bc.output}, not written, at most {size}"))
    else:
        size = format_size(sum((bc.output / name).stat().st_size for name in bc.files))
        show.lines(("output", f"{bc.output}  {size}"))
    show.lines(*(("file", name) for name in bc.files))
    if bc.estimate is not None:
        show.reading(bc.plan, bc.estimate)
    else:
        show.lines(
            *(("water", text) for text in (bc.lakes.describe() if bc.lakes else ())),
            *(("source", source.name) for source in bc.plan.sources),
            ("download", show.downloaded(bc.transfer.received_bytes, bc.transfer.cached_bytes)),
            ("time", f"{bc.transfer.seconds:.1f} s"),
        )
