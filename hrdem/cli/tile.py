"""``hrdem tile``."""

from __future__ import annotations

from typing import Any

import click

from hrdem.cli import options, service, show_tiles
from hrdem.errors import OutputExistsError
from hrdem.request import tile_fields


@click.command("tile", cls=options.Command)
@options.add(
    *tile_fields.TILE_JOB,
    options.TILE_DRY_RUN,
    options.PLAN_ONLY,
    *tile_fields.ENGINE,
    options.DEMO,
    options.PROGRESS,
)
def command(*, dry_run: bool, plan_only: bool, demo: bool, json: bool, **params: Any) -> int:
    """Extract many areas, or one that is too large for a file, as a file for each tile.

    Tiles are cuts of one plan of the whole, so that they have no seams. Files that are there are
    kept: the same command again makes what is missing or has failed. The output also gets a STAC
    collection and a tile index, index.gti.gpkg, that QGIS and GDAL open as one raster.

    \b
      hrdem tile --aoi watersheds.gpkg --name-by NAME --product dtm-slope -o slopes
      hrdem tile --nts 031G --scheme nts50k --product dtm --resolution 5 -o sheets
      hrdem tile --aoi quebec.gpkg --collection 2m --product dtm -o quebec --dry-run

    hrdem tile status, retry, verify and index take the output of a job that has begun.
    """
    import hrdem

    run = show_tiles.RunOptions.take(params)
    with service.resolve_demo(params, demo=demo, port=options.PORT.default) as resolved:
        try:
            job = hrdem.tile_job(**resolved)
        except OutputExistsError as exc:
            if demo and "stac_url is" in str(exc):
                exc.add_note(
                    "If the address of --demo is what differs: run hrdem demo serve, and give its "
                    "--stac-url."
                )
            raise
        if plan_only and not dry_run:
            job = job.save()
        if dry_run or plan_only:
            return show_tiles.estimate(job, run, as_json=json)
        return show_tiles.run(job, run, as_json=json)
