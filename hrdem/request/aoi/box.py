"""Check bounding boxes and points; one that cannot be meant is refused, with what may be meant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hrdem.errors import HrdemError, RequestError
from hrdem.geo.canada import FAR_DEGREES, reaches_beyond, sample_lonlat
from hrdem.geo.crs import LONLAT, is_geographic
from hrdem.geo.grid import Bounds
from hrdem.request.aoi.plausibility import (
    CrsRemedy,
    Problem,
    find_place_problem,
    find_range_problem,
    find_unit_problem,
)
from hrdem.request.aoi.readings import Reading, format_numbers, suggest_box, suggest_point

_BOX_ORDER = "Give four numbers: west,south,east,north."
_POINT_ORDER = "Give two numbers: longitude,latitude."
_BOX_REMEDY = CrsRemedy(
    "Give `bbox_crs={}` if that is its CRS.",
    "`bbox_crs` must name its CRS, for example the UTM zone.",
)
_POINT_REMEDY = CrsRemedy(
    "`point` takes degrees; for metres, give `bbox` with `bbox_crs={}`.",
    "`point` takes degrees; for metres, give `bbox` with `bbox_crs`.",
)


def check_box(bbox: Sequence[float], crs: str) -> Bounds:
    """Return west, south, east, north.

    Args:
        bbox: Four numbers.
        crs: Their CRS.

    Raises:
        RequestError: If they are not a box, or far more than Canada; or if only another reading of
            them is in Canada, which the message names.
        NoDataError: If they are a box elsewhere.
    """
    try:
        numbers = tuple(float(number) for number in bbox)
    except (TypeError, ValueError) as exc:
        raise RequestError(f"`bbox` is {bbox!r}, which is not a box. {_BOX_ORDER}") from exc
    label = format_numbers(numbers)
    if len(numbers) != 4:
        raise RequestError(f"`bbox` has {len(numbers)} numbers: {label!r}. {_BOX_ORDER}")
    what = f"The box {label}"
    _check_finite(numbers, what, _BOX_ORDER)
    west, south, east, north = box = (numbers[0], numbers[1], numbers[2], numbers[3])
    problem = _find_problem(box, crs, what)
    reading = suggest_box(box, crs) if problem or _reaches_far(box, crs) else None
    crosses_greenwich = is_geographic(crs) and west < 0 < east
    if (
        problem is None
        and reading is not None
        and (crosses_greenwich or reading.is_dwarfed_by(box))
    ):
        problem = Problem(f"{what} reaches far outside Canada.")
    if problem is not None:
        raise _explain(problem, reading)
    if west == east or south == north:
        raise RequestError(
            f"{what} has no area. Give two opposite corners that differ in both axes."
        )
    return box


def check_point(point: Sequence[float]) -> tuple[float, float]:
    """Return longitude and latitude, degrees.

    Args:
        point: Two numbers.

    Raises:
        RequestError: If they are not a point; or if only another reading of them is in Canada,
            which the message names.
        NoDataError: If they are a point elsewhere.
    """
    label = format_numbers(point)
    if len(point) != 2:
        raise RequestError(f"`point` has {len(point)} numbers: {label!r}. {_POINT_ORDER}")
    what = f"The point {label}"
    _check_finite(point, what, _POINT_ORDER)
    longitude, latitude = point
    bounds = (longitude, latitude, longitude, latitude)
    problem = (
        find_unit_problem(bounds, LONLAT, what, _POINT_REMEDY)
        or find_range_problem(bounds, LONLAT, what)
        or find_place_problem(bounds, LONLAT, what, "Check the order, longitude,latitude.")
    )
    if problem is not None:
        reading = suggest_point(longitude, latitude)
        if reading is None:
            raise problem.error
        meant = f"Read {reading.how}, it is in Canada: did you mean {reading.point}?"
        raise RequestError(f"{problem.statement} {meant}")
    return longitude, latitude


def _check_finite(numbers: Sequence[float], what: str, order: str) -> None:
    if not all(map(math.isfinite, numbers)):
        raise RequestError(f"{what} contains a value that is not a finite number. {order}")


def _find_problem(box: Bounds, crs: str, what: str) -> Problem | None:
    """Find why four numbers cannot be meant as west, south, east, north."""
    west, south, east, north = box
    ordered = (min(west, east), min(south, north), max(west, east), max(south, north))
    if units := find_unit_problem(ordered, crs, what, _BOX_REMEDY):
        return units
    if ordered != box:
        sides = "west is greater than east" if west > east else "south is greater than north"
        return Problem(f"In {what[0].lower()}{what[1:]} {sides}.", _BOX_ORDER)
    check = "Check the order, west,south,east,north, the signs, and `bbox_crs`."
    return find_range_problem(box, crs, what) or find_place_problem(box, crs, what, check)


def _explain(problem: Problem, reading: Reading | None) -> HrdemError:
    """Return the error for a problem, with what may be meant instead."""
    if reading is None:
        return problem.error
    meant = f"Read {reading.how}, it is in Canada: did you mean {reading.box}?"
    other = " If not, `bbox_crs` must name its CRS." if reading.crs else ""
    return RequestError(f"{problem.statement} {meant}{other}")


def _reaches_far(box: Bounds, crs: str) -> bool:
    lonlat = sample_lonlat(box, crs)
    return lonlat is None or reaches_beyond(lonlat, FAR_DEGREES)
