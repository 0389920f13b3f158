"""Derive products from heights: terrain, or heights in another vertical datum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.geo.ground import Ground, measure_ground
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
"""Computes the product in a window from heights in the window and a border around it."""


def select_derivation(plan: Plan, shift_grid: ShiftGrid | None) -> Derive:
    """Return the function that computes the product of a plan.

    Args:
        plan: The plan.
        shift_grid: Differences to add to heights; None for none.

    Raises:
        NoDataError: If the output reaches where its CRS has no coordinates.
    """
    ground, place = measure_ground(plan.whole), plan.place
    column, row = place.column, place.row
    if shift_grid is not None:
        return lambda layer, window: _shift_heights(
            layer, window.shifted(column, row), ground, shift_grid
        )
    theme = plan.request.product.theme
    if not plan.is_computed or theme is Theme.HEIGHT:
        return lambda layer, window: _crop(layer, layer.pixels, layer.valid, window)
    return lambda layer, window: _derive_terrain(
        layer, window.shifted(column, row), ground, plan.request, theme
    )


def _derive_terrain(
    layer: Layer,
    window: Window,
    ground: Ground,
    request: Request,
    theme: Literal[Theme.HILLSHADE, Theme.SLOPE, Theme.ASPECT],
) -> Layer:
    """Compute slope, aspect or hillshade from heights."""
    border = (layer.valid.shape[0] - window.height) // 2 - 1
    near = Window(border, border, window.width + 2, window.height + 2).slices
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
    return _crop(layer, pixels, ~np.isnan(surface.right), window)


def _shift_heights(layer: Layer, window: Window, ground: Ground, shift_grid: ShiftGrid) -> Layer:
    """Convert heights from CGVD2013 to CGVD28.

    Raises:
        RequestError: If the grid has no value at a pixel that has a height.
    """
    heights = _crop(layer, layer.pixels, layer.valid, window)
    lon, lat = ground.lonlat(window)
    shift = shift_grid.shift(lon, lat)
    unknown = heights.valid & np.isnan(shift)
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise make_unknown_shift_error(shift_grid, float(lon[row, column]), float(lat[row, column]))
    shifted = np.where(heights.valid, heights.pixels + shift, heights.pixels)
    return Layer(shifted, heights.valid, heights.source_ids)


def _crop(layer: Layer, pixels: Pixels, valid: NDArray[np.bool_], window: Window) -> Layer:
    """Crop arrays to a window in their middle."""
    source_ids = [_crop_array(ids, window) for ids in layer.source_ids]
    return Layer(_crop_array(pixels, window), _crop_array(valid, window), source_ids)


def _crop_array(array: Pixels, window: Window) -> Pixels:
    border = (array.shape[0] - window.height) // 2
    return array[Window(border, border, window.width, window.height).slices]
