"""``hrdem assets``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import NoDataError
from hrdem.request import fields
from hrdem.request.fields import (
    OVERWRITE,
)

if TYPE_CHECKING:
    from hrdem.catalog.items import Asset


@click.command("assets", cls=options.Command)
@click.argument("item")
@options.add(*fields.ASSETS, options.DOWNLOAD, OVERWRITE, options.DEMO)
def command(
    *, item: str, download: bool, overwrite: bool, demo: bool, json: bool, **params: Any
) -> None:
    """List the addresses of an item's files, for QGIS, ArcGIS or GDAL.

    With --download the VRTs are saved into the current folder; their pixels stay remote.

    \b
      hrdem assets 9_2-mosaic-1m
      hrdem assets 9_2-mosaic-1m --product dtm --download
    """
    if download and params["kind"] == "cog":
        raise click.UsageError("A COG has up to 950 GB: use hrdem extract, or --kind vrt.")
    if download and params["offline"]:
        raise click.UsageError("--download fetches VRTs, which --offline forbids.")
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        assets = hrdem.assets(item, **resolved)
        vrts = [asset for asset in assets if asset.key.endswith("-vrt")] if download else []
        saved = _save(vrts, resolved["stac_url"], overwrite)
    if not assets:
        raise NoDataError(f"{item} has no such file. hrdem assets {item} lists its files.")
    if json:
        listed = {a.key: {"href": a.href, "type": a.media_type, "title": a.title} for a in assets}
        show.document({"item": item, "assets": listed, "saved": [str(path) for path in saved]})
    elif download:
        show.table((str(path),) for path in saved)
    else:
        show.table((asset.key, asset.href) for asset in assets)


def _save(assets: list[Asset], stac_url: str, overwrite: bool) -> list[Path]:
    from hrdem.errors import CatalogError
    from hrdem.http.client import HttpClient
    from hrdem.jobs.save_vrt import make_local_name, save_vrt

    names = [make_local_name(asset) for asset in assets]
    if len({name.lower() for name in names}) < len(names):
        raise CatalogError(
            f"Several files have the same name, {', '.join(sorted(set(names)))}. Choose one with "
            "`product`."
        )
    with HttpClient(trusted=[stac_url]) as http:
        return [save_vrt(asset, Path(), http, overwrite=overwrite) for asset in assets]
