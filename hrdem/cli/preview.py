"""``hrdem preview``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show
from hrdem.request import fields


@click.command("preview", cls=options.Command)
@options.add(*fields.PREVIEW, options.DEMO)
def command(*, demo: bool, json: bool, **params: Any) -> None:
    """Draw an area as a PNG, for a quick look before an extraction.

    The WMS draws it, or hrdem from the overviews of the COGs if the WMS fails. A --bbox is drawn in
    its own CRS, any other area in EPSG:3979.

    \b
      hrdem preview --bbox -75.72,45.40,-75.66,45.44 --product dtm-hillshade -o view.png
    """
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        picture = hrdem.preview(**resolved)
    if json:
        show.document(picture.as_dict())
    else:
        show.picture(picture)
