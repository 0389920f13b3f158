"""Coordinate reference systems: NATIVE_CRS, user input and units."""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from rasterio.crs import CRS
from rasterio.errors import CRSError

from hrdem.errors import NoDataError, RequestError
from hrdem.runtime.gdal_env import pinned_gdal

#: NAD83(CSRS) / Canada Atlas Lambert: the CRS of every published file
NATIVE_CRS = "EPSG:3979"
#: NAD83(CSRS), longitude and latitude: the datum of the data
LONLAT = "EPSG:4617"
METRES_PER_DEGREE = 111_000.0  # of latitude, about
MAX_CRS_CHARACTERS = 80  # in a message
_EPSG_OF_OGC = {"CRS83": 4269, "CRS84": 4326}  # differ in axis order only, which rasters ignore
_EPOCH = re.compile(r"COORDINATEMETADATA\[|\"CoordinateMetadata\"|@\d{4}(\.\d+)?\s*$")
_EPSG_PREFIX = re.compile(r"\s*EPSG\s*:", re.IGNORECASE)
_EPSG_CODE = re.compile(r"\s*EPSG:\d{1,9}(\+\d{1,9})?\s*", re.IGNORECASE)


def normalize_crs(text: str) -> str:
    """Return the name of an output CRS: ``EPSG:n`` if it has a number, else WKT.

    It gets a number only if it is exactly the system of that number: a system without a datum
    resembles many.

    Args:
        text: Anything that PROJ reads.

    Raises:
        RequestError: If PROJ cannot read it, or it has a vertical axis or none for a map: heights
            are always those of the data.
    """
    with pinned_gdal():
        system = parse_crs(text)
        if len(_axes(system)) != 2:
            raise RequestError(
                f"{_quote_crs(text)} is not a system of two axes, longitude and latitude or "
                "easting and northing. Give a horizontal system. `vertical_crs` adds the datum of "
                "heights."
            )
        code = system.to_dict(projjson=True).get("id", {}).get("code")
        epsg = _EPSG_OF_OGC.get(code) or system.to_epsg(confidence_threshold=100)
        name: str = f"EPSG:{epsg}" if epsg else system.to_wkt()
        return name


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of the axes of a CRS.

    Attributes:
        name: ``metre``, ``degree``, ``US survey foot``, …
        metres: Its length; of an angle, its approximate length on the ground.
    """

    name: str
    metres: float


@functools.cache
def get_unit(crs: str) -> Unit:
    """Return the unit of a CRS of two axes.

    Args:
        crs: Name from `normalize_crs`.
    """
    with pinned_gdal():
        unit = _axes(CRS.from_user_input(crs))[0]["unit"]
    if isinstance(unit, str):  # PROJJSON names metre and degree without a factor
        return Unit(unit, 1.0 if unit == "metre" else METRES_PER_DEGREE)
    factor = float(unit["conversion_factor"])
    angle = unit["type"] == "AngularUnit"
    return Unit(unit["name"], math.degrees(factor) * METRES_PER_DEGREE if angle else factor)


def _axes(system: CRS) -> list[dict[str, Any]]:
    """Return the axes of a geographic or projected system in PROJJSON; empty for any other."""
    described = system.to_dict(projjson=True)
    described = described.get("source_crs", described)  # of a bound CRS
    if described["type"] not in ("GeographicCRS", "ProjectedCRS"):
        return []
    axes: list[dict[str, Any]] = described["coordinate_system"]["axis"]
    return axes


def _read_system(text: str) -> CRS:
    if _EPSG_PREFIX.match(text) and not _EPSG_CODE.fullmatch(text):
        raise ValueError("not a code of the EPSG register")  # rasterio 1.4.0 reads a part of it
    with pinned_gdal():
        system = CRS.from_user_input(text)
        system.to_wkt()  # fails for some systems that PROJ reads
        system.to_dict(projjson=True)  # is no JSON for some others
    return system


def drop_vertical(text: str) -> str:
    """Return the horizontal part of a compound or three-dimensional CRS; any other unchanged.

    Args:
        text: Anything that PROJ reads.

    Raises:
        RequestError: If PROJ cannot read it, or it is neither geographic nor projected.
    """
    described = parse_crs(text).to_dict(projjson=True)
    part = described["components"][0] if described["type"] == "CompoundCRS" else described
    axes = part.get("coordinate_system", {}).get("axis", ())
    if len(axes) == 3:
        return json.dumps(_drop_third_axis(part))
    if part is described:
        return text
    return f"{part['id']['authority']}:{part['id']['code']}" if "id" in part else json.dumps(part)


def _drop_third_axis(described: dict[str, Any]) -> dict[str, Any]:
    """Return a geographic or projected system in PROJJSON, and what it is based on, without height.

    Its identifier is that of three axes.
    """
    flat = {key: value for key, value in described.items() if key != "id"}
    if "base_crs" in flat:
        flat["base_crs"] = _drop_third_axis(flat["base_crs"])
    if "coordinate_system" in flat:
        system = flat["coordinate_system"]
        flat["coordinate_system"] = system | {"axis": system["axis"][:2]}
    return flat


def describe_crs(crs: str) -> str:
    """Return a short description of a CRS for messages: its text, or its name if that is long.

    Raises:
        RequestError: If PROJ cannot read it.
    """
    if len(crs) <= MAX_CRS_CHARACTERS:
        return crs
    described = parse_crs(crs).to_dict(projjson=True)
    name: str = described.get("source_crs", described)["name"]  # of a bound CRS
    return name


def parse_crs(text: str) -> CRS:
    """Parse a CRS.

    Args:
        text: ``EPSG:n``, WKT, a PROJ string, PROJJSON or anything else that PROJ reads.

    Raises:
        RequestError: If PROJ cannot read it, it is neither geographic nor projected, or it has a
            coordinate epoch.
    """
    if _EPOCH.search(text):
        raise RequestError(
            f"{_quote_crs(text)} has a coordinate epoch, which hrdem does not compute with. Give "
            "coordinates in NAD83(CSRS), such as EPSG:4617 or EPSG:3979."
        )
    try:
        system = _read_system(text)
    except (CRSError, ValueError, TypeError) as exc:  # such as "EPSG:" and "[1, 2]"
        raise RequestError(
            f"{_quote_crs(text)} is not a coordinate reference system that PROJ knows. Give it as "
            "EPSG:n, for example EPSG:4326 (degrees), EPSG:3979 or EPSG:2959 (metres)."
        ) from exc
    if not (system.is_geographic or system.is_projected):
        raise RequestError(
            f"{_quote_crs(text)} is neither a geographic nor a projected system; give one."
        )
    return system


@functools.lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Whether the coordinates of a CRS are degrees; those of any other are those of a map.

    Raises:
        RequestError: If PROJ cannot read it, or it is neither of the two.
    """
    return bool(parse_crs(crs).is_geographic)


def _quote_crs(text: str) -> str:
    return repr(text if len(text) <= MAX_CRS_CHARACTERS else f"{text[:MAX_CRS_CHARACTERS]}…")


def unprojectable_error(source: str, target: str) -> NoDataError:
    """Return the error for coordinates that cannot be transformed.

    Args:
        source: CRS of the coordinates.
        target: CRS in which they do not exist.
    """
    return NoDataError(
        f"The area cannot be brought from {describe_crs(source)} to {describe_crs(target)}: it "
        "reaches far outside Canada. Give a smaller area, in the order west, south, east, north."
    )
