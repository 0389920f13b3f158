"""Small seed files for each supported format."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import Resampling

from tests.fuzz.crafted import DOUBLE, GHOST, LONG, LONG8, image, tiff

WIDTH, HEIGHT = 43, 37
KINDS = {
    "classic": {"compress": "lzw"},
    "big": {"compress": "lzw", "BIGTIFF": "YES"},
    "motorola": {"compress": "deflate", "predictor": 3, "ENDIANNESS": "BIG"},
    "motorola-big": {"compress": "lzw", "ENDIANNESS": "BIG", "BIGTIFF": "YES"},
    "plain": {},
    "zstd": {"compress": "zstd", "predictor": 3},
    "bytes": {"compress": "lzw", "predictor": 2, "dtype": "uint8", "nodata": 255},
    "shorts": {"compress": "deflate", "dtype": "int16"},
    "doubles": {"compress": "deflate", "dtype": "float64", "nodata": float("nan")},
    "lerc": {"compress": "lerc", "MAX_Z_ERROR": 0.01},
    "lerc-deflate": {"compress": "lerc_deflate"},
    "sparse": {"compress": "lzw", "SPARSE_OK": True, "empty": True},
    "overviews": {"compress": "lzw", "overviews": [2, 4]},
    "masked": {"compress": "lzw", "overviews": [2], "mask": True, "nodata": None},
    "geographic": {"compress": "lzw", "crs": "EPSG:4617", "AREA_OR_POINT": "Point"},
    "cog": {"driver": "COG", "COMPRESS": "LZW", "OVERVIEW_COUNT": 2},
    "cog-big": {"driver": "COG", "COMPRESS": "LERC", "BIGTIFF": "YES", "OVERVIEW_COUNT": 1},
    "cog-sparse": {"driver": "COG", "COMPRESS": "LZW", "SPARSE_OK": "TRUE", "empty": True},
}

_GUARDED = struct.pack("<I", 1024) + bytes(1028)
CRAFTED = {
    "matrix": tiff(image(t34264=(DOUBLE, (2.0, 0, 0, 1e6, 0, -2.0, 0, 1e5, *[0.0] * 7, 1.0)))
                   | {33550: (DOUBLE, ())}),
    "guarded": tiff(image(t256=(LONG, (32,)), t324=(LONG8, (4100, 0)), t325=(LONG8, (1024, 0))),
                    ghost=GHOST, tile=_GUARDED),
    "two-levels": tiff(image(), image(t254=(LONG, (1,)), t256=(LONG, (8,)), t257=(LONG, (8,)))),
}  # fmt: skip


def seeds(room: Path) -> Iterator[tuple[str, bytes]]:
    """Write each kind to a directory and yield names and contents."""
    yield from CRAFTED.items()
    for name, options in KINDS.items():
        path = room / f"{name}.tif"
        _write(path, **options)
        yield name, path.read_bytes()


def _write(path: Path, empty: bool = False, **options) -> None:
    rows, columns = np.indices((HEIGHT, WIDTH))
    dtype = options.get("dtype", "float32")
    pixels = np.round(40 + 9 * np.sin(columns / 9) * np.cos(rows / 9)).astype(dtype)
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": 1, "width": WIDTH, "height": HEIGHT,
        "crs": "EPSG:3979", "transform": Affine(2, 0, 1_500_000, 0, -2, -160_000),
        "nodata": -32767, "tiled": True, "blockxsize": 16, "blockysize": 16,
    }  # fmt: skip
    if empty:
        pixels[:16] = -32767
    overviews, mask = options.pop("overviews", []), options.pop("mask", False)
    point = options.pop("AREA_OR_POINT", "Area")
    driver = options.pop("driver", "GTiff")
    plain = path.with_suffix(".plain") if driver == "COG" else path
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(plain, "w", **profile | ({} if driver == "COG" else options)) as dataset:
            dataset.update_tags(AREA_OR_POINT=point)
            dataset.write(pixels, 1)
            if mask:
                dataset.write_mask(pixels > 40)
        if driver == "COG":
            rasterio.shutil.copy(plain, path, driver="COG", BLOCKSIZE=128, **options)
        if overviews:
            with rasterio.open(path, "r+", GDAL_TIFF_OVR_BLOCKSIZE="64") as dataset:
                dataset.build_overviews(overviews, Resampling.nearest)
