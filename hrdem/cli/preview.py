"""``hrdem preview``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show


@click.command("preview")
@options.area
@options.layer
@options.picture
@options.size
@options.overwrite
@options.collection
@options.wms_url
@options.stac_url
@options.demo
@options.cache
@options.as_json
@options.reporting
def command(
    wms_url: str | None,
    stac_url: str | None,
    demo: bool,
    kept: dict[str, Any],
    as_json: bool,
    **request: Any,
) -> None:
    """Make a picture of an area, to look at it before anything is extracted.

    The WMS draws it, a box in its own CRS, another area in EPSG:3979; if it does not, overviews of
    the COGs do.

    \b
      hrdem preview --bbox -75.72,45.40,-75.66,45.44 --product dtm-hillshade -o view.png
    """
    import hrdem

    with service.chosen(demo, wms_url=wms_url, stac_url=stac_url) as urls:
        done = hrdem.preview(**request, **urls, **kept)
    if as_json:
        show.document(done.as_dict())
    else:
        show.pictured(done)
