"""Rasters whose grid an output takes over."""

from __future__ import annotations

import warnings
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from hrdem.errors import RequestError
from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.geo.grid import Grid
from hrdem.runtime.gdal_errors import GDAL_ERRORS, cause


def read_raster_grid(path: Path) -> Grid:
    """Return the grid of a raster; of a compound CRS the horizontal part.

    Args:
        path: A file on a local disk.

    Raises:
        RequestError: If it is no raster, has no place on the earth, or its rows do not run from
            west to east and from north to south.
    """
    try:
        with (
            rasterio.Env(),
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(path) as raster,
        ):
            transform, system = raster.transform, raster.crs
            width, height = raster.width, raster.height
            by_points = bool(raster.gcps[0] or raster.rpcs)
    except GDAL_ERRORS as exc:
        raise RequestError(
            f"--like was given {path.name}, which GDAL cannot open as a raster: {cause(exc)}"
        ) from exc
    if not system or transform == Affine.identity():
        lacks = "ground control points instead of a grid" if by_points else "no place on the earth"
        raise RequestError(
            f"--like was given {path.name}, which has {lacks}: --like needs a raster with a CRS "
            "and a geotransform. Give it one, as gdalwarp does, or give --bbox."
        )
    if transform.b or transform.d or transform.a < 0 or transform.e > 0:
        turned = "rotated or sheared" if transform.b or transform.d else "mirrored"
        raise RequestError(
            f"--like was given {path.name}, whose grid is {turned}: its rows have to run from west "
            "to east, the first in the north. Make it so with gdalwarp, or give --bbox."
        )
    return Grid(normalize_crs(drop_vertical(system.to_wkt())), transform, width, height)
