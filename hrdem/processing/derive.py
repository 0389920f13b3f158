"""From heights to products: what is computed of a window, and heights above another datum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.geo.ground import Ground
from hrdem.planning.plan import Plan
from hrdem.processing.terrain import (
    compute_aspect,
    compute_gradient,
    compute_hillshade,
    compute_slope,
    compute_slope_percent,
)
from hrdem.processing.tiers import Layer
from hrdem.processing.vertical.shift_grid import ShiftGrid, make_unknown_shift_error
from hrdem.request.options import North, SlopeUnit
from hrdem.request.products import Theme
from hrdem.request.request import Request

Derive = Callable[[Layer, Window], Layer]
"""From heights in a window, and a pixel around it, to the product in the window."""


def select_derivation(plan: Plan, shifts: ShiftGrid | None) -> Derive:
    """Return what makes the product of a plan.

    Args:
        plan: What is made.
        shifts: The differences to add to heights; None for none.

    Raises:
        NoDataError: If the output reaches where its CRS has no coordinates.
    """
    ground = Ground.of(plan.grid)
    if shifts is not None:
        return lambda layer, window: _shifted(layer, window, ground, shifts)
    theme = plan.request.product.theme
    if not plan.computed or theme is Theme.HEIGHT:
        return lambda layer, window: _cut(layer, layer.pixels, layer.valid, window)
    return lambda layer, window: _shown(layer, window, ground, plan.request, theme)


def _shown(
    layer: Layer,
    window: Window,
    ground: Ground,
    request: Request,
    theme: Literal[Theme.HILLSHADE, Theme.SLOPE, Theme.ASPECT],
) -> Layer:
    """What a product shows of heights."""
    beyond = (layer.valid.shape[0] - window.height) // 2 - 1
    near = Window(beyond, beyond, window.width + 2, window.height + 2).slices
    heights = np.where(layer.valid[near], layer.pixels[near], np.nan).astype(np.float32, copy=False)
    surface = compute_gradient(heights, ground.steps(window), request.algorithm)
    pixels: Pixels
    match theme:
        case Theme.SLOPE if request.slope_unit is SlopeUnit.PERCENT:
            pixels = compute_slope_percent(surface)
        case Theme.SLOPE:
            pixels = compute_slope(surface)
        case Theme.ASPECT if request.aspect_north is North.TRUE:
            pixels = compute_aspect(surface, ground.bearing(window))
        case Theme.ASPECT:
            pixels = compute_aspect(surface)
        case Theme.HILLSHADE:
            pixels = compute_hillshade(surface)
        case _:
            assert_never(theme)
    return _cut(layer, pixels, ~np.isnan(surface.right), window)


def _shifted(layer: Layer, window: Window, ground: Ground, shifts: ShiftGrid) -> Layer:
    """Heights above the older datum.

    Raises:
        RequestError: If the difference is not known where there is a height.
    """
    heights = _cut(layer, layer.pixels, layer.valid, window)
    lon, lat = ground.lonlat(window)
    shift = shifts.shift(lon, lat)
    unknown = heights.valid & np.isnan(shift)
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise make_unknown_shift_error(shifts, float(lon[row, column]), float(lat[row, column]))
    moved = np.where(heights.valid, heights.pixels + shift, heights.pixels)
    return Layer(moved, heights.valid, heights.origins)


def _cut(layer: Layer, pixels: Pixels, valid: NDArray[np.bool_], window: Window) -> Layer:
    """Keep the window alone, of arrays that reach beyond it evenly."""
    origins = [_middle(origin, window) for origin in layer.origins]
    return Layer(_middle(pixels, window), _middle(valid, window), origins)


def _middle(array: Pixels, window: Window) -> Pixels:
    beyond = (array.shape[0] - window.height) // 2
    return array[Window(beyond, beyond, window.width, window.height).slices]
