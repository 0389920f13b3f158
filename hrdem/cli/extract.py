"""``hrdem extract``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.cli.progress import ProgressForm
from hrdem.request import fields
from hrdem.request.signature import select


@click.command("extract", cls=options.Command)
@options.add(*options.EXTRACT, options.DRY_RUN, options.DEMO, options.PROGRESS)
def command(*, dry_run: bool, demo: bool, json: bool, progress: str, **params: Any) -> int:
    """Extract an area as one local GeoTIFF.

    The pixels are those of the source, unless a grid or a vertical datum is requested. hrdem tile
    takes several areas, a file for each, and areas that are too large for one file.

    \b
      hrdem extract --bbox -75.72,45.40,-75.66,45.44 --product dtm -o ottawa.tif
    """
    output = params["output"]
    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output': the GeoTIFF to write.")
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        if dry_run:
            return show.plan_and_estimate(select(resolved, fields.PLAN), as_json=json)
        label = f"{params['product']} {output.name}"
        with show.progress(label, ProgressForm(progress)) as on_progress:
            result = hrdem.extract(**resolved, on_progress=on_progress)
    show.warn_of_steps_and_nodata(result)
    if json:
        show.document(result.as_dict())
    else:
        show.result(result)
    return show.exit_code(complete=result.complete)
