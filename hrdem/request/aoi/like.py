"""Read the grid of an existing raster as a template for the output."""

from __future__ import annotations

import warnings
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from hrdem.errors import RequestError
from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.geo.grid import Grid
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message


def read_raster_grid(path: Path) -> Grid:
    """Return the grid of a raster, without the vertical part of its CRS.

    Args:
        path: Local file.

    Raises:
        RequestError: If it is not a raster, is not georeferenced, or is not a north-up grid.
    """
    try:
        with (
            rasterio.Env(),
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.open(path) as raster,
        ):
            transform, system = raster.transform, raster.crs
            width, height = raster.width, raster.height
            has_points = bool(raster.gcps[0] or raster.rpcs)
    except GDAL_ERRORS as exc:
        raise RequestError(
            f"{path.name}, given as `like`, cannot be opened as a raster by GDAL: "
            f"{gdal_message(exc)} Give a raster file, or `bbox`."
        ) from exc
    if not system or transform == Affine.identity():
        problem = "is not georeferenced"
        if has_points:
            problem = "has ground control points instead of a grid"
        raise RequestError(
            f"{path.name}, given as `like`, {problem}. Give a raster with a CRS and a "
            "geotransform, such as gdalwarp writes, or give `bbox`."
        )
    if transform.b or transform.d or transform.a < 0 or transform.e > 0:
        problem = "rotated or sheared" if transform.b or transform.d else "mirrored"
        raise RequestError(
            f"The grid of {path.name}, given as `like`, is {problem}. Give a north-up raster, such "
            "as gdalwarp writes, or give `bbox`."
        )
    return Grid(normalize_crs(drop_vertical(system.to_wkt())), transform, width, height)
