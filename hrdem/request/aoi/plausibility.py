"""Problems of coordinates: another unit, another order, another place than Canada."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.errors import HrdemError, NoDataError, RequestError
from hrdem.geo.canada import (
    CANADA,
    describe_place,
    is_far_more_than_canada,
    is_in_canada,
    is_outside,
    sample_lonlat,
)
from hrdem.geo.crs import describe_crs, is_geographic
from hrdem.geo.grid import Bounds
from hrdem.request.aoi.readings import DEGREES_CRS, MIN_METRES, format_box, suggest_crs


@dataclass(frozen=True, slots=True)
class Problem:
    """Why coordinates cannot be meant as they are.

    Attributes:
        statement: What was found, a sentence.
        advice: What to do, a sentence; empty if there is nothing to say.
        kind: The error that it is.
    """

    statement: str
    advice: str = ""
    kind: type[HrdemError] = RequestError

    @property
    def error(self) -> HrdemError:
        """The error to raise."""
        return self.kind(f"{self.statement} {self.advice}".rstrip())


@dataclass(frozen=True, slots=True)
class CrsRemedy:
    """Advice for coordinates in a wrong CRS.

    Attributes:
        named: With a placeholder for the likely one.
        unnamed: Where none is likely.
    """

    named: str
    unnamed: str

    def format(self, crs: str | None) -> str:
        """Return the advice for a likely CRS; None if none is."""
        return self.unnamed if crs is None else self.named.format(crs)


def check_coordinates(bounds: Bounds, crs: str, what: str, remedy: CrsRemedy) -> None:
    """Check the coordinates of a shape or a raster.

    Args:
        bounds: Left, bottom, right, top of the coordinates.
        crs: Their presumed CRS.
        what: Subject of the message.
        remedy: Advice for a wrong CRS.

    Raises:
        RequestError: If they look like coordinates of another CRS, or like latitude before
            longitude.
    """
    left, bottom, right, top = bounds
    problem = find_unit_problem(bounds, crs, what, remedy)
    if problem is None and is_geographic(crs):
        if is_in_canada((bottom, left, top, right), DEGREES_CRS):
            problem = Problem(
                f"{what} looks like latitude before longitude.",
                "Give longitude first; it is negative everywhere in Canada.",
            )
        else:
            problem = find_range_problem(bounds, crs, what)
    if problem is not None:
        raise problem.error


def check_place(bounds: Bounds, crs: str, what: str) -> None:
    """Check that an area is in Canada, at least a part of it, and not far larger.

    Args:
        bounds: Left, bottom, right, top of the area.
        crs: Their CRS.
        what: Subject of the message.

    Raises:
        RequestError: If it is far larger.
        NoDataError: If it is elsewhere.
    """
    advice = f"Check its CRS, {describe_crs(crs)}, and the order of its coordinates."
    if is_geographic(crs) and bounds[0] > 0:
        advice = "Longitudes in Canada are negative."
    if (problem := find_place_problem(bounds, crs, what, advice)) is not None:
        raise problem.error


def find_unit_problem(bounds: Bounds, crs: str, what: str, remedy: CrsRemedy) -> Problem | None:
    """Find degrees in a CRS in metres, or the other way round; arguments as for a check."""
    name = describe_crs(crs)
    if not is_geographic(crs) and is_in_canada(bounds, DEGREES_CRS):
        found = f"{what} looks like degrees, but {name} is a projected CRS."
        return Problem(found, remedy.format(DEGREES_CRS))
    if is_geographic(crs) and max(map(abs, bounds)) >= MIN_METRES:
        found = f"{what} looks like metres, but {name} is in degrees."
        return Problem(found, remedy.format(suggest_crs(bounds)))
    return None


def find_range_problem(bounds: Bounds, crs: str, what: str) -> Problem | None:
    """Find degrees that are out of their range; arguments as for a check."""
    left, bottom, right, top = bounds
    beyond = max(abs(left), abs(right)) > 180 or max(abs(bottom), abs(top)) > 90
    if not (beyond and is_geographic(crs)):
        return None
    return Problem(
        f"{what} is outside the range of degrees.",
        "Give longitude within -180 and 180, before latitude within -90 and 90.",
    )


def find_place_problem(bounds: Bounds, crs: str, what: str, advice: str = "") -> Problem | None:
    """Find an area that is not in Canada, or far larger; arguments as for a check.

    Args:
        bounds: Left, bottom, right, top of the area.
        crs: Their CRS.
        what: Subject of the message.
        advice: What to do if it is elsewhere.
    """
    lonlat = sample_lonlat(bounds, crs)
    if lonlat is None:
        return None  # says so itself when it is transformed
    if is_far_more_than_canada(lonlat, crs):
        canada = format_box(CANADA, None if crs == DEGREES_CRS else DEGREES_CRS)
        return Problem(
            f"{what} covers far more than Canada, where the data are.", f"Canada is {canada}."
        )
    if is_outside(lonlat):
        place = describe_place(lonlat)
        return Problem(
            f"{what} is near {place}, outside Canada, where the data are.", advice, NoDataError
        )
    return None
