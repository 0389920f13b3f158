"""A stand-in geoid, with which PROJ converts heights above CGVD2013 or CGVD28 to the ellipsoid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

GEOID_METRES = -35.0  # above the ellipsoid, about as in Ottawa
#: the grids of EPSG's operations from EPSG:6647 and EPSG:5713 to NAD83(CSRS)
_GRIDS = "ca_nrc_CGG2013n83.tif", "ca_nrc_HT2_1997.tif"


def write_geoid(folder: Path) -> Path:
    """Write the grids of a flat geoid over Canada in PROJ's format; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    values = np.full((46, 96), GEOID_METRES, np.float32)
    for name in _GRIDS:
        with rasterio.open(
            folder / name, "w", "GTiff", width=96, height=46, count=1, dtype="float32",
            crs="EPSG:4326", transform=Affine(1, 0, -142.5, 0, -1, 85.5),
        ) as dataset:  # fmt: skip
            dataset.update_tags(
                AREA_OR_POINT="Point", TYPE="VERTICAL_OFFSET_GEOGRAPHIC_TO_VERTICAL"
            )
            dataset.descriptions = ("geoid_undulation",)
            dataset.units = ("metre",)
            dataset.write(values, 1)
    return folder
