"""The grid of the output: its pixel size, and exact grids with an origin and a size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import shapely
from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS, describe_crs, get_unit, normalize_crs
from hrdem.geo.datum import link_crs
from hrdem.geo.grid import Grid
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import AREAS, ParsedAoi
from hrdem.request.aoi.readings import format_numbers
from hrdem.request.products import Collection, get_collection

MIN_PIXEL_METRES, MAX_PIXEL_METRES = 0.001, 10_000.0


def parse_sized_grid(values: Mapping[str, Any]) -> ParsedAoi:
    """Return the area of a grid that is requested by its origin, its size and its pixel size.

    Args:
        values: All parameters of a request, whose origin has been checked.

    Raises:
        RequestError: If one of them is missing or invalid, or an area is given as well.
        NoDataError: If the grid is outside Canada.
    """
    width, height = values["size"]
    if values["origin"] is None:
        raise RequestError(
            f"`size={width},{height}` counts pixels from the upper left corner of the output. Give "
            "that as `origin`."
        )
    given = [name for name in (*AREAS, "buffer") if values[name] is not None]
    if given:
        raise RequestError(
            f"`size` with `origin` is an area, and so is `{given[0]}`. Give only one of them; "
            "`origin` alone aligns pixels to a point."
        )
    left, top = values["origin"]
    crs = NATIVE_CRS if values["crs"] is None else normalize_crs(values["crs"])
    collection = get_collection(values["collection"])
    pixel = check_resolution(values["resolution"], crs, collection)
    pixel = float(collection.resolution) if pixel is None else pixel
    grid = Grid(crs, Affine(pixel, 0, left, 0, -pixel, top), width, height)
    label = f"{width} x {height} pixels from {format_numbers((left, top))} ({describe_crs(crs)})"
    allow = values["allow_inaccurate_datum"]
    outline = shapely.box(*grid.bounds)
    aoi = Aoi.from_shape(outline, crs, label, allow_inaccurate_datum=allow)
    linked = link_crs(crs, grid.bounds, crs, allow_inaccurate=allow)
    return ParsedAoi(aoi, is_polygon=False, grid=Grid(linked, grid.transform, width, height))


def check_origin(values: Mapping[str, Any]) -> None:
    """Check how the output's grid is aligned: to multiples, to a point, or to its own corner.

    Args:
        values: All parameters of a request.

    Raises:
        RequestError: If the origin is not a point, or more than one of these is requested.
    """
    origin, snap = values["origin"], values["snap"]
    if origin is not None and not (len(origin) == 2 and all(map(math.isfinite, origin))):
        raise RequestError(
            f"`origin={format_numbers(origin)}` is not a point. Give two numbers in units of the "
            "output's CRS: x,y."
        )
    if values["like"] is not None and (origin is not None or not snap):
        name = "origin" if origin is not None else "snap=False"
        raise RequestError(f"`like` sets the whole grid. Leave `{name}` out.")
    if origin is not None and not snap:
        raise RequestError(
            "`origin` aligns the output to a point, and `snap=False` to the corner of the area. "
            "Give one of them."
        )


def check_resolution(resolution: float | None, crs: str, collection: Collection) -> float | None:
    """Return the pixel size of the output; None if its pixels are the source's own.

    Raises:
        RequestError: If it is not a size, or has no default in this CRS.
    """
    native, unit = float(collection.resolution), get_unit(crs)
    if resolution is None:
        if crs == NATIVE_CRS:
            return None
        if unit.metres != 1:
            raise RequestError(
                f"The unit of the output's CRS is the {unit.name}, so the pixel size has no "
                f"default. Give it in that unit, for example "
                f"`resolution={_one_digit(1 / unit.metres)}` for about a metre."
            )
        return native
    if not (math.isfinite(resolution) and resolution > 0):
        raise RequestError(f"`resolution` is {resolution}. Give a positive number.")
    if not MIN_PIXEL_METRES <= resolution * unit.metres <= MAX_PIXEL_METRES:
        meant = unit.metres != 1 and MIN_PIXEL_METRES <= resolution <= MAX_PIXEL_METRES
        metres = resolution if meant else 1
        length = "a metre" if metres == 1 else f"{metres:g} metres"
        raise RequestError(
            f"`resolution={resolution:g}` makes pixels of {resolution * unit.metres:.3g} metres, "
            f"because the unit of the output's CRS is the {unit.name}. Give a `resolution` from "
            f"{_one_digit(MIN_PIXEL_METRES / unit.metres)} to "
            f"{_one_digit(MAX_PIXEL_METRES / unit.metres)}; {_one_digit(metres / unit.metres)} is "
            f"about {length}."
        )
    return None if (crs, resolution) == (NATIVE_CRS, native) else float(resolution)


def _one_digit(number: float) -> str:
    """Format a number with one significant digit and no exponent."""
    return f"{Decimal(f'{number:.1g}'):f}"
