"""``hrdem search``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import NoDataError


@click.command("search")
@options.area
@options.collection
@options.stac_url
@options.demo
@options.cache
@options.as_json
@options.reporting
def command(
    as_json: bool, stac_url: str | None, demo: bool, kept: dict[str, Any], **request: Any
) -> None:
    """List the catalogue's items that share an area with another, and their assets.

    An item is a whole 500 km tile: that it is listed does not mean that there are pixels.

    \b
      hrdem search --bbox -75.72,45.40,-75.66,45.44
    """
    import hrdem

    with service.chosen(demo, stac_url=stac_url) as urls:
        items = hrdem.search(**request, **urls, **kept)
    if not items:
        raise NoDataError(
            "The catalogue has no item there. Check the order west,south,east,north, or try "
            "another --collection."
        )
    if as_json:
        show.document({"items": [item.as_dict() for item in items]})
        return
    show.table(
        (item.id, f"updated {item.updated[:10]}", " ".join(asset.key for asset in item.assets))
        for item in items
    )
