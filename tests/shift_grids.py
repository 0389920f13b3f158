"""Small vertical shift grids in the format of the published one."""

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
