"""``hrdem legacy convert``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, show
from hrdem.request import legacy_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.jobs.legacy_convert import Conversion

MAX_LISTED_INPUTS = 20

log = logging.getLogger(__name__)


@click.command("convert", cls=options.Command)
@click.argument("inputs", nargs=-1, required=True)
@options.add(*legacy_fields.CONVERT, options.PROGRESS)
def command(*, inputs: tuple[str, ...], json: bool, **params: Any) -> None:
    """Convert older DEMs to one GeoTIFF: .dem and .asc files, zips of them, and folders.

    Files are merged on their common nodes; nothing is resampled. CDED, the DEMs of British Columbia
    and those of the USGS are read.

    \b
      hrdem legacy convert 031k01.zip 031k02.zip -o old.tif
    """
    import hrdem

    with show.progress(f"convert {params['output'].name}") as on_progress:
        done = hrdem.legacy_convert(inputs, on_progress=on_progress, **params)
    if json:
        show.document(done.as_dict())
    else:
        _show(done)
    _warn(done)


def _show(done: Conversion) -> None:
    first, files = done.rasters[0], [raster.file.label for raster in done.rasters]
    more = len(files) - MAX_LISTED_INPUTS
    if done.statistics is None:
        show.lines(("output", f"{done.output}, not written"))
    else:
        show.lines(("output", f"{done.output}  {format_size(done.output.stat().st_size)}"))
    show.lines(
        ("grid", show.describe_grid(done.grid)),
        ("pixels", f"{first.theme}, {first.unit}, {done.vertical_datum or 'datum unknown'}"),
        *(("input", name) for name in files[:MAX_LISTED_INPUTS]),
        *([("input", f"{more:,} more")] if more > 0 else []),
    )
    statistics = done.statistics
    if statistics is not None:
        values = "all nodata"
        if statistics.valid:
            nodes = done.grid.window.pixels
            void = show.percent(nodes - statistics.valid, nodes)
            values = f"{statistics.minimum:g} to {statistics.maximum:g}, nodata {void}"
        show.lines(("values", values), ("time", f"{done.seconds:.1f} s"))


def _warn(done: Conversion) -> None:
    if done.unequal_nodes:
        log.warning(
            "%s nodes that files share have unequal values, by at most %g.",
            f"{done.unequal_nodes:,}", done.largest_difference,
        )  # fmt: skip
    if done.void_zeros and not done.zero_is_void:
        log.warning(
            "%s nodes are 0 in files of the standard of 2000 that have no void: they may be sea, "
            "or no data. `zero_is_void=True` makes them nodata.", f"{done.void_zeros:,}",
        )  # fmt: skip
