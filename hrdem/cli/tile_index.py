"""``hrdem tile index``."""

from __future__ import annotations

import click

from hrdem.cli import options, show
from hrdem.request import tile_fields


@click.command("index", cls=options.Command)
@click.argument("output")
@options.add(*tile_fields.INDEX)
def command(*, output: str, json: bool, parquet: bool) -> None:
    """Write the indexes of the tiles of a job that are there; a run does so at its end.

    collection.json is a STAC collection; index.gti.gpkg opens as one raster in QGIS and GDAL 3.9;
    mosaic.vrt does so in older programs, if there are few tiles.

    \b
      hrdem tile index slopes
    """
    import hrdem

    job = hrdem.TileJob.open(output)
    summary = job.index(parquet=parquet)
    if json:
        show.document({"output": job.store.address, "tiles": summary.tiles, "files": summary.names})
        return
    show.lines(
        ("output", job.store.address),
        ("tiles", f"{summary.tiles:,}"),
        *(("file", name) for name in summary.names),
    )
