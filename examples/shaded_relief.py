"""Draw a GeoTIFF of heights as coloured, shaded relief; nodata is blue-grey.

python examples/shaded_relief.py ottawa.tif ottawa.png [--edge 900]
"""

from __future__ import annotations

import argparse

import numpy as np
import rasterio
from affine import Affine

# share of the height range, and its colour
RAMP = np.array(
    [
        (0.0, 78, 128, 84),
        (0.3, 158, 180, 110),
        (0.55, 216, 201, 148),
        (0.8, 171, 132, 99),
        (1.0, 246, 243, 240),
    ]
)
EMPTY = np.array([176, 193, 206])


def relief(heights: np.ma.MaskedArray, resolution: float) -> np.ndarray:
    """Return red, green and blue, uint8, shape (3, rows, columns)."""
    filled = heights.filled(float(heights.mean())).astype("float64")
    north, east = np.gradient(filled, -resolution, resolution)
    slope = np.arctan(2.5 * np.hypot(east, north))
    aspect = np.arctan2(-east, -north)
    sun = np.radians(45)
    light = np.sin(sun) * np.cos(slope)
    light += np.cos(sun) * np.sin(slope) * np.cos(np.radians(315) - aspect)
    low, high = np.percentile(heights.compressed(), [1, 99])
    share = np.clip((filled - low) / (high - low), 0, 1)
    colours = [np.interp(share, RAMP[:, 0], RAMP[:, band]) for band in (1, 2, 3)]
    shaded = np.stack(colours) * (0.35 + 0.9 * np.clip(light, 0, 1))
    shaded = np.where(np.ma.getmaskarray(heights), EMPTY[:, None, None], shaded)
    return np.clip(shaded, 0, 255).astype("uint8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heights")
    parser.add_argument("picture")
    parser.add_argument("--edge", type=int, default=900, help="longer edge, pixels")
    arguments = parser.parse_args()
    with rasterio.open(arguments.heights) as dataset:
        scale = min(1.0, arguments.edge / max(dataset.shape))
        shape = tuple(max(2, round(edge * scale)) for edge in dataset.shape)
        heights = dataset.read(1, masked=True, out_shape=shape)
        resolution = dataset.res[0] * dataset.width / shape[1]
    picture = relief(heights, resolution)
    transform = Affine(resolution, 0, 0, 0, -resolution, 0)
    profile = {"driver": "PNG", "dtype": "uint8", "count": 3, "transform": transform}
    with (
        rasterio.Env(GDAL_PAM_ENABLED="NO"),  # no georeferencing file beside the picture
        rasterio.open(
            arguments.picture, "w", height=shape[0], width=shape[1], **profile
        ) as dataset,
    ):
        dataset.write(picture)


if __name__ == "__main__":
    main()
