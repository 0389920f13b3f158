"""Other readings of coordinates that cannot be meant as they are: orders, signs, units.

A reading is suggested only if it lies in Canada and no other does, so that following it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hrdem.geo.canada import is_in_canada
from hrdem.geo.crs import NATIVE_CRS, is_geographic
from hrdem.geo.grid import Bounds

DEGREES_CRS, WEB_MERCATOR = "EPSG:4326", "EPSG:3857"
# coordinates larger than this are metres; smaller ones may be degrees without their point
MIN_METRES = 10_000.0
_TURN_DEGREES = 360.0
MIN_DISMISSED_RATIO = 1_000.0  # of the area of a reading to that of a smaller one, which is meant

_QGIS = "as xmin,xmax,ymin,ymax, which is QGIS's order"
_NOMINATIM = "as south,north,west,east, which is Nominatim's order"
_SIZE = "as west,south,width,height"
_EXCHANGED = "with minimum and maximum exchanged"
_NEGATIVE = "with negative longitudes"
_BELOW_360 = "with longitudes from 0 to 360"


@dataclass(frozen=True, slots=True)
class Reading:
    """What coordinates may have been meant as.

    Attributes:
        bounds: West, south, east, north; of a point, each number twice.
        crs: Their CRS, if it is another one than was given; else None.
        how: How the numbers have to be read, to follow on "read".
    """

    bounds: Bounds
    crs: str | None
    how: str

    @property
    def box(self) -> str:
        """The parameters that give it as a box, in backquotes."""
        return format_box(self.bounds, self.crs)

    @property
    def point(self) -> str:
        """The parameter that gives it as a point, in backquotes."""
        return f"`point={format_numbers(self.bounds[:2])}`"

    def is_dwarfed_by(self, bounds: Bounds) -> bool:
        """Whether a box in the same units is so much larger that this one is meant."""
        return _measure_area(bounds) > MIN_DISMISSED_RATIO * _measure_area(self.bounds)


def format_numbers(numbers: Sequence[float]) -> str:
    """Format coordinates as a user gives them."""
    return ",".join(f"{number:.12g}" for number in numbers)


def format_box(bounds: Bounds, crs: str | None) -> str:
    """Return the parameters that give a box, in backquotes."""
    named = "" if crs is None else f" with `bbox_crs={crs}`"
    return f"`bbox={format_numbers(bounds)}`{named}"


def suggest_box(numbers: Bounds, crs: str) -> Reading | None:
    """Return the only reading of a box that lies in Canada; None if none or several do.

    In metres nearly every order gives a box in Canada. But only in the right one are opposite sides
    close to each other: a box that is much larger than another is dismissed.

    Args:
        numbers: Four finite numbers, in any order.
        crs: CRS that they were given in.
    """
    found: dict[tuple[Bounds, str | None], Reading] = {}
    for other in _list_crs(numbers, crs):
        for bounds, how in _list_boxes(numbers, other or crs):
            if (bounds, other) not in found and is_in_canada(bounds, other or crs):
                named = how if other is None else f"{how}, in {other}" if how else f"in {other}"
                found[bounds, other] = Reading(bounds, other, named)
    return _choose(list(found.values()))


def suggest_point(longitude: float, latitude: float) -> Reading | None:
    """Return the only reading of a point in degrees that lies in Canada, or None."""
    found: dict[Bounds, Reading] = {}
    for x, y, order in ((longitude, latitude, ""), (latitude, longitude, _name_swap(DEGREES_CRS))):
        for (west, _), sign in _list_longitudes(x, x, DEGREES_CRS):
            bounds = (west, y, west, y)
            if is_in_canada(bounds, DEGREES_CRS):
                found.setdefault(bounds, Reading(bounds, None, _join(order, sign)))
    return _choose(list(found.values()))


def suggest_crs(bounds: Bounds) -> str | None:
    """Return the only CRS in metres, of those that need no zone, in which a box is in Canada."""
    inside = [crs for crs in (NATIVE_CRS, WEB_MERCATOR) if is_in_canada(bounds, crs)]
    return inside[0] if len(inside) == 1 else None


def _choose(readings: list[Reading]) -> Reading | None:
    """Return the one that is meant; None if several may be."""
    if not readings or len({reading.crs for reading in readings}) > 1:  # their units differ
        return None
    first, *others = sorted(readings, key=lambda reading: _measure_area(reading.bounds))
    return first if all(first.is_dwarfed_by(other.bounds) for other in others) else None


def _measure_area(bounds: Bounds) -> float:
    left, bottom, right, top = bounds
    return (right - left) * (top - bottom)


def _list_crs(numbers: Bounds, crs: str) -> list[str | None]:
    """List the CRSs that numbers may be in; None for the one that was given."""
    in_metres = max(map(abs, numbers)) >= MIN_METRES
    given: list[str | None] = [] if in_metres and is_geographic(crs) else [None]
    if in_metres:
        return [*given, *(each for each in (NATIVE_CRS, WEB_MERCATOR) if each != crs)]
    return given if is_geographic(crs) else [*given, DEGREES_CRS]


def _list_boxes(numbers: Bounds, crs: str) -> Iterator[tuple[Bounds, str]]:
    """Yield boxes that have an area, with how to read them, those as given first.

    Degrees of longitude and latitude tell themselves apart in Canada. In metres, two mistakes at
    once would make nearly any numbers a box, so only single ones count.
    """
    a, b, c, d = numbers
    in_degrees = is_geographic(crs)
    orders = [((a, c), (b, d), "")]
    if in_degrees or (a < b and c < d):
        orders.append(((a, b), (c, d), _QGIS))
    if in_degrees or (a < c and b < d):
        orders.append(((b, d), (a, c), _name_swap(crs)))
    if in_degrees:
        orders.append(((c, d), (a, b), _NOMINATIM))
    if c > 0 and d > 0:
        orders.append(((a, a + c), (b, b + d), _SIZE))
    for xs, ys, order in orders:
        for (x, other_x), sign in _list_longitudes(*xs, crs):
            (west, east), (south, north) = sorted((x, other_x)), sorted(ys)
            if west < east and south < north:
                is_exchanged = xs[0] > xs[1] or ys[0] > ys[1]
                exchanged = _EXCHANGED if is_exchanged and sign != _NEGATIVE else ""
                yield (west, south, east, north), _join(order, exchanged, sign)


def _list_longitudes(
    x: float, other_x: float, crs: str
) -> Iterator[tuple[tuple[float, float], str]]:
    """Yield two longitudes as they are, and with a sign or a turn less; only so if in metres."""
    yield (x, other_x), ""
    if is_geographic(crs) and max(x, other_x) > 0:
        yield (-abs(x), -abs(other_x)), _NEGATIVE
        if min(x, other_x) > _TURN_DEGREES / 2:
            yield (x - _TURN_DEGREES, other_x - _TURN_DEGREES), _BELOW_360


def _name_swap(crs: str) -> str:
    if is_geographic(crs):
        return "with latitude before longitude"
    return "with northing before easting"


def _join(*parts: str) -> str:
    return " and ".join(part for part in parts if part)
