"""``hrdem extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.request import fields
from hrdem.request.output_names import is_pattern, split_products
from hrdem.request.signature import select


@click.command("extract", cls=options.Command)
@options.add(*options.EXTRACT, options.DRY_RUN, options.DEMO, options.PROGRESS)
def command(*, dry_run: bool, demo: bool, json: bool, **params: Any) -> int:
    """Extract an area as one local GeoTIFF, or as one for each of several products.

    The pixels are those of the source, unless a grid or a vertical datum is requested. hrdem tile
    takes several areas, a file for each, and areas that are too large for one file.

    \b
      hrdem extract --bbox -75.72,45.40,-75.66,45.44 --product dtm -o ottawa.tif
      hrdem extract --nts 031G05 --product dtm,dtm-slope,chm -o ottawa/
    """
    output = params["output"]
    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output': the GeoTIFF to write.")
    several = "," in params["product"] or (output is not None and is_pattern(output))
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        if dry_run and several:
            names = split_products(params["product"])
            plans = [select(resolved, fields.PLAN) | {"product": name} for name in names]
            return show.plans_and_estimates(plans, as_json=json)
        if dry_run:
            return show.plan_and_estimate(select(resolved, fields.PLAN), as_json=json)
        label = f"{params['product']} {Path(output).name}"
        with show.progress(label) as on_progress:
            if several:
                results = hrdem.extract_products(**resolved, on_progress=on_progress)
            else:
                results = [hrdem.extract(**resolved, on_progress=on_progress)]
    for result in results:
        show.warn_of_steps_and_nodata(result)
    if json and several:
        show.document({"outputs": [result.as_dict() for result in results]}, "extract-products")
    elif json:
        show.document(results[0].as_dict())
    else:
        for result in results:
            show.result(result)
    return show.exit_code(complete=all(result.complete for result in results))
