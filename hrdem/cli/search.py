"""``hrdem search``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import NoDataError
from hrdem.request import fields


@click.command("search", cls=options.Command)
@options.add(*fields.SEARCH, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> None:
    """List the catalogue's items that intersect an area, and their assets.

    An item covers a whole 500 km tile, so it need not have pixels in the area.

    \b
      hrdem search --bbox -75.72,45.40,-75.66,45.44
    """
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        items = hrdem.search(**resolved)
    if not items:
        name = params["collection"]
        other = "" if name == "30m" else " Try `collection=30m`, which covers all of Canada."
        raise NoDataError(f"The catalogue has no item of {name} in the area.{other}")
    if json:
        show.document({"items": [item.as_dict() for item in items]})
        return
    show.table(
        (item.id, f"updated {item.updated[:10]}", " ".join(asset.key for asset in item.assets))
        for item in items
    )
