"""Small shift grids: vertical ones in the format of the published one, and those of datums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

NODATA = 9_999_000
STEP = 1 / 30  # degrees
WEST, NORTH = -76.0, 46.0  # of the first node


def node(column: Any, row: Any) -> tuple[Any, Any]:
    """Return longitude and latitude of a node; fractions lie between nodes."""
    return WEST + column * STEP, NORTH - row * STEP


def write_grid(path: Path, millimetres: Any, **settings: Any) -> Path:
    """Write a grid of whole millimetres with point nodes; settings override the profile."""
    stored = np.asarray(millimetres)
    transform = Affine(STEP, 0, WEST - STEP / 2, 0, -STEP, NORTH + STEP / 2)
    scale = settings.pop("scale", 0.001)
    profile = {
        "driver": "GTiff", "height": stored.shape[-2], "width": stored.shape[-1], "count": 1,
        "dtype": "int32", "nodata": NODATA, "crs": CRS.from_epsg(8252), "transform": transform,
        **settings,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.update_tags(AREA_OR_POINT="Point")
        dataset.scales = (scale,) * dataset.count
        for band in dataset.indexes:
            dataset.write(stored.astype(profile["dtype"]), band)
    return path


def millimetres(rows: int = 6, columns: int = 8) -> np.ndarray:
    """Return random values: every node differs and no cell is a plane."""
    return np.random.default_rng(28).integers(-2256, 2818, (rows, columns))


def write_datum_grid(path: Path, east: float, north: float, lon: float, lat: float) -> Path:
    """Write a grid of PROJ that shifts everything within 3 degrees by the same arc seconds."""
    profile = {
        "driver": "GTiff", "height": 7, "width": 7, "count": 2, "dtype": "float32",
        "crs": CRS.from_epsg(4269), "transform": Affine(1, 0, lon - 3.5, 0, -1, lat + 3.5),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.update_tags(TYPE="HORIZONTAL_OFFSET", AREA_OR_POINT="Point")
        dataset.update_tags(2, positive_value="east")
        dataset.descriptions = ("latitude_offset", "longitude_offset")
        dataset.units = ("arc-second", "arc-second")
        dataset.write(np.stack([np.full((7, 7), north), np.full((7, 7), east)]).astype("float32"))
    return path
