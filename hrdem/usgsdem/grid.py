"""The grid of a USGS DEM: its CRS by the codes of the header, its nodes by the profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.crs import is_geographic
from hrdem.geo.grid import Grid
from hrdem.usgsdem.header import Header
from hrdem.usgsdem.profiles import Profile

MAX_POINTS = 40 << 20  # the largest BC block has 36.4 million
MIN_SPACING = 1e-3  # ground units
MAX_SPACING = 1e5  # ground units
_MAX_METRES = (1e8, 1e8)  # of x and y: more than any map is wide
_MAX_SECONDS = (360 * 3_600, 90 * 3_600)  # of arc
MAX_MISPLACEMENT = 0.1  # spacings: files of edition 1 print seven digits of a coordinate
_ARC_SECONDS = 3600  # in a degree
_METRES, _SECONDS = 2, 3  # element 8
_NAD83 = 4  # element 27
_DEGREES_BY_DATUM = {1: 4267, 2: 4322, 3: 4326, _NAD83: 4269}  # element 27: EPSG
_UTM_BY_DATUM = {  # element 27: EPSG of zone 0 north, and the zones there are
    1: (26_700, range(1, 23)),
    2: (32_200, range(1, 61)),
    3: (32_600, range(1, 61)),
    _NAD83: (26_900, range(1, 24)),
}
_BC_ALBERS = 3005  # EPSG
# Element 7 of a BC file from the third on: parallels, origin, false easting and northing
# (BC 2.0, 4.1). The first two are the ellipsoid, which element 27 decides.
_BC_ANGLES = (50.0, 58.5, -126.0, 45.0)
_BC_FALSE_ORIGIN = (1_000_000.0, 0.0)
_MAX_DEGREES = 360  # a larger number has degrees, minutes and seconds of three digits each


def find_crs(header: Header, name: str, crs: str | None = None) -> str:
    """Find the horizontal CRS of a DEM by elements 5, 6, 7 and 27 of its header.

    Args:
        header: The header.
        name: Name of the file, for messages.
        crs: CRS to take if the header has none that is known here.

    Returns:
        ``EPSG:n``, or ``crs``.

    Raises:
        RequestError: If the header has no known CRS, and none is given.
    """
    found = _find_epsg(header)
    if isinstance(found, int):
        return f"EPSG:{found}"
    if crs is not None:
        return crs
    raise RequestError(f"{name} does not say its CRS: in its header, {found}. Give it as `crs`.")


def _find_epsg(header: Header) -> int | str:
    """Return the EPSG code of the CRS, or what the header has in place of one."""
    datum, zone = header.horizontal_datum, header.zone
    if datum not in _DEGREES_BY_DATUM:
        return f"element 27 (horizontal datum) is {_show(datum)}"
    match header.system:
        case 0:
            return _DEGREES_BY_DATUM[datum]
        case 1:
            base, zones = _UTM_BY_DATUM[datum]
            if zone is None or zone not in zones:
                return f"element 6 (UTM zone) is {_show(zone)}"
            return base + zone
        case 3 if datum == _NAD83 and _is_bc_albers(header):
            return _BC_ALBERS
        case 3:
            return "elements 7 and 27 (Albers projection) are not those of BC Albers"
    return f"element 5 (reference system) is {header.system}"


def _is_bc_albers(header: Header) -> bool:
    angles = tuple(_unpack_degrees(each or 0.0) for each in header.projection[2:6])
    return angles == _BC_ANGLES and header.projection[6:8] == _BC_FALSE_ORIGIN


def _unpack_degrees(angle: float) -> float:
    """Return an angle in degrees; BC 2.0, 4.1 prints degrees, and demands DDDMMMSSS.SSSSS."""
    if abs(angle) <= _MAX_DEGREES:
        return angle
    minutes, seconds = divmod(abs(angle), 1_000)
    degrees, minutes = divmod(minutes, 1_000)
    return math.copysign(degrees + minutes / 60 + seconds / 3_600, angle)


def _show(value: int | None) -> str:
    return "blank" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the profiles of a DEM lie.

    Attributes:
        grid: Grid whose pixel centres are the nodes, of the extent of all profiles.
        bottoms: Row of the first point of each profile, counted from 0 at the southern edge.
    """

    grid: Grid
    bottoms: tuple[int, ...]


