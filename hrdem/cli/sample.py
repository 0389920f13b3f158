"""``hrdem sample``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.cli.documents import document
from hrdem.cli.progress import progress
from hrdem.request import points_fields

if TYPE_CHECKING:
    from hrdem.points.samples import Samples


@click.command("sample", cls=options.Command)
@click.argument("points", required=False)
@options.add(options.SAMPLE_POINT, *points_fields.SAMPLE, options.DEMO, options.PROGRESS)
def command(
    *, points: str | None, point: tuple[float, ...] | None, demo: bool, json: bool, **params: Any
) -> int:
    """Sample heights, or another product, at points.

    POINTS is a CSV file with a header, a vector file of points, or - for CSV or GeoJSON on standard
    input. The output has the same rows, with the value, its source and its vertical datum. Points
    without data have empty cells.

    \b
      hrdem sample wells.csv --product dtm -o wells-with-heights.csv
      hrdem sample --point -75.70,45.42 --product dtm
    """
    if (points is None) == (point is None):
        raise click.UsageError("Give either POINTS, a file or -, or --point LON,LAT.")
    import hrdem

    prints = params["output"] is None and not json
    with service.resolve_demo(params, demo=demo) as resolved, progress("sample") as bar:
        source = [point] if points is None else points
        samples = hrdem.sample(source, print_rows=prints, on_progress=bar, **resolved)
    if json:
        rows = [] if samples.output else _list_rows(samples)
        document({**samples.as_dict(), "values": rows})
    elif not prints:
        _show(samples)
    return show.exit_code(complete=samples.complete)


def _list_rows(samples: Samples) -> list[dict[str, Any]]:
    columns = samples.columns()
    texts = (column.tolist() for column in columns.values())
    return [
        {name: _to_json(value) for name, value in zip(columns, row, strict=True)}
        for row in zip(*texts, strict=True)
    ]


def _to_json(value: float | str) -> float | str | None:
    """Return a cell for JSON: None where it is empty."""
    return None if value == "" or (isinstance(value, float) and math.isnan(value)) else value


def _show(samples: Samples) -> None:
    count = len(samples.values)
    rows = [
        ("output", str(samples.output)),
        ("points", f"{count:,}"),
        ("sampled", f"{samples.sampled:,}"),
    ]
    if left := count - samples.sampled - samples.outside:
        rows.append(("no data", f"{left:,}"))
    if samples.outside:
        rows.append(("outside", f"{samples.outside:,} outside Canada or without coordinates"))
    show.lines(*rows, ("time", f"{samples.seconds:.1f} s"))
