"""``hrdem profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.request import points_fields

if TYPE_CHECKING:
    from hrdem.jobs.make_profile import Profile


@click.command("profile", cls=options.Command)
@click.argument("line")
@options.add(*points_fields.PROFILE, options.DEMO, options.PROGRESS)
def command(*, line: str, demo: bool, json: bool, **params: Any) -> int:
    """Sample heights, or another product, along a line.

    LINE is a vector file with one line, WKT, GeoJSON, or - for GeoJSON on standard input. Each row
    has the distance on the ground, the coordinates, the value, its source, and, for heights, the
    slope along the line. A .png is a plot.

    \b
      hrdem profile road.geojson --product dtm --spacing 10 -o road.csv
      hrdem profile "LINESTRING(-75.72 45.41, -75.68 45.43)" --product dtm -o line.png
    """
    import hrdem

    prints = params["output"] is None and not json
    with service.resolve_demo(params, demo=demo) as resolved, show.progress("profile") as bar:
        profile = hrdem.profile(line, print_rows=prints, on_progress=bar, **resolved)
    if json:
        show.document(profile.as_dict())
    elif not prints:
        _show(profile)
    return show.exit_code(complete=profile.samples.complete)


def _show(profile: Profile) -> None:
    samples = profile.samples
    rows = [
        ("output", str(profile.output)),
        ("length", f"{profile.distance[-1]:,.1f} m"),
        ("points", f"{len(samples.values):,}"),
        ("sampled", f"{samples.sampled:,}"),
    ]
    show.lines(*rows, ("time", f"{samples.seconds:.1f} s"))