def place_profiles(
    header: Header, profiles: Sequence[Profile], name: str, crs: str | None = None
) -> Placement:
    """Place profiles on the grid that they span; they may begin and end in different rows.

    Args:
        header: The header.
        profiles: The profiles, from the west; at least one.
        name: Name of the file, for messages.
        crs: CRS to take if the header has none that is known here.

    Raises:
        RequestError: If the ground unit or spacing is not one of a DEM, a profile does not lie on
            the grid, or the grid is too large.
    """
    system = find_crs(header, name, crs)
    per_unit = _find_units(header, system, name)
    dx, dy, _ = header.resolution
    if not all(MIN_SPACING <= spacing <= MAX_SPACING for spacing in (dx, dy)):
        raise RequestError(
            f"{name} cannot be read: its nodes are {dx:g} x {dy:g} apart (element 15 of its "
            f"header), and a spacing is {MIN_SPACING:g} to {MAX_SPACING:g}. Give a whole copy."
        )
    left, bottom = profiles[0].x, min(profile.y for profile in profiles)
    for number, profile in enumerate(profiles):
        _check_place(
            profile, left + number * dx, bottom, header, f"Profile {number + 1:,} of {name}"
        )
    bottoms = tuple(round((profile.y - bottom) / dy) for profile in profiles)
    rows = max(south + profile.points for south, profile in zip(bottoms, profiles, strict=True))
    if rows * len(profiles) > MAX_POINTS:
        raise RequestError(
            f"{name} spans {len(profiles):,} x {rows:,} nodes, more than the {MAX_POINTS:,} "
            "that are read at once. Give a smaller file."
        )
    transform = Affine(
        dx / per_unit,
        0,
        (left - dx / 2) / per_unit,
        0,
        -dy / per_unit,
        (bottom + (rows - 0.5) * dy) / per_unit,
    )
    return Placement(Grid(system, transform, len(profiles), rows), bottoms)


def _find_units(header: Header, crs: str, name: str) -> int:
    """Return the number of ground units in a unit of the CRS."""
    unit = header.ground_unit
    if is_geographic(crs) and unit == _SECONDS:
        return _ARC_SECONDS
    if not is_geographic(crs) and unit == _METRES:
        return 1
    raise RequestError(
        f"{name} cannot be read: element 8 (ground unit) of its header is {unit}, which is none of "
        f"{crs}. Arc seconds (3) are read for longitude and latitude, metres (2) for a map."
    )


def _check_place(profile: Profile, x: float, bottom: float, header: Header, name: str) -> None:
    dx, dy, _ = header.resolution
    max_x, max_y = _MAX_SECONDS if header.ground_unit == _SECONDS else _MAX_METRES
    end = profile.y + (profile.points - 1) * dy
    if not (abs(profile.x) <= max_x and -max_y <= profile.y and end <= max_y):
        raise RequestError(
            f"{name} begins at {profile.x:g}, {profile.y:g} and has {profile.points:,} nodes, "
            "which is nowhere on Earth. Give a whole copy."
        )
    if abs(profile.x - x) > MAX_MISPLACEMENT * dx:
        raise RequestError(
            f"{name} begins at x = {profile.x:.10g}, and by the spacing of {dx:g} in its header at "
            f"{x:.10g}. Give a file whose profiles follow each other from west to east."
        )
    up = (profile.y - bottom) / dy
    if abs(up - round(up)) > MAX_MISPLACEMENT:
        raise RequestError(
            f"{name} begins at y = {profile.y:.10g}, which is not on the rows of the other "
            f"profiles, {dy:g} apart. Give a file whose nodes are a grid."
        )
