"""What GDAL reports about the band of a raster, and its values: COGs, VRTs, responses of a WCS."""

from __future__ import annotations

from typing import Any

import rasterio.windows
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader

from hrdem.geo.band import PIXEL_TYPES, Band
from hrdem.geo.grid import Pixels, Window
from hrdem.geo.nodata import round_nodata

_PLAIN_MASKS = ([MaskFlags.all_valid], [MaskFlags.nodata])


def describe_band(dataset: DatasetReader) -> Band:
    """Return what a raster of one band states about its numbers."""
    dtype = dataset.dtypes[0]
    return Band(
        stored_dtype=dtype,
        stored_nodata=round_nodata(dataset.nodata, dtype) if dtype in PIXEL_TYPES else None,
        scale=dataset.scales[0],
        offset=dataset.offsets[0],
        unit=dataset.units[0] or "",
        vertical_crs=split_crs(dataset.crs)[1],
        is_masked=dataset.mask_flag_enums[0] not in _PLAIN_MASKS,
        has_palette=dataset.colorinterp[0] is ColorInterp.palette,
        is_inverted=dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES",
    )


def read_band(
    dataset: DatasetReader, band: Band, window: Window, shape: tuple[int, int] | None = None
) -> Pixels:
    """Read the values of a window.

    Args:
        dataset: The raster.
        band: From `describe_band`.
        window: Within the raster.
        shape: Height and width of the result; None for those of the window.
    """
    where = rasterio.windows.Window(window.column, window.row, window.width, window.height)
    numbers: Pixels = dataset.read(1, window=where, out_shape=shape)
    mask = None
    if band.is_masked:
        mask = dataset.read_masks(1, window=where, out_shape=shape) > 0
    return band.to_values(numbers, mask)


def split_crs(crs: CRS | None) -> tuple[str, str]:
    """Return the horizontal and the vertical part of a CRS.

    Each is ``EPSG:n`` if it has a code, else WKT or a name; empty if there is none.
    """
    if crs is None:
        return "", ""
    described = crs.to_dict(projjson=True)
    if described["type"] != "CompoundCRS":
        epsg = crs.to_epsg()
        return f"EPSG:{epsg}" if epsg else crs.to_wkt(), ""
    horizontal, vertical = (_name_part(part) for part in described["components"][:2])
    return horizontal, vertical


def _name_part(part: dict[str, Any]) -> str:
    match part.get("id"):
        case {"authority": authority, "code": code}:
            return f"{authority}:{code}"
    return str(part.get("source_crs", part)["name"])  # of a bound CRS
