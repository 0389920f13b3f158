"""Datums: how the CRS of a user relates to NAD83(CSRS), the datum of the data.

This is the only place that decides it. A realization of NAD83 or WGS 84 counts as NAD83(CSRS): its
longitudes and latitudes are taken as they are. Any other datum needs an operation of PROJ that is
accurate to a metre where it is used. docs/datums.md has the reasons.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, parse_crs, unprojectable_error
from hrdem.geo.pipeline import (
    Steps,
    geodetic_base,
    get_datum,
    horizontal_part,
    join_steps,
    make_transformer,
    split_steps,
    steps_to_lonlat,
)
from hrdem.runtime.gdal_env import get_variable
from hrdem.runtime.gdal_settings import PROJ_DATA

if TYPE_CHECKING:
    from pyproj import Transformer
    from pyproj._crs import Grid
    from pyproj.crs import CoordinateOperation

Bounds = tuple[float, float, float, float]  # left, bottom, right, top in units of a CRS
Area = tuple[float, float, float, float]  # west, south, east, north, degrees

log = logging.getLogger(__name__)

MAX_INACCURACY_METRES = 1.0  # of an operation that is applied without being allowed to be worse
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
# NAD83(CSRS), NAD83, WGS 84 and the versions of NAD83(CSRS) that grids or ITRF lead to
_HUBS = tuple(f"EPSG:{code}" for code in (4617, 4269, 4326, 8237, 8240, 8246, 8252, 8255, 10414))
_NAMELESS = re.compile(r"unknown|unspecified|not specified|undefined", re.IGNORECASE)
_UNITED_STATES = re.compile(r"(?!.*(Canada|North America)).*(United States|USA)", re.DOTALL)
_GRIDS = re.compile(r"(?<=grids=)\S+")


@dataclass(frozen=True, slots=True)
class DatumOperation:
    """An operation of PROJ between a datum and NAD83(CSRS).

    Attributes:
        name: Its name in the EPSG register, or names joined by ``+``.
        accuracy: Its accuracy as the register has it, metres; None if unknown.
        grids: Names of the grids that it needs.
        steps: Steps from the CRS to longitude and latitude on NAD83(CSRS), degrees. Grids have
            their full paths, so that every copy of PROJ in the process opens the same ones.
    """

    name: str
    accuracy: float | None
    grids: tuple[str, ...]
    steps: Steps

    @property
    def is_accurate(self) -> bool:
        """Whether it is accurate enough to be applied unasked.

        No register has the accuracy of a grid that the CRS itself names (``+nadgrids``).
        """
        if self.accuracy is None:
            return bool(self.grids)
        return self.accuracy <= MAX_INACCURACY_METRES

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "name": self.name,
            "accuracy": self.accuracy,
            "grids": list(self.grids),
            "pipeline": join_steps(self.steps),
        }


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
    best = found[0] if found else _make_ballpark(crs)
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
    shift = _find_bound_shift(described)
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
    return _simplify(_get_datum_name(crs)) == _simplify(_get_datum_name(other))


def find_operations(crs: str, area: Area) -> tuple[list[DatumOperation], list[DatumOperation]]:
    """Find the operations of PROJ between a CRS and NAD83(CSRS) that are valid in all of an area.

    Args:
        crs: Anything that PROJ reads.
        area: West, south, east, north, degrees.

    Returns:
        Those that can be applied and those whose grids are missing, the most accurate first.
    """
    described = parse_crs(crs).to_dict(projjson=True)
    found, missing = _search(horizontal_part(described), _HUBS, area)
    if _find_bound_shift(described) is not None and not (found or missing):
        # PROJ does not know the datum: what the CRS itself says of it is all there is
        bound = described if described["type"] == "BoundCRS" else described["components"][0]
        found, missing = _search(bound, ("EPSG:4326",), area)
    return sorted(found, key=_rank), sorted(missing, key=_rank)


def _rank(operation: DatumOperation) -> float:
    return math.inf if operation.accuracy is None else operation.accuracy


def _span_lonlat(bounds: Bounds, crs: str) -> Area:
    """Return the longitudes and latitudes that a box spans, but for a datum shift."""
    left, bottom, right, top = bounds
    along = np.linspace(0, 1, AREA_POINTS)
    x, y = np.meshgrid(left + (right - left) * along, bottom + (top - bottom) * along)
    lon, lat = make_transformer(steps_to_lonlat(crs)).transform(x, y)
    if not (np.isfinite(lon) & np.isfinite(lat)).all():
        raise unprojectable_error(crs, "longitude and latitude")
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _get_datum_name(crs: str) -> str:
    described = parse_crs(crs).to_dict(projjson=True)
    name: str = get_datum(geodetic_base(horizontal_part(described)))["name"]
    return name


def _simplify(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("d_"))


def _find_bound_shift(described: dict[str, Any]) -> dict[str, Any] | None:
    """Return the shift that a bound CRS carries (TOWGS84, +towgs84, +nadgrids) in PROJJSON."""
    while described["type"] == "CompoundCRS":
        described = described["components"][0]
    if described["type"] != "BoundCRS":
        return None
    shift: dict[str, Any] = described["transformation"]
    return shift


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


def _search(
    described: dict[str, Any], hubs: Iterable[str], area: Area
) -> tuple[list[DatumOperation], list[DatumOperation]]:
    """Ask PROJ for the operations between a CRS in PROJJSON and each hub."""
    from pyproj import CRS  # noqa: PLC0415 (slow to import)
    from pyproj.aoi import AreaOfInterest  # noqa: PLC0415
    from pyproj.transformer import TransformerGroup  # noqa: PLC0415

    _search_folders_of_proj_data()
    found: list[Transformer] = []
    missing: list[Transformer | CoordinateOperation] = []
    for hub in hubs:
        # warnings tell of missing grids, which are reported
        with _without_network(), warnings.catch_warnings(action="ignore"):
            group = TransformerGroup(
                CRS.from_json_dict(described),
                hub,
                always_xy=True,
                area_of_interest=AreaOfInterest(*area),
                allow_ballpark=False,
            )
        for each in group.transformers:
            (found if all(grid.full_name for grid in _list_grids(each)) else missing).append(each)
        missing += group.unavailable_operations
    # of one accuracy, first what is meant for a larger region: it more surely covers the area
    found.sort(key=_measure_extent, reverse=True)
    missing.sort(key=_measure_extent, reverse=True)
    return (
        [_read_operation(each) for each in found if _is_valid(each, area)],
        [
            _read_operation(each)
            for each in missing
            if _is_valid(each, area) and all(grid.url for grid in _list_grids(each))  # can be had
        ],
    )


def _measure_extent(operation: Transformer | CoordinateOperation) -> float:
    """Measure the smallest region that an operation is meant for, square degrees."""
    uses = [part.area_of_use for part in _list_transformations(operation)]
    return min(((use.east - use.west) * (use.north - use.south) for use in uses if use), default=0)


def _read_operation(operation: Transformer | CoordinateOperation) -> DatumOperation:
    """Return what is needed of an operation of PROJ; grids that it found get their full paths."""
    parts, grids = _list_transformations(operation), _list_grids(operation)
    paths = {grid.short_name: f'"{grid.full_name}"' for grid in grids if grid.full_name}
    steps = split_steps(operation.to_proj4())
    return DatumOperation(
        name=" + ".join(part.name for part in parts) or str(operation.name),
        accuracy=operation.accuracy if operation.accuracy >= 0 else None,
        grids=tuple(grid.short_name for grid in grids),
        steps=tuple(_GRIDS.sub(lambda name: paths.get(name[0], name[0]), step) for step in steps),
    )


def _list_grids(operation: Transformer | CoordinateOperation) -> list[Grid]:
    return [grid for part in _list_transformations(operation) for grid in part.grids]


def _list_transformations(
    operation: Transformer | CoordinateOperation,
) -> list[CoordinateOperation]:
    """Return the parts of an operation that go from one datum to another."""
    parts = list(operation.operations or ())
    if not parts and not hasattr(operation, "definition"):
        parts = [operation]
    return [each for each in parts if each.type_name != "Conversion"]


def _is_valid(operation: Transformer | CoordinateOperation, area: Area) -> bool:
    """Whether an operation is meant for all of an area in Canada.

    PROJ compares boxes, and those of the United States reach into Canada, where their grids are
    extrapolated.
    """
    west, south, east, north = area
    for part in _list_transformations(operation):
        use = part.area_of_use
        if use is None:
            continue
        wraps = use.west > use.east
        inside = use.south <= south and north <= use.north
        inside &= wraps or (use.west <= west and east <= use.east)
        if not inside or _UNITED_STATES.match(use.name):
            return False
    return True


@contextlib.contextmanager
def _without_network() -> Iterator[None]:
    """Let pyproj find grids on the disk only: PROJ_NETWORK bypasses the limits of our client."""
    from pyproj import network  # noqa: PLC0415 (slow to import)

    before = network.is_network_enabled()
    network.set_network_enabled(active=False)
    try:
        yield
    finally:
        network.set_network_enabled(active=before)


def _search_folders_of_proj_data() -> None:
    """Let PROJ find the user's grids: a pyproj with data of its own ignores PROJ_DATA."""
    from pyproj import datadir  # noqa: PLC0415 (slow to import)

    known = datadir.get_data_dir().split(os.pathsep)
    for variable in PROJ_DATA:
        for folder in get_variable(variable).split(os.pathsep):
            if folder and folder not in known:
                datadir.append_data_dir(folder)
                known.append(folder)


def _make_ballpark(crs: str) -> DatumOperation:
    """Return the operation that PROJ is left with: longitude and latitude unchanged."""
    return DatumOperation("Ballpark geographic offset", None, (), steps_to_lonlat(crs))


def _describe_problem(crs: str, best: DatumOperation, missing: list[DatumOperation]) -> str:
    """Describe what PROJ can do for a datum, and how to get the grid that it lacks."""
    from pyproj import datadir  # noqa: PLC0415 (slow to import)

    datum = _get_datum_name(crs)
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
    wanted = next((each for each in missing if _rank(each) < _rank(best)), None)
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
