"""A synthetic grid from CGVD2013 to CGVD28: the demonstration downloads nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

#: smooth between nodes, all over Canada
STEP_DEGREES = 0.5
_WEST, _NORTH, _COLUMNS, _ROWS = -142.0, 85.0, 189, 91
_NODATA = 9_999_000


def shift_at(lon: Any, lat: Any) -> Any:
    """Return CGVD28 minus CGVD2013 at nodes in whole millimetres, from -300 to 900.

    Args:
        lon: Longitudes in degrees.
        lat: Latitudes in degrees.
    """
    return np.rint(300 + 400 * np.sin(lon / 7) + 200 * np.cos(lat / 3)).astype(np.int32)


@contextmanager
def shift_grid() -> Iterator[Path]:
    """Yield the path of the grid, in the form of the published one; it is removed at the end."""
    import rasterio  # noqa: PLC0415 (slow, and not needed by the service)
    from affine import Affine  # noqa: PLC0415

    from hrdem.runtime.gdal_env import pinned_gdal  # noqa: PLC0415

    lon, lat = np.meshgrid(
        _WEST + STEP_DEGREES * np.arange(_COLUMNS), _NORTH - STEP_DEGREES * np.arange(_ROWS)
    )
    half = STEP_DEGREES / 2
    with tempfile.TemporaryDirectory(prefix="hrdem-demo-") as folder:
        path = Path(folder, "demonstration.tif")
        with pinned_gdal(), rasterio.open(
            path, "w", "GTiff", width=_COLUMNS, height=_ROWS, count=1, dtype="int32",
            crs="EPSG:4617", nodata=_NODATA,
            transform=Affine(STEP_DEGREES, 0, _WEST - half, 0, -STEP_DEGREES, _NORTH + half),
        ) as dataset:  # fmt: skip
            dataset.update_tags(AREA_OR_POINT="Point")
            dataset.scales = (0.001,)
            dataset.write(shift_at(lon, lat), 1)
        yield path
