"""Operations of PROJ between a datum and NAD83(CSRS), with those whose grids are missing."""

from __future__ import annotations

import contextlib
import math
import operator
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hrdem.geo.crs import parse_crs
from hrdem.geo.pipeline import (
    Steps,
    find_bound_shift,
    horizontal_part,
    join_steps,
    split_steps,
    steps_to_lonlat,
)
from hrdem.runtime.gdal_env import get_variable
from hrdem.runtime.gdal_settings import PROJ_DATA

if TYPE_CHECKING:
    from pyproj import Transformer
    from pyproj._crs import Grid
    from pyproj.crs import CoordinateOperation

Area = tuple[float, float, float, float]  # west, south, east, north, degrees

MAX_INACCURACY_METRES = 1.0  # of an operation that is applied without being allowed to be worse
# NAD83(CSRS), NAD83, WGS 84 and the versions of NAD83(CSRS) that grids or ITRF lead to
_HUBS = tuple(f"EPSG:{code}" for code in (4617, 4269, 4326, 8237, 8240, 8246, 8252, 8255, 10414))
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
        is_declared: Whether it is the shift that the CRS itself states, by numbers, for a datum
            that PROJ does not know.
    """

    name: str
    accuracy: float | None
    grids: tuple[str, ...]
    steps: Steps
    is_declared: bool = False

    @property
    def rank(self) -> float:
        """Its accuracy as a number to sort by, the best first."""
        return math.inf if self.accuracy is None else self.accuracy

    @property
    def is_accurate(self) -> bool:
        """Whether it is accurate enough to be applied unasked.

        No register has the accuracy of what the CRS itself states: its own grid (``+nadgrids``) or
        its own numbers (``+towgs84``).
        """
        if self.accuracy is None:
            return bool(self.grids) or self.is_declared
        return self.accuracy <= MAX_INACCURACY_METRES

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "name": self.name,
            "accuracy": self.accuracy,
            "grids": list(self.grids),
            "pipeline": join_steps(self.steps),
        }


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
    shift = find_bound_shift(described)
    if shift is not None and not (found or missing):
        # PROJ does not know the datum: what the CRS itself says of it is all there is
        bound = described if described["type"] == "BoundCRS" else described["components"][0]
        found, missing = _search(bound, ("EPSG:4326",), area)
        values = [parameter["value"] for parameter in shift["parameters"]]
        if any(isinstance(value, float | int) and value for value in values):  # zeros state nothing
            found = [replace(each, is_declared=True) for each in found]
    by_rank = operator.attrgetter("rank")
    return sorted(found, key=by_rank), sorted(missing, key=by_rank)


def make_ballpark(crs: str) -> DatumOperation:
    """Return the operation that PROJ is left with: longitude and latitude unchanged."""
    return DatumOperation("Ballpark geographic offset", None, (), steps_to_lonlat(crs))


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
            try:
                group = TransformerGroup(
                    CRS.from_json_dict(described),
                    hub,
                    always_xy=True,
                    area_of_interest=AreaOfInterest(*area),
                    allow_ballpark=False,
                )
            except IndexError:  # pyproj looks for the missing grid of what PROJ cannot compute
                continue
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
