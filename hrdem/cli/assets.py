"""``hrdem assets``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrdem.cli import options, service, show
from hrdem.errors import NoDataError
from hrdem.request import fields
from hrdem.request.fields import OVERWRITE

if TYPE_CHECKING:
    from hrdem.catalog.items import Asset


@click.command("assets", cls=options.Command)
@click.argument("item", required=False)
@options.add(*fields.ASSETS, options.DOWNLOAD, options.ASSETS_FOLDER, OVERWRITE, options.DEMO)
def command(
    *,
    item: str | None,
    download: bool,
    output: Path | None,
    overwrite: bool,
    demo: bool,
    json: bool,
    **params: Any,
) -> None:
    """List the addresses of the files of an item or an area, for QGIS, ArcGIS or GDAL.

    With --download the VRTs are saved into the current folder; their pixels stay remote. With -o
    they are saved into a folder, and so are coverages and extents, which are layers of surveys.

    \b
      hrdem assets 9_2-mosaic-1m
      hrdem assets 9_2-mosaic-1m --product dtm --download
      hrdem assets --bbox -75.72,45.40,-75.66,45.44 --kind coverage -o surveys
    """
    saves = download or output is not None
    if saves and params["kind"] == "cog":
        raise click.UsageError("A COG has up to 950 GB: use hrdem extract, or --kind vrt.")
    if saves and params["offline"]:
        option = "--download" if download else "--output"
        raise click.UsageError(f"{option} fetches files, which --offline forbids.")
    import hrdem

    with service.resolve_demo(params, demo=demo) as resolved:
        assets = hrdem.assets(item, **resolved)
        kept = [each for each in assets if _is_small(each, layers=output is not None)]
        folder = Path() if output is None else output
        saved = _save(kept if saves else [], folder, resolved["stac_url"], overwrite)
    if not assets and item:
        raise NoDataError(f"{item} has no such file. hrdem assets {item} lists its files.")
    if not assets:
        raise NoDataError("No item in the area has such a file. hrdem search lists them.")
    if json:
        listed = {
            each.key if item else f"{each.item}/{each.key}": {
                "href": each.href,
                "type": each.media_type,
                "title": each.title,
            }
            for each in assets
        }
        show.document({"item": item, "assets": listed, "saved": [str(path) for path in saved]})
    elif saves:
        show.table((str(path),) for path in saved)
    else:
        show.table((each.key, each.href) for each in assets)


def _is_small(asset: Asset, *, layers: bool) -> bool:
    """Whether an asset is saved: a VRT, or a layer of surveys if those are wanted too."""
    return asset.key.endswith("-vrt") or (layers and asset.key in ("coverage", "extent"))


def _save(assets: list[Asset], folder: Path, stac_url: str, overwrite: bool) -> list[Path]:
    from hrdem.errors import CatalogError, OutputError
    from hrdem.http.client import HttpClient
    from hrdem.jobs.save_vrt import make_local_name, save_layer, save_vrt

    names = [make_local_name(asset) for asset in assets]
    if len({name.lower() for name in names}) < len(names):
        raise CatalogError(
            f"Several files have the same name, {', '.join(sorted(set(names)))}. Choose one with "
            "`product`."
        )
    if not assets:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"The folder {folder} cannot be created: {exc}.") from exc
    with HttpClient(trusted=[stac_url]) as http:
        return [
            (save_vrt if asset.key.endswith("-vrt") else save_layer)(
                asset, folder, http, overwrite=overwrite
            )
            for asset in assets
        ]
