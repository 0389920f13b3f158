"""``hrdem extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hrdem.cli import options, service, show


@click.command("extract")
@options.area
@options.product
@options.tiers
@options.grid
@options.terrain
@options.service
@options.output
@options.layout
@options.overwrite
@options.max_memory
@options.max_download
@options.cache
@options.dry_run
@options.as_json
@options.reporting
def command(
    output: Path | None,
    format: str,  # noqa: A002 (the name of the option)
    overwrite: bool,
    max_memory: int,
    max_download: int,
    dry_run: bool,
    as_json: bool,
    kept: dict[str, Any],
    stac_url: str | None,
    wcs_url: str | None,
    demo: bool,
    **request: Any,
) -> None:
    """Extract an area as one local GeoTIFF, with the source's own pixels or on another grid.

    \b
      hrdem extract --bbox -75.72,45.40,-75.66,45.44 --product dtm -o ottawa.tif
    """
    if output is None and not dry_run:
        raise click.UsageError("Missing option '-o' / '--output': the GeoTIFF to write.")
    import hrdem

    with service.chosen(demo, stac_url=stac_url, wcs_url=wcs_url) as urls:
        if output is None or dry_run:
            planned = hrdem.plan(**request, **urls, **kept)
            show.planned(planned, hrdem.estimate(planned, **kept), as_json)
            return
        with show.progress(f"{request['product']} {output.name}") as on_progress:
            done = hrdem.extract(
                **request,
                output=output,
                format=format,
                overwrite=overwrite,
                max_memory=max_memory,
                max_download=max_download,
                **urls,
                **kept,
                on_progress=on_progress,
            )
    if as_json:
        show.document(done.as_dict())
    else:
        show.result(done)
