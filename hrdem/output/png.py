"""Draw heights as a PNG: grey, and transparent where there is no data."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.io import MemoryFile

from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.ground import Ground
from hrdem.processing.terrain import (
    LEVEL_ASPECT,
    Gradient,
    compute_aspect,
    compute_gradient,
    compute_illumination,
    compute_slope,
)
from hrdem.request.products import Theme
from hrdem.runtime.gdal_env import pinned_gdal

_BLACK_SLOPE_DEGREES = 60.0  # degrees
_MIN_REFLECTANCE = 0.35  # of the lowest heights
_LEVEL_SHADE = 0.7  # of level ground
_MIN_RELIEF_METRES = 0.01  # metres
_GREY_PERCENTILES = (1, 99)  # of the heights, drawn darkest and lightest


def add_border(grid: Grid) -> Grid:
    """Return a grid with a border of one pixel, which a gradient needs."""
    return grid.crop(grid.window.grown(1))


def compute_brightness(heights: Pixels, grid: Grid, theme: Theme) -> Pixels:
    """Compute the brightness of each pixel of a picture.

    Heights are drawn as shaded relief, lit from the upper left, dark at the 1st percentile and
    light at the 99th. Slopes are white where flat and black from 60 degrees. Aspects run from
    black to white clockwise from the upper edge; level ground is not drawn.

    Args:
        heights: Floating-point array, metres, NaN where there is no data, on the grid with a border
            (`add_border`).
        grid: Grid of the picture.
        theme: Theme to draw.

    Returns:
        Array of the grid's shape, 0 for black to 1 for white; NaN for transparent pixels.
    """
    surface = compute_gradient(heights, Ground.of(grid).steps(grid.window))
    match theme:
        case Theme.HEIGHT:
            return _shade_heights(heights[1:-1, 1:-1], surface)
        case Theme.HILLSHADE:
            return compute_illumination(surface)
        case Theme.SLOPE:
            return np.clip(1 - compute_slope(surface) / _BLACK_SLOPE_DEGREES, 0, 1)
        case Theme.ASPECT:
            aspect = compute_aspect(surface)
            return np.where(aspect == LEVEL_ASPECT, np.nan, aspect / 360)


def encode_png(light: Pixels, grid: Grid) -> bytes:
    """Encode a picture as a PNG with a grey and an alpha channel.

    Args:
        light: Array of the grid's shape, 0 for black to 1 for white; NaN is transparent.
        grid: Grid of the picture, which a PNG does not store.
    """
    opaque = ~np.isnan(light)
    grey = np.where(opaque, np.round(255 * light), 0).astype(np.uint8)
    size = {"width": grid.width, "height": grid.height, "transform": grid.transform}
    with (
        pinned_gdal(),
        rasterio.Env(GDAL_PAM_ENABLED="NO"),  # no metadata file beside it
        MemoryFile(ext=".png") as file,
    ):
        with file.open(driver="PNG", count=2, dtype="uint8", **size) as picture:
            picture.write(np.stack([grey, np.where(opaque, 255, 0).astype(np.uint8)]))
        return bytes(file.getbuffer())


def format_world_file(grid: Grid) -> str:
    """Format the world file of a picture: pixel sizes and the centre of the upper left pixel."""
    dx, dy = grid.resolution
    left, _, _, top = grid.bounds
    return "".join(f"{number!r}\n" for number in (dx, 0.0, 0.0, -dy, left + dx / 2, top - dy / 2))


def _shade_heights(heights: Pixels, surface: Gradient) -> Pixels:
    known = heights[~np.isnan(heights)]
    low, high = np.percentile(known, _GREY_PERCENTILES) if known.size else (0.0, 1.0)
    share = np.clip((heights - low) / max(high - low, _MIN_RELIEF_METRES), 0, 1)
    shade = compute_illumination(surface)
    shade[np.isnan(shade)] = _LEVEL_SHADE  # at the edge of the data
    light: Pixels = (_MIN_REFLECTANCE + (1 - _MIN_REFLECTANCE) * share) * (0.5 + 0.5 * shade)
    return light
