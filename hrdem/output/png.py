"""Pictures of heights: grey, and transparent where there is no data."""

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

_STEEP = 60.0  # degrees, drawn black
_DARKEST = 0.35  # share of the light that the lowest heights give back
_LEVEL = 0.7  # shade of level ground
_FLAT = 0.01  # metres: less than that is no relief
_RANGE = (1, 99)  # percentiles of the heights that the greys run between


def add_border(grid: Grid) -> Grid:
    """Return a grid with one more pixel on each side, the neighbours that a gradient needs."""
    return grid.crop(grid.window.grown(1))


def compute_brightness(heights: Pixels, grid: Grid, theme: Theme) -> Pixels:
    """Tell how light each pixel of a picture is.

    Heights are drawn as shaded relief: the higher the lighter, between the 1st and the 99th
    percentile, lit from the upper left. Slopes are white where flat and black from 60 degrees;
    aspects run from black to white clockwise from the upper edge, and level ground is not drawn.

    Args:
        heights: Floating-point array, metres, NaN where there is no data, on the grid with a border
            (`add_border`).
        grid: The picture's.
        theme: What to show.

    Returns:
        Array of the grid's shape, 0 for black to 1 for white; NaN where there is nothing to draw.
    """
    surface = compute_gradient(heights, Ground.of(grid).steps(grid.window))
    match theme:
        case Theme.HEIGHT:
            return _relief(heights[1:-1, 1:-1], surface)
        case Theme.HILLSHADE:
            return compute_illumination(surface)
        case Theme.SLOPE:
            return np.clip(1 - compute_slope(surface) / _STEEP, 0, 1)
        case Theme.ASPECT:
            towards = compute_aspect(surface)
            return np.where(towards == LEVEL_ASPECT, np.nan, towards / 360)


def encode_png(light: Pixels, grid: Grid) -> bytes:
    """Encode a picture as a PNG of grey and transparency.

    Args:
        light: Array of the grid's shape, 0 for black to 1 for white; NaN is transparent.
        grid: The picture's; a PNG does not keep it.
    """
    seen = ~np.isnan(light)
    grey = np.where(seen, np.round(255 * light), 0).astype(np.uint8)
    size = {"width": grid.width, "height": grid.height, "transform": grid.transform}
    with (
        rasterio.Env(GDAL_PAM_ENABLED="NO"),  # a picture only, no file of metadata beside it
        MemoryFile(ext=".png") as file,
    ):
        with file.open(driver="PNG", count=2, dtype="uint8", **size) as picture:
            picture.write(np.stack([grey, np.where(seen, 255, 0).astype(np.uint8)]))
        return bytes(file.getbuffer())


def format_world_file(grid: Grid) -> str:
    """Return what goes into a world file beside a picture: pixel sizes, upper left centre."""
    dx, dy = grid.resolution
    left, _, _, top = grid.bounds
    return "".join(f"{number!r}\n" for number in (dx, 0.0, 0.0, -dy, left + dx / 2, top - dy / 2))


def _relief(heights: Pixels, surface: Gradient) -> Pixels:
    known = heights[~np.isnan(heights)]
    low, high = np.percentile(known, _RANGE) if known.size else (0.0, 1.0)
    share = np.clip((heights - low) / max(high - low, _FLAT), 0, 1)
    shade = compute_illumination(surface)
    shade[np.isnan(shade)] = _LEVEL  # at the edge of the data
    light: Pixels = (_DARKEST + (1 - _DARKEST) * share) * (0.5 + 0.5 * shade)
    return light
