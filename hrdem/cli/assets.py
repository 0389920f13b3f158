"""``hrdem assets``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import NoDataError

if TYPE_CHECKING:
    from hrdem.catalog.items import Asset


@click.command("assets")
@click.argument("item")
@options.only_product
@options.only_kind
@options.download
@options.overwrite
@options.stac_url
@options.demo
@options.cache
@options.as_json
@options.reporting
def command(
    item: str,
    product: str | None,
    kind: str | None,
    download: bool,
    overwrite: bool,
    stac_url: str | None,
    demo: bool,
    as_json: bool,
    kept: dict[str, Any],
) -> None:
    """List the addresses of an item's files, for QGIS, ArcGIS or GDAL.

    With --download the VRTs are saved into the current folder; their pixels stay remote.

    \b
      hrdem assets 9_2-mosaic-1m
      hrdem assets 9_2-mosaic-1m --product dtm --download
    """
    if download and kind == "cog":
        raise click.UsageError("A COG has up to 950 GB: use hrdem extract, or --kind vrt.")
    if download and kept["offline"]:
        raise click.UsageError("--download fetches VRTs, which --offline forbids.")
    import hrdem
    from hrdem.request.endpoints import LIVE_STAC_URL

    with service.chosen(demo, stac_url=stac_url) as urls:
        found = hrdem.assets(item, product=product, kind=kind, **urls, **kept)
        vrts = [asset for asset in found if asset.key.endswith("-vrt")] if download else []
        saved = _save(vrts, urls.get("stac_url", LIVE_STAC_URL), overwrite)
    if not found:
        raise NoDataError(f"{item} has no such file; hrdem assets {item} lists those it has.")
    if as_json:
        listed = {a.key: {"href": a.href, "type": a.media_type, "title": a.title} for a in found}
        show.document({"item": item, "assets": listed, "saved": [str(path) for path in saved]})
    elif download:
        show.table((str(path),) for path in saved)
    else:
        show.table((asset.key, asset.href) for asset in found)


def _save(assets: list[Asset], stac_url: str, overwrite: bool) -> list[Path]:
    from hrdem.errors import CatalogError
    from hrdem.http.client import HttpClient
    from hrdem.jobs.save_vrt import make_local_name, save_vrt

    names = [make_local_name(asset) for asset in assets]
    if len({name.lower() for name in names}) < len(names):
        raise CatalogError(
            f"Several files would be called {', '.join(sorted(set(names)))}. Save one: --product."
        )
    with HttpClient(given=[stac_url]) as http:
        return [save_vrt(asset, Path(), http, overwrite=overwrite) for asset in assets]
