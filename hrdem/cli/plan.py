"""``hrdem plan``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show


@click.command("plan")
@options.area
@options.product
@options.tiers
@options.grid
@options.terrain
@options.service
@options.cache
@options.as_json
@options.reporting
def command(
    as_json: bool,
    kept: dict[str, Any],
    stac_url: str | None,
    wcs_url: str | None,
    demo: bool,
    **request: Any,
) -> None:
    """Tell what extract would read and write, without reading the pixels.

    Coverage and transfer are estimates, from overviews and a few blocks.

    \b
      hrdem plan --bbox -75.72,45.40,-75.66,45.44 --product dtm
    """
    import hrdem

    with service.chosen(demo, stac_url=stac_url, wcs_url=wcs_url) as urls:
        planned = hrdem.plan(**request, **urls, **kept)
        show.planned(planned, hrdem.estimate(planned, **kept), as_json)
