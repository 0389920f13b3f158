"""Small rasters to make pictures of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tests.stores import NODATA

COLLECTIONS = "hrdem-mosaic-1m", "mrdem-30"
SOURCES = [
    {"source_id": number, "name": f"tile-{number}", "collection": collection}
    for number, collection in enumerate((COLLECTIONS[0], COLLECTIONS[0], COLLECTIONS[1]), 1)
]
HRDEM_TAGS = {
    "HRDEM_PRODUCT": "dtm",
    "HRDEM_COLLECTION": ",".join(COLLECTIONS),
    "HRDEM_VERTICAL_DATUM": "CGVD2013",
    "HRDEM_SOURCES": json.dumps(SOURCES),
    "HRDEM_LICENCE": "Open Government Licence",
}


def write_raster(path: Path, *bands: np.ndarray, names: tuple[str, ...] = (), **tags: str) -> Path:
    """Write bands as a GeoTIFF of 10 m pixels in EPSG:3979; NaN becomes nodata."""
    height, width = bands[0].shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": len(bands),
        "dtype": "float32",
        "nodata": NODATA,
        "crs": "EPSG:3979",
        "transform": Affine(10, 0, 1_500_000, 0, -10, -160_000),
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for number, band in enumerate(bands, 1):
            dataset.write(np.where(np.isnan(band), NODATA, band).astype(np.float32), number)
        for number, name in enumerate(names, 1):
            dataset.set_band_description(number, name)
        dataset.update_tags(**tags)
    return path


def write_sources(raster: Path, ids: np.ndarray) -> Path:
    """Write the layer of sources beside a raster of `write_raster`; ids are from 0."""
    with rasterio.open(raster) as dataset:
        profile = {**dataset.profile, "count": 1, "dtype": "uint8", "nodata": 0}
    path = raster.with_suffix(".source.tif")
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(ids.astype(np.uint8), 1)
        dataset.update_tags(**HRDEM_TAGS | {"HRDEM_PRODUCT": "source"})
    return path


def make_hills(height: int, width: int) -> np.ndarray:
    """Return hills with a hole in them, metres."""
    y, x = np.mgrid[:height, :width]
    hills = 200 + 40 * np.sin(x / 17) * np.cos(y / 23)
    hills[: height // 4, : width // 4] = np.nan
    return hills
