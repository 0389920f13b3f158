"""Parse the parameters of an area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import shapely

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.datum import link_crs
from hrdem.geo.grid import Grid
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.box import check_point
from hrdem.request.aoi.geometry import make_circle
from hrdem.request.aoi.plausibility import CrsRemedy, check_coordinates
from hrdem.request.aoi.readings import DEGREES_CRS, format_numbers
from hrdem.request.area_fields import AREA
from hrdem.request.params import AoiParams
from hrdem.request.protocols import RasterLike
from hrdem.request.signature import complete

MAX_LENGTH_METRES = 1_000_000.0  # of a radius or a buffer
#: the parameters that each define an area
AREAS = ("bbox", "aoi", "like", "nts", "point")
_LIKE_REMEDY = CrsRemedy(
    "Assign the right CRS to it: {} if that is it.", "Assign the right CRS to it."
)
_NEEDS = {"bbox_crs": "bbox", "aoi_crs": "aoi", "layer": "aoi", "radius": "point"}


@dataclass(frozen=True, slots=True)
class ParsedAoi:
    """A requested area.

    Attributes:
        aoi: Area of interest.
        is_polygon: Whether its outline matters, as that of a polygon or a circle; False for boxes.
        grid: Grid of the output, if it is that of another raster; None if it follows from the
            area.
    """

    aoi: Aoi
    is_polygon: bool
    grid: Grid | None = None


def parse_aoi(**params: Unpack[AoiParams]) -> ParsedAoi:
    """Return the area that parameters describe.

    Args:
        **params: The parameters of an area; None counts as left out.

    Raises:
        RequestError: If they describe no area or several, or are invalid.
        NoDataError: If the area reaches where EPSG:3979 has no coordinates.
    """
    values: dict[str, Any] = complete(AREA, params)
    check_combination({name for name, value in values.items() if value is not None})
    metres = 0.0
    if values["buffer"] is not None:
        metres = values["buffer"]
        check_length(metres, "buffer")
    allow = values["allow_inaccurate_datum"]
    if (bbox := values["bbox"]) is not None:
        crs = values["bbox_crs"]
        crs = DEGREES_CRS if crs is None else crs
        aoi = Aoi.from_bbox(bbox, crs, metres, allow_inaccurate_datum=allow)
        return ParsedAoi(aoi, is_polygon=False)
    if (nts := values["nts"]) is not None:
        from hrdem.request.aoi.nts import parse_sheet  # noqa: PLC0415 (most areas are boxes)

        sheet = parse_sheet(nts)
        box = shapely.box(*sheet.bounds)
        return ParsedAoi(Aoi.from_shape(box, LONLAT, f"NTS {sheet.name}", metres), is_polygon=False)
    if (like := values["like"]) is not None:
        return _parse_like(like, allow_inaccurate_datum=allow)
    if (point := values["point"]) is not None:
        return ParsedAoi(parse_circle(point, values["radius"], metres), is_polygon=True)
    from hrdem.request.aoi.vector import read_shape  # noqa: PLC0415 (slow to import)

    source = values["aoi"]
    assert source is not None
    shape = read_shape(source, values["aoi_crs"], values["layer"])
    aoi = Aoi.from_shape(
        shape.geometry, shape.crs, shape.label, metres, allow_inaccurate_datum=allow
    )
    return ParsedAoi(aoi, is_polygon=True)


def check_combination(names: set[str]) -> None:
    areas = [name for name in AREAS if name in names]
    if not areas:
        raise RequestError(
            "No area was requested. Give one of `bbox`, `aoi`, `like`, `nts`, or `point` with "
            "`radius`."
        )
    if len(areas) > 1:
        raise RequestError(
            f"{' and '.join(f'`{name}`' for name in areas)} each define an area. Give only one of "
            "them."
        )
    for name, area in _NEEDS.items():
        if name in names and area not in areas:
            raise RequestError(
                f"`{name}` applies to `{area}`, but the area was given as `{areas[0]}`. Leave "
                f"`{name}` out."
            )
    if areas == ["like"] and "buffer" in names:
        raise RequestError(
            "`like` uses the grid of a raster as it is, but `buffer` would widen it. Give only one "
            "of them."
        )


def _parse_like(source: RasterLike, *, allow_inaccurate_datum: bool) -> ParsedAoi:
    from hrdem.request.aoi.like import read_template  # noqa: PLC0415 (slow to import)

    grid, label = read_template(source)
    check_coordinates(grid.bounds, grid.crs, f"The raster {label}", _LIKE_REMEDY)
    linked = link_crs(grid.crs, grid.bounds, grid.crs, allow_inaccurate=allow_inaccurate_datum)
    grid = replace(grid, crs=linked)
    aoi = Aoi.from_shape(shapely.box(*grid.bounds), linked, label)
    return ParsedAoi(aoi, is_polygon=False, grid=grid)


def parse_circle(
    point: Sequence[float], radius: float | None, buffer: float = 0.0, name: str = ""
) -> Aoi:
    """Return the circle around a point.

    Args:
        point: Longitude and latitude in degrees on NAD83.
        radius: Radius on the ground, metres; None if none was given.
        buffer: Distance on the ground to widen it by, metres.
        name: What the point is called in messages and provenance; empty for its coordinates.

    Raises:
        RequestError: If it is not a point, or the radius is missing or invalid.
        NoDataError: If it is outside Canada.
    """
    longitude, latitude = check_point(point)
    label = format_numbers(point)
    if radius is None:
        raise RequestError(f"The point {label} has no area. Give `radius` in metres.")
    check_length(radius, "radius")
    circle, crs = make_circle(longitude, latitude, radius)
    return Aoi.from_shape(circle, crs, f"{radius:g} m around {name or label}", buffer)


def check_length(metres: float, parameter: str) -> None:
    """Check a radius or a buffer.

    Raises:
        RequestError: If it is not positive, or far too large; the message names the parameter.
    """
    if not 0 < metres <= MAX_LENGTH_METRES:
        raise RequestError(
            f"`{parameter}` is {metres:,.12g}. Give metres, more than 0 and up to "
            f"{MAX_LENGTH_METRES:,.0f}."
        )
