"""``hrdem legacy compare``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import legacy_fields
from hrdem.runtime.byte_sizes import format_size

if TYPE_CHECKING:
    from hrdem.legacy.comparison import Comparison, FileDifferences

MAX_LISTED_FILES = 20

log = logging.getLogger(__name__)


@click.command("compare", cls=options.Command)
@click.argument("inputs", nargs=-1, required=True)
@options.add(*legacy_fields.COMPARE, options.DEMO, options.PROGRESS)
def command(*, inputs: tuple[str, ...], demo: bool, json: bool, **params: Any) -> int:
    """Write HRDEM minus older DEMs, on their nodes: .dem and .asc files, zips, and folders.

    HRDEM is brought to the horizontal datum of the files and to CGVD28 before it is subtracted.
    Positive differences mean that HRDEM is higher.

    \b
      hrdem legacy compare 031k01.zip -o difference.tif
    """
    import hrdem

    with (
        service.resolve_demo(params, demo=demo) as resolved,
        show.progress(f"compare {params['output'].name}") as on_progress,
    ):
        done = hrdem.legacy_compare(inputs, on_progress=on_progress, **resolved)
    if json:
        show.document(done.as_dict())
    else:
        _show(done)
    _warn(done)
    return show.exit_code(complete=not done.plan.gaps)


def _show(done: Comparison) -> None:
    written = ", not written"
    if done.estimate is None:
        written = f"  {format_size(done.output.stat().st_size)}"
    show.lines(
        ("output", f"{done.output}{written}"),
        ("grid", show.describe_grid(done.grid)),
        *(("older", name) for name in _shorten([each.file.label for each in done.rasters])),
    )
    if done.estimate is not None:
        show.reading(done.plan, done.estimate)
        return
    counts = done.counts
    assert done.differences is not None
    show.lines(
        ("compared", f"{counts.compared:,} of {counts.old:,} nodes with a height"),
        *show.describe_differences(done.differences),
        *_describe_files(done.by_file),
        *(("source", source.name) for source in done.plan.sources),
        ("download", show.downloaded(done.transfer.received_bytes, done.transfer.cached_bytes)),
        ("time", f"{done.transfer.seconds:.1f} s"),
    )


def _shorten(names: list[str]) -> list[str]:
    more = len(names) - MAX_LISTED_FILES
    return [*names[:MAX_LISTED_FILES], *([f"{more:,} more"] if more > 0 else [])]


def _describe_files(by_file: tuple[FileDifferences, ...]) -> list[tuple[str, str]]:
    rows = []
    for each in by_file[:MAX_LISTED_FILES]:
        found = each.statistics
        spread = f"mean {found.mean:z.2f} m, standard deviation {found.standard_deviation:z.2f}"
        rows.append(("file", f"{each.label}: {spread if found.valid else 'nothing to compare'}"))
    return rows


def _warn(done: Comparison) -> None:
    if done.unequal_nodes:
        log.warning(
            "%s nodes that files share have unequal heights, by at most %g m.",
            f"{done.unequal_nodes:,}",
            done.largest_inequality,
        )
    if done.void_zeros and not done.zero_is_void:
        log.warning(
            "%s nodes are 0 in files of the standard of 2000 that have no void: they may be sea, "
            "or no data. `zero_is_void=True` leaves them out.",
            f"{done.void_zeros:,}",
        )
    if done.counts.without_shift:
        log.warning(
            "%s nodes were left out, because the grid of shifts between CGVD2013 and CGVD28 has no "
            "value there.",
            f"{done.counts.without_shift:,}",
        )
