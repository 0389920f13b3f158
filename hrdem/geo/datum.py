"""Datums: how the CRS of a user relates to NAD83(CSRS), the datum of the data.

This is the only place that decides it. A realization of NAD83 or WGS 84 counts as NAD83(CSRS): its
longitudes and latitudes are taken as they are. Any other datum needs an operation of PROJ that is
accurate to a metre where it is used. docs/datums.md has the reasons.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any, Self

import numpy as np

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, parse_crs, unprojectable_error
from hrdem.geo.datum_operations import (
    Area,
    DatumOperation,
    find_operations,
    make_ballpark,
)
from hrdem.geo.pipeline import (
    find_bound_shift,
    geodetic_base,
    get_datum,
    horizontal_part,
    steps_to_lonlat,
    transform_points,
)

Bounds = tuple[float, float, float, float]  # left, bottom, right, top in units of a CRS

log = logging.getLogger(__name__)

AREA_POINTS = 11  # along each axis of a box, to find what it spans

# PROJ's names of datums and those of ESRI, in lower case, letters and digits only. Each counts as
# NAD83(CSRS). Not among them, as they differ by more than a metre: MA11, PA11, MARP00 and PACP00,
# which move with other plates.
_NAD83 = re.compile(
    r"(nad(19)?83|northamerican(datum)?(of)?1983)"
    r"(csrs(96|98)?(v(ersion)?\d+)?|canadianspatialreferencesystem"
    r"|harn\w*|highaccuracyreferencenetwork(corrected)?|fbn|federalbasenetwork"
    r"|(nsrs|nationalspatialreferencesystem)?(2007|2011)"
    r"|cors96|continuouslyoperatingreferencestation1996)?(ensemble)?"
)
_WGS84 = re.compile(
    r"(wgs(19)?84|worldgeodeticsystem(of)?1984)(transit|g\d+|majorauxiliarysphere)?(ensemble)?"
    r"|popularvisualisation(datum)?"
)
_NAMELESS = re.compile(r"unknown|unspecified|not specified|undefined", re.IGNORECASE)


class LinkedCrs(str):
    """A CRS with the operation that links its datum to NAD83(CSRS).

    Everything that labels takes it as the text of the CRS, everything that transforms follows the
    operation.

    Attributes:
        operation: The operation, chosen once for the area of a request.
    """

    __slots__ = ("operation",)
    operation: DatumOperation

    def __new__(cls, crs: str, operation: DatumOperation) -> Self:
        """Link a CRS by an operation."""
        linked = super().__new__(cls, crs)
        linked.operation = operation
        return linked

    def __getnewargs__(self) -> tuple[str, DatumOperation]:  # type: ignore[override]
        """Return what a copy in another process is made from."""
        return str(self), self.operation


def get_operation(crs: str) -> DatumOperation | None:
    """Return the operation that links a CRS to NAD83(CSRS); None if it counts as that."""
    return crs.operation if isinstance(crs, LinkedCrs) else None


def link_crs(crs: str, bounds: Bounds, bounds_crs: str, *, allow_inaccurate: bool = False) -> str:
    """Return a CRS that can be transformed: linked to NAD83(CSRS) if it does not count as that.

    Args:
        crs: Anything that PROJ reads.
        bounds: Left, bottom, right, top of the area: operations differ by region.
        bounds_crs: CRS of the area, on any datum.
        allow_inaccurate: Whether to accept an operation that is less accurate than a metre, or
            none, with a warning.

    Raises:
        RequestError: If PROJ cannot read it, or has no operation that is accurate enough.
        NoDataError: If the area has no longitude and latitude.
    """
    if isinstance(crs, LinkedCrs) or counts_as_nad83(crs):
        return crs
    found, missing = find_operations(crs, _span_lonlat(bounds, bounds_crs))
    best = found[0] if found else make_ballpark(crs)
    if not best.is_accurate:
        problem = _describe_problem(crs, best, missing)
        if not allow_inaccurate:
            raise RequestError(
                f"{problem} `allow_inaccurate_datum` continues all the same, and records it."
            )
        log.warning("%s", problem)
    return LinkedCrs(crs, best)


@functools.lru_cache(maxsize=256)
def counts_as_nad83(crs: str) -> bool:
    """Whether longitudes and latitudes of a CRS are taken as those of NAD83(CSRS).

    Args:
        crs: Anything that PROJ reads.

    Raises:
        RequestError: If PROJ cannot read it, or it has a coordinate epoch.
    """
    described = parse_crs(crs).to_dict(projjson=True)
    datum = get_datum(geodetic_base(horizontal_part(described)))
    name = _simplify(datum["name"])
    if _NAD83.fullmatch(name) or _WGS84.fullmatch(name):
        return True
    shift = find_bound_shift(described)
    return shift is not None and _is_null(shift, datum["ellipsoid"])


def is_same_crs(crs: str, other: str) -> bool:
    """Whether two CRSs give each position the same coordinates, to a millimetre.

    Args:
        crs: Anything that PROJ reads.
        other: Anything that PROJ reads.

    Raises:
        RequestError: If PROJ cannot read one of them.
    """
    if steps_to_lonlat(crs) != steps_to_lonlat(other):
        return False
    if counts_as_nad83(crs) or counts_as_nad83(other):
        return counts_as_nad83(crs) and counts_as_nad83(other)
    if _simplify(_get_datum_name(crs)) != _simplify(_get_datum_name(other)):
        return False
    shift, other_shift = _get_own_shift(crs), _get_own_shift(other)
    return shift is None or other_shift is None or shift == other_shift


def _span_lonlat(bounds: Bounds, crs: str) -> Area:
    """Return the longitudes and latitudes that a box spans, but for a datum shift."""
    left, bottom, right, top = bounds
    along = np.linspace(0, 1, AREA_POINTS)
    x, y = np.meshgrid(left + (right - left) * along, bottom + (top - bottom) * along)
    lonlat = transform_points(steps_to_lonlat(crs), np.column_stack([x.ravel(), y.ravel()]))
    if not np.isfinite(lonlat).all():
        raise unprojectable_error(crs, "longitude and latitude")
    (west, south), (east, north) = lonlat.min(axis=0).tolist(), lonlat.max(axis=0).tolist()
    return west, south, east, north


def _get_datum_name(crs: str) -> str:
    described = parse_crs(crs).to_dict(projjson=True)
    name: str = get_datum(geodetic_base(horizontal_part(described)))["name"]
    return name


def _get_own_shift(crs: str) -> list[Any] | None:
    """Return the numbers, or the grid, by which a CRS itself states its shift to WGS 84."""
    shift = find_bound_shift(parse_crs(crs).to_dict(projjson=True))
    return None if shift is None else [each["value"] for each in shift["parameters"]]


def _simplify(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("d_"))


def _is_null(shift: dict[str, Any], ellipsoid: dict[str, Any]) -> bool:
    """Whether a shift leaves longitude and latitude as they are.

    Geocentric zeros do so only between ellipsoids of one shape.
    """
    values = [parameter["value"] for parameter in shift["parameters"]]
    if values == ["@null"]:
        return True
    same_shape = (
        abs(ellipsoid.get("semi_major_axis", 0) - 6_378_137) < 0.01
        and abs(ellipsoid.get("inverse_flattening", 0) - 298.2572) < 0.001
    )
    return same_shape and not any(values)


def _describe_problem(crs: str, best: DatumOperation, missing: list[DatumOperation]) -> str:
    """Describe what PROJ can do for a datum, and how to get the grid that it lacks."""
    from pyproj import datadir  # noqa: PLC0415 (slow to import)

    datum = _get_datum_name(crs)
    shift = _get_own_shift(crs)
    if best.accuracy is None and shift and isinstance(shift[0], str):
        return (
            f"PROJ cannot find the grid {shift[0]}, which {describe_crs(crs)} names for its shift "
            "to NAD83(CSRS), the datum of the data. Put the grid into "
            f"{datadir.get_user_data_dir()}."
        )
    if best.accuracy is None and _NAMELESS.match(datum):
        return (
            f"{describe_crs(crs)} does not name its datum ({datum}), so its shift to NAD83(CSRS), "
            "the datum of the data, is unknown. Give a CRS that names it, as EPSG:n or "
            "+datum=NAD83 do."
        )
    text = (
        f"{describe_crs(crs)} is on the datum {datum}, and the best that PROJ has here to bring it "
        f"to NAD83(CSRS), the datum of the data, is {best.name}, {_format_accuracy(best)}."
    )
    wanted = next((each for each in missing if each.rank < best.rank), None)
    if wanted is None:
        return f"{text} Give coordinates in a CRS on NAD83(CSRS)."
    if not wanted.is_accurate:
        text += " There is none within a metre; what comes nearest needs a grid."
    grids = " and ".join(wanted.grids)
    sync = " ".join(f"--file {name}" for name in wanted.grids)
    urls = " ".join(f"https://cdn.proj.org/{name}" for name in wanted.grids)
    return (
        f"{text} {wanted.name} ({_format_accuracy(wanted)}) needs the grid {grids}, which is not "
        f"installed. Install it with `pyproj sync {sync}`, `projsync {sync}` or the package "
        f"proj-data, or put {urls} into {datadir.get_user_data_dir()}."
    )


def _format_accuracy(operation: DatumOperation) -> str:
    if operation.accuracy is None:
        return "of unknown accuracy"
    return f"accurate to {operation.accuracy:g} m"
