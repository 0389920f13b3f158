"""Heights of the older products: what is requested, and whole metres in CGVD28."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import VOID
from hrdem.geo.positions import Positions
from hrdem.geo.resampling import FixedSampling
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Via
from hrdem.request.params import RequestParams
from hrdem.request.request import Request

_STRIP_PIXELS = 1 << 17  # that are shifted at a time, so that positions take little memory


def make_height_request(
    area: BaseGeometry,
    sampling: FixedSampling,
    label: str = "",
    *,
    offline: bool = False,
    **params: Unpack[RequestParams],
) -> Request:
    """Make the request of the heights in an area; only what they need is read.

    Args:
        area: Polygon or multipolygon in EPSG:4617, with all nodes that will be read.
        sampling: Level and kernel of the product.
        label: Name of the area in messages and reports.
        offline: Whether only the cache is read.
        **params: Parameters of `hrdem.extract` for the source, such as ``collection`` and
            ``stac_url``. By default ``fill`` is all collections that are coarser, but none from
            the WCS, which has one.

    Raises:
        RequestError: If a parameter is invalid, or full resolution would be read.
        NoDataError: If the area is where there can be no data.
    """
    given: RequestParams = {"product": "dtm", "aoi": area, "aoi_crs": LONLAT, "crop": True}
    given |= params
    if given.get("fill") is None:
        given["fill"] = "" if given.get("via") == Via.WCS else "all"
    request = Request.of(**given)
    if request.via is Via.VRT:
        raise RequestError(
            "Heights of older products come from overviews, so that the edges of neighbours match, "
            "and `via=vrt` reads full resolution. Leave it out."
        )
    if offline:
        request.check_offline()
    aoi = replace(request.aoi, label=label) if label else request.aoi
    return replace(request, aoi=aoi, sampling=sampling)


def to_cgvd28(
    heights: NDArray[np.float32], grid: Grid, window: Window, shift_grid: ShiftGrid
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Convert heights in CGVD2013 to whole metres in CGVD28: halves are rounded up.

    A position has the same height in all grids and windows.

    Args:
        heights: As for `shift_to_cgvd28`.
        grid: Grid of the heights.
        window: Window of the grid.
        shift_grid: Differences to add.

    Returns:
        Heights, `VOID` without data; and where a height is known but the difference is not, which
        are `VOID` too.
    """
    shifted = shift_to_cgvd28(heights, grid, window, shift_grid)
    shifted += 0.5
    np.floor(shifted, out=shifted)
    unknown = np.isnan(shifted)
    shifted[unknown] = VOID
    unknown &= ~np.isnan(heights)
    return shifted.astype(np.int16), unknown


def shift_to_cgvd28(
    heights: NDArray[np.float32], grid: Grid, window: Window, shift_grid: ShiftGrid
) -> NDArray[np.float64]:
    """Convert heights in CGVD2013 to heights in CGVD28.

    Args:
        heights: Metres in CGVD2013 at the pixel centres of the window, array of shape
            (window.height, window.width); NaN without data.
        grid: Grid of the heights.
        window: Window of the grid.
        shift_grid: Differences to add.

    Returns:
        Metres in CGVD28, NaN where the height or the difference is unknown.
    """
    positions = Positions.of(grid, window, LONLAT)
    shifted = np.empty(heights.shape)
    rows = max(1, _STRIP_PIXELS // window.width)
    for strip in window.split(window.width, rows, window.column, window.row):
        within = strip.shifted(-window.column, -window.row).slices
        np.add(heights[within], shift_grid.shift(*positions.at(strip)), out=shifted[within])
    return shifted
