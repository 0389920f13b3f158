"""PROJ pipelines: how the coordinates of any CRS become longitude and latitude, step by step."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs, parse_crs

if TYPE_CHECKING:
    from pyproj import Transformer

Steps = tuple[str, ...]  # each a PROJ operation such as ``inv proj=utm zone=18 ellps=GRS80``

_INVERSE = "inv "
_LONLAT_AXES = [
    {"name": "Longitude", "abbreviation": "lon", "direction": "east", "unit": "degree"},
    {"name": "Latitude", "abbreviation": "lat", "direction": "north", "unit": "degree"},
]


def horizontal_part(described: dict[str, Any]) -> dict[str, Any]:
    """Return the horizontal system in a PROJJSON description, out of compound and bound ones."""
    while described["type"] in ("CompoundCRS", "BoundCRS"):
        is_bound = described["type"] == "BoundCRS"
        described = described["source_crs"] if is_bound else described["components"][0]
    return described


def geodetic_base(described: dict[str, Any]) -> dict[str, Any]:
    """Return the geographic system under the projections in a PROJJSON description."""
    while "base_crs" in described:
        described = described["base_crs"]
    return described


def get_datum(described: dict[str, Any]) -> dict[str, Any]:
    """Return the datum, or datum ensemble, of a geographic system in PROJJSON."""
    datum: dict[str, Any] = described.get("datum") or described["datum_ensemble"]
    return datum


@functools.lru_cache(maxsize=256)
def steps_to_lonlat(crs: str) -> Steps:
    """Return the steps from a CRS to longitude and latitude on its own datum.

    They are its projection, its units and its prime meridian. No step moves a position.

    Args:
        crs: Anything that PROJ reads.

    Returns:
        Steps from x (or longitude) and y to degrees east of Greenwich and degrees north.

    Raises:
        RequestError: If PROJ cannot read it or compute with it.
    """
    from pyproj import CRS  # noqa: PLC0415 (slow to import)
    from pyproj.exceptions import ProjError  # noqa: PLC0415

    system = parse_crs(crs)
    try:
        try:
            definition = _define_projection(system.to_dict(projjson=True))
        except ProjError:  # an older PROJ than rasterio's knows the names of WKT 1
            definition = _define_projection(CRS.from_wkt(system.to_wkt()).to_json_dict())
    except ProjError as exc:
        raise RequestError(
            f"PROJ cannot compute longitude and latitude from {describe_crs(crs)}. Give another "
            "CRS, for example EPSG:3979."
        ) from exc
    # a tenth of a millimetre less, so that UTM on WGS 84 and on NAD83 are equal to the last bit
    return tuple(step.replace("=WGS84", "=GRS80") for step in split_steps(definition))


def _define_projection(described: dict[str, Any]) -> str:
    """Return PROJ's definition of a CRS in PROJJSON.

    PROJ sees one nameless datum on both sides: it has no datum shift to choose.
    """
    from pyproj import CRS, Transformer  # noqa: PLC0415 (slow to import)

    system = horizontal_part(described)
    base = geodetic_base(system)
    ellipsoid = get_datum(base)["ellipsoid"]
    nameless = {"type": "GeodeticReferenceFrame", "name": "unknown", "ellipsoid": ellipsoid}
    meridian = {k: v for k, v in get_datum(base).items() if k == "prime_meridian"}
    lonlat = {
        "type": "GeographicCRS",
        "name": "unknown",
        "datum": nameless,
        "coordinate_system": {"subtype": "ellipsoidal", "axis": _LONLAT_AXES},
    }
    base.pop("datum_ensemble", None)
    base["datum"] = nameless | meridian
    base.pop("id", None)
    system.pop("id", None)
    definition: str = Transformer.from_crs(
        CRS.from_json_dict(system), CRS.from_json_dict(lonlat), always_xy=True
    ).definition
    return definition


def split_steps(definition: str) -> Steps:
    """Split the definition of a PROJ operation into its steps."""
    steps: list[list[str]] = []
    for word in (word.removeprefix("+") for word in definition.split()):
        if word in ("proj=pipeline", "step"):
            steps.append([])
        elif steps:
            steps[-1].append(word)
        else:
            steps.append([word])
    joined = (" ".join(words) for words in steps if words)
    return tuple(step for step in joined if not step.startswith("proj=noop"))


def invert_steps(steps: Steps) -> Steps:
    """Return the steps that undo others."""
    return tuple(_invert(step) for step in reversed(steps))


def join_steps(steps: Steps) -> str:
    """Return a PROJ pipeline of steps; neighbours that undo each other are left out."""
    kept: list[str] = []
    for step in steps:
        if kept and kept[-1] == _invert(step):
            kept.pop()
        else:
            kept.append(step)
    if not kept:
        return "proj=noop"
    return " step ".join(("proj=pipeline", *kept))


def transform_points(steps: Steps, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply steps to points; several threads can do so at the same time.

    Args:
        steps: Steps from the CRS of the points.
        points: float64 array of shape (n, 2), x or longitude first.

    Returns:
        float64 array of shape (n, 2); infinite where a point has no coordinates.
    """
    # pyproj takes arrays of one number for numbers, which numpy deprecates
    x, y = points[0] if len(points) == 1 else points.T
    return np.column_stack(_make_transformer(steps).transform(x, y))


@functools.lru_cache(maxsize=256)
def _make_transformer(steps: Steps) -> Transformer:
    from pyproj import Transformer  # noqa: PLC0415 (slow to import)

    return Transformer.from_pipeline(join_steps(steps))


def _invert(step: str) -> str:
    return step.removeprefix(_INVERSE) if step.startswith(_INVERSE) else _INVERSE + step


def find_bound_shift(described: dict[str, Any]) -> dict[str, Any] | None:
    """Return the shift that a bound CRS carries (TOWGS84, +towgs84, +nadgrids) in PROJJSON."""
    while described["type"] == "CompoundCRS":
        described = described["components"][0]
    if described["type"] != "BoundCRS":
        return None
    shift: dict[str, Any] = described["transformation"]
    return shift
