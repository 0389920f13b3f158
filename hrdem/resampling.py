"""How pixels are computed that are not the source's own."""

from __future__ import annotations

from enum import StrEnum


class Resampling(StrEnum):
    """Kernels, by the names that GDAL has for them."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"


def bounds_needed(grid, source_crs, source_resolution, resampling):
    return grid.bounds


def spacing(grid, source_crs):
    return grid.resolution[0]
