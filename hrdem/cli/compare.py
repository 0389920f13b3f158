"""``hrdem compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import survey_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.compare import RasterComparison


@click.command("compare", cls=options.Command)
@click.argument("a")
@click.argument("b")
@options.add(*survey_fields.COMPARE, options.DEMO, options.PROGRESS)
def command(*, a: str, b: str, demo: bool, json: bool, **params: Any) -> None:
    """Compare two rasters of heights on one lattice: B minus A.

    Two files, such as two editions; or, with an area, two surveys by name. Nothing is resampled:
    files on different lattices are refused. Positive differences mean that B is higher.

    \b
      hrdem compare 2016.tif 2023.tif -o difference.tif
      hrdem compare BC-Lower_Mainland_2016 BC-Lower_Mainland_2022 --nts 092G03 -o difference.tif
    """
    import hrdem

    with (
        service.resolve_demo(params, demo=demo) as resolved,
        show.progress(f"compare {b}") as on_progress,
    ):
        done = hrdem.compare(a, b, on_progress=on_progress, **resolved)
    if json:
        show.document(done.as_dict())
    else:
        _show(done)


def _show(done: RasterComparison) -> None:
    if done.output is not None:
        show.lines(("output", f"{done.output}  {format_size(done.output.stat().st_size)}"))
    if done.quicklook is not None:
        show.lines(("picture", f"{done.quicklook}  {format_size(done.quicklook.stat().st_size)}"))
    counts = done.counts
    shares = f"{counts.only_a:,} only in A, {counts.only_b:,} only in B"
    show.lines(
        ("difference", f"{done.b.path.name} minus {done.a.path.name}"),
        ("grid", show.describe_grid(done.grid)),
        ("compared", f"{counts.both:,} pixels with a height in both, {shares}"),
        *show.describe_differences(done.differences),
    )
