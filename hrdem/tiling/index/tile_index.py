"""A GDAL tile index (GTI): a GeoPackage that GDAL 3.9 and QGIS open as one raster."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely

from hrdem.output.provenance import make_datum_tags
from hrdem.output.vrt import format_output_crs, get_gdal_type
from hrdem.runtime.gdal_env import pinned_pyogrio
from hrdem.runtime.gdal_errors import translate_pyogrio_errors
from hrdem.runtime.temporary_files import translate_full_disk
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.output_store import RASTER_SUFFIX

TILE_INDEX_NAME = "index.gti.gpkg"  # GDAL knows it by this ending
_LAYER = "tiles"


def write_tile_index(job: Job, tiles: Sequence[Tile], path: Path) -> None:
    """Write the tile index of a job, with relative file names.

    It holds all that GDAL would otherwise open tiles for: https://gdal.org/drivers/raster/gti.html.

    Args:
        job: The job.
        tiles: Those of its tiles that have a raster.
        path: Path of a file to create.

    Raises:
        OutputError: If the folder for temporary files has no room for it.
    """
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only indexes need it)

    crs = format_output_crs(job.plan)
    bounds = np.array([job.plan.grid.crop(tile.window).bounds for tile in tiles]).reshape(-1, 4)
    names = np.array([tile.name for tile in tiles], object)
    fields = [np.array([f"{name}{RASTER_SUFFIX}" for name in names], object), names]
    # SQLite needs locks, which a folder on a file server may not have
    with (
        translate_full_disk(),
        tempfile.TemporaryDirectory(prefix="hrdem-") as folder,
        pinned_pyogrio(),
        translate_pyogrio_errors(),
    ):
        local = Path(folder, TILE_INDEX_NAME)
        pyogrio.raw.write(
            local,
            shapely.to_wkb(shapely.box(*bounds.T)),
            fields,
            fields=["location", "name"],
            geometry_type="Polygon",
            crs=crs,
            layer=_LAYER,
            driver="GPKG",
            layer_metadata=_describe_raster(job, crs),
        )
        content = local.read_bytes()
    path.write_bytes(content)


def _describe_raster(job: Job, crs: str) -> dict[str, str]:
    """Describe the raster that all tiles make up, as GDAL's driver reads it."""
    plan = job.plan
    left, bottom, right, top = plan.grid.bounds
    width, height = plan.grid.resolution
    return {
        "RESX": repr(width),
        "RESY": repr(height),
        "MINX": repr(left),
        "MINY": repr(bottom),
        "MAXX": repr(right),
        "MAXY": repr(top),
        "BAND_COUNT": "1",
        "DATA_TYPE": get_gdal_type(plan.dtype),
        "NODATA": repr(plan.nodata),
        "SRS": crs,
        "LOCATION_FIELD": "location",
        **({"BAND_1_UNITTYPE": plan.request.unit} if plan.request.unit else {}),
        **make_datum_tags(plan.request, None),
    }
