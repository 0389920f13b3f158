"""The area that is asked for: from a user's params to an area of interest, and how it is cut."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import shapely

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.grid import Grid
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.geometry import check_coordinates, make_circle
from hrdem.request.aoi.like import read_raster_grid
from hrdem.request.aoi.local_files import resolve_local_path
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.aoi.vector import DEFAULT_CRS, read_shape
from hrdem.request.params import AoiParams

_FARTHEST = 1_000_000.0  # metres of a radius or a buffer
_GOES_WITH = {"bbox_crs": "bbox", "aoi_crs": "aoi", "layer": "aoi", "radius": "point"}


@dataclass(frozen=True, slots=True)
class ParsedAoi:
    """An area as asked for.

    Attributes:
        aoi: The area of interest.
        is_polygon: Whether it was given as a shape, whose outline matters, or as a box.
        grid: The pixels that are asked for; None if they follow from the area.
    """

    aoi: Aoi
    is_polygon: bool
    grid: Grid | None = None


def parse_aoi(**params: Unpack[AoiParams]) -> ParsedAoi:
    """Return the area that the params of a user describe.

    Args:
        **params: Those of `AoiParams`.

    Raises:
        RequestError: If there is not exactly one area, or the params make no sense.
        NoDataError: If it reaches where EPSG:3979 has no coordinates.
    """
    _check_together({param for param, value in params.items() if value is not None})
    buffer = params.get("buffer")
    wider = 0.0 if buffer is None else _length(buffer, "--buffer")
    if (bbox := params.get("bbox")) is not None:
        crs = params.get("bbox_crs")
        return ParsedAoi(
            Aoi.from_bbox(bbox, DEFAULT_CRS if crs is None else crs, wider), is_polygon=False
        )
    if (nts := params.get("nts")) is not None:
        sheet = parse_sheet(nts)
        box = shapely.box(*sheet.bounds)
        return ParsedAoi(Aoi.from_shape(box, LONLAT, f"NTS {sheet.name}", wider), is_polygon=False)
    if (like := params.get("like")) is not None:
        return _like(like)
    if (point := params.get("point")) is not None:
        return ParsedAoi(_around(point, params.get("radius"), wider), is_polygon=True)
    given = params.get("aoi")
    assert given is not None
    shape = read_shape(given, params.get("aoi_crs"), params.get("layer"))
    return ParsedAoi(Aoi.from_shape(shape.geometry, shape.crs, shape.label, wider), is_polygon=True)


def _check_together(given: set[str]) -> None:
    kinds = [kind for kind in ("bbox", "aoi", "like", "nts", "point") if kind in given]
    if not kinds:
        raise RequestError(
            "No area was given. Give one of --bbox, --aoi, --like, --nts, or --point with --radius."
        )
    if len(kinds) > 1:
        raise RequestError(
            f"{' and '.join(f'--{kind}' for kind in kinds)} each give an area. Give one of them."
        )
    for param, kind in _GOES_WITH.items():
        if param in given and kind not in kinds:
            raise RequestError(
                f"--{param.replace('_', '-')} goes with --{kind}, but the area was given as "
                f"--{kinds[0]}. Leave it out."
            )
    if kinds == ["like"] and "buffer" in given:
        raise RequestError(
            "--like takes the grid of a raster as it is, --buffer would widen it: choose one."
        )


def _like(name: str | os.PathLike[str]) -> ParsedAoi:
    path = resolve_local_path(name, "--like")
    grid = read_raster_grid(path)
    what = f"The raster {path.name}"
    check_coordinates(grid.bounds, grid.crs, what, "Give it the right CRS, for example {}.")
    aoi = Aoi.from_shape(shapely.box(*grid.bounds), grid.crs, path.name)
    return ParsedAoi(aoi, is_polygon=False, grid=grid)


def _around(point: Sequence[float], radius: float | None, wider: float) -> Aoi:
    """Return a circle about a point."""
    try:
        longitude, latitude = map(float, point)
    except (TypeError, ValueError) as exc:
        raise RequestError(
            f"A point needs two numbers, longitude,latitude; {point!r} is something else."
        ) from exc
    shown = f"{longitude:.12g},{latitude:.12g}"
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise RequestError(f"The point {shown} holds a value that is not a finite number.")
    if radius is None:
        raise RequestError(f"The point {shown} has no area. Give --radius METRES with it.")
    bounds = (longitude, latitude, longitude, latitude)
    remedy = "--point takes degrees; for metres give --bbox with --bbox-crs {}."
    check_coordinates(bounds, LONLAT, f"The point {shown}", remedy)
    metres = _length(radius, "--radius")
    text = f"{metres:g} m around {shown}"
    return Aoi.from_shape(make_circle(longitude, latitude, metres), NATIVE_CRS, text, wider)


def _length(metres: float, option: str) -> float:
    try:
        length = float(metres)
    except (TypeError, ValueError) as exc:
        raise RequestError(f"{option} takes metres; {metres!r} is no number.") from exc
    if not 0 < length <= _FARTHEST:
        raise RequestError(
            f"{option} takes metres, more than 0 and up to {_FARTHEST:,.0f}, not {length:g}."
        )
    return length
