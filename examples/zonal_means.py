"""Mean height of each polygon of a layer, for areas that are larger than memory.

    python examples/zonal_means.py ZONES.gpkg

Polygons are in a vector file with a CRS, and do not overlap. Each chunk is read, summed up and
dropped, on all workers of the dask client if there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import dask
import dask.array as da
import geopandas
import numpy as np
import rasterio.features
import shapely
import xarray as xr
from rasterio import Affine

import hrdem


def compute_means(dem: xr.DataArray, zones: Sequence[shapely.Geometry]) -> np.ndarray:
    """Return the mean of the valid pixels whose centre is in each zone; NaN without one.

    Args:
        dem: Heights of `hrdem.load(chunks=…, masked=True)`.
        zones: Polygons in its CRS.
    """
    numbers = [float(each) for each in dem.spatial_ref.attrs["GeoTransform"].split()]
    sums = da.map_blocks(
        sum_chunk,
        dem.data,
        zones=dask.delayed(list(zones)),  # once a worker, not in every task
        geotransform=numbers,
        dtype=np.float64,
        new_axis=(2, 3),
        chunks=(*((1,) * count for count in dem.data.numblocks), (2,), (len(zones),)),
    )
    totals, counts = sums.sum(axis=(0, 1)).compute()
    with np.errstate(invalid="ignore"):
        return totals / counts


def sum_chunk(
    heights: np.ndarray,
    zones: Sequence[shapely.Geometry],
    geotransform: Sequence[float],
    block_info: Any = None,
) -> np.ndarray:
    """Return the sum and the number of the valid pixels in each zone: shape (1, 1, 2, zones).

    `geotransform` is that of the whole raster, in GDAL's order.
    """
    (top, _), (left, _) = block_info[0]["array-location"] if block_info else ((0, 0), (0, 0))
    west, dx, _, north, _, dy = geotransform
    numbers = rasterio.features.rasterize(
        ((zone, number) for number, zone in enumerate(zones, start=1)),
        heights.shape,
        transform=Affine(dx, 0, west + left * dx, 0, dy, north + top * dy),
        dtype="uint32",
    )
    valid = np.isfinite(heights)
    size = len(zones) + 1
    totals = np.bincount(numbers[valid], heights[valid], size)[1:]
    counts = np.bincount(numbers[valid], minlength=size)[1:]
    return np.stack([totals, counts])[None, None]


def main(path: str) -> None:
    zones = geopandas.read_file(path)
    dem = hrdem.load(aoi=zones, product="dtm", chunks="auto", masked=True)
    means = compute_means(dem, zones.to_crs(dem.spatial_ref.attrs["crs_wkt"]).geometry)
    for name, mean in zip(zones.index, means, strict=True):
        print(f"{name}: {mean:.2f} m")


if __name__ == "__main__":
    main(sys.argv[1])
