"""Colour the pixels of a raster: ramp or classes, relief, hatching, edges of tiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.ground import Ground
from hrdem.output.colours import parse_colour
from hrdem.pictures.ramps import Pictured, Scale
from hrdem.pictures.read_raster import Raster
from hrdem.processing.terrain import Gradient, compute_gradient, compute_illumination

EMPTY, HATCH = parse_colour("#f4f4f4"), parse_colour("#b5b5b5")
LEVEL, EDGE = parse_colour("#e4e4e4"), parse_colour("#c2185b")
STRIPE_ROWS = 64  # that are shaded at once
HATCH_PIXELS = 8  # from one line to the next
MAX_EXAGGERATION = 5.0  # of heights, for shading alone
_STEEP_RISE = 0.5  # metres per metre, of steep places in a picture with good contrast
_STEEP_PERCENTILE = 95
_DARKEST = 0.4  # of level ground's brightness
_LEVEL_LIGHT = np.sin(np.radians(45))  # of a sun 45 degrees high


@dataclass(frozen=True, slots=True)
class Drawing:
    """A raster in colours.

    Attributes:
        picture: uint8 array of shape (rows, columns, 3).
        low: Value of the first colour of the ramp; NaN for classes.
        high: Value of the last colour.
        has_empty: Whether pixels without data are hatched.
        has_level: Whether level ground, which has no aspect, has a colour of its own.
        has_edges: Whether edges between collections are drawn.
    """

    picture: Pictured
    low: float
    high: float
    has_empty: bool
    has_level: bool
    has_edges: bool


def draw_pixels(raster: Raster, size: int) -> Drawing:
    """Colour a raster; each pixel is enlarged by a whole number, as far as the size allows.

    Args:
        raster: The raster.
        size: Longer edge of the picture, pixels.
    """
    values = raster.values
    empty = np.isnan(values)
    low, high = raster.ramp.fit(values) if raster.ramp else (np.nan, np.nan)
    picture = _colour(raster, low, high)
    level = _find_level(raster)
    picture[level] = LEVEL
    scale = max(1, size // max(values.shape))
    picture, enlarged = _enlarge(picture, scale), _enlarge(empty, scale)
    picture[enlarged] = _hatch(enlarged.shape)[enlarged]
    edges = np.zeros_like(enlarged)
    if raster.tiers is not None:
        edges = find_edges(_enlarge(raster.tiers, scale))
        picture[edges] = EDGE
    return Drawing(
        picture, low, high, bool(empty.any()), bool(level.any()), has_edges=bool(edges.any())
    )


def draw_hatch(height: int, width: int) -> Pictured:
    """Draw the hatching of pixels without data, for a legend."""
    return _hatch((height, width))


def find_edges(tiers: Pixels) -> Pixels:
    """Find pixels with one of another collection to the right or below; 0 is none."""
    edges = np.zeros(tiers.shape, bool)
    edges[:, :-1] = _differ(tiers[:, :-1], tiers[:, 1:])
    edges[:-1] |= _differ(tiers[:-1], tiers[1:])
    return edges


def _differ(tiers: Pixels, others: Pixels) -> Pixels:
    found: Pixels = (tiers != others) & (tiers > 0) & (others > 0)
    return found


def _colour(raster: Raster, low: float, high: float) -> Pictured:
    if raster.ramp is None:
        picture = np.zeros((*raster.values.shape, 3), np.uint8)
        for each in raster.classes:
            picture[raster.values == each.value] = each.colour
        return picture
    picture = raster.ramp.colour(raster.values, low, high)
    if raster.ramp.has_relief and raster.grid is not None:
        with np.errstate(over="ignore", invalid="ignore"):  # of values that are no heights
            _shade(picture, raster.values, raster.grid)
    return picture


def _shade(picture: Pictured, heights: Pixels, grid: Grid) -> None:
    """Darken and lighten a picture by the relief, in stripes of rows."""
    padded = np.pad(heights, 1, mode="reflect", reflect_type="odd")
    factor = _find_exaggeration([surface for _, surface in _compute_gradients(padded, grid, 4)])
    for rows, surface in _compute_gradients(padded, grid):
        exaggerated = Gradient(surface.right * factor, surface.down * factor)
        light = compute_illumination(exaggerated) / _LEVEL_LIGHT
        shade = _DARKEST + (1 - _DARKEST) * light
        shade[np.isnan(shade)] = 1.0  # beside pixels without data
        picture[rows] = np.clip(picture[rows] * shade[..., None], 0, 255).round()


def _compute_gradients(
    padded: Pixels, grid: Grid, every: int = 1
) -> Iterator[tuple[slice, Gradient]]:
    """Yield the gradient of each stripe, or of every few, with its rows."""
    ground = Ground.of(grid)
    for window in list(grid.window.split(grid.width, STRIPE_ROWS))[::every]:
        steps = ground.steps(window)
        yield (
            slice(window.row, window.bottom),
            compute_gradient(padded[window.row : window.bottom + 2], steps),
        )


def _find_exaggeration(surfaces: Iterable[Gradient]) -> float:
    """Return the factor of heights at which steep places of a picture are shaded well."""
    rises = np.concatenate([np.hypot(each.right, each.down).ravel() for each in surfaces])
    known = rises[np.isfinite(rises)]
    steep = float(np.percentile(known, _STEEP_PERCENTILE)) if known.size else 0.0
    return float(np.clip(_STEEP_RISE / steep, 1.0, MAX_EXAGGERATION)) if steep else 1.0


def _find_level(raster: Raster) -> Pixels:
    """Find pixels of an aspect that is none: -1, and what averages with it would be below 0."""
    if raster.ramp is None or raster.ramp.scale is not Scale.CYCLIC:
        return np.zeros(raster.values.shape, bool)
    return raster.values < 0


def _enlarge(pixels: Pixels, scale: int) -> Pixels:
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else pixels


def _hatch(shape: tuple[int, int]) -> Pictured:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    lines = (rows + columns) % HATCH_PIXELS < 2
    return np.where(lines[..., None], np.array(HATCH, np.uint8), np.array(EMPTY, np.uint8))
