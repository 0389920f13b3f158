"""``hrdem compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.request import survey_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.compare import RasterComparison


@click.command("compare", cls=options.Command)
@click.argument("a")
@click.argument("b")
@options.add(*survey_fields.COMPARE)
def command(*, a: str, b: str, json: bool, **params: Any) -> None:
    """Compare two rasters of heights on one lattice: B minus A.

    Two surveys, two editions, or any two files. Nothing is resampled: files on different lattices
    are refused. Positive differences mean that B is higher.

    \b
      hrdem compare 2016.tif 2023.tif
      hrdem compare 2016.tif 2023.tif -o difference.tif
    """
    import hrdem

    with show.progress(f"compare {b}") as on_progress:
        done = hrdem.compare(a, b, on_progress=on_progress, **params)
    if json:
        show.document(done.as_dict())
    else:
        _show(done)


def _show(done: RasterComparison) -> None:
    if done.output is not None:
        show.lines(("output", f"{done.output}  {format_size(done.output.stat().st_size)}"))
    counts = done.counts
    shares = f"{counts.only_a:,} only in A, {counts.only_b:,} only in B"
    show.lines(
        ("difference", f"{done.b.path.name} minus {done.a.path.name}"),
        ("grid", show.describe_grid(done.grid)),
        ("compared", f"{counts.both:,} pixels with a height in both, {shares}"),
        *show.describe_differences(done.differences),
    )
