"""Coordinate reference systems: what a user may name, their units, and ways between them."""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform as transform_points

from hrdem.errors import NoDataError, RequestError

NATIVE_CRS = "EPSG:3979"  # NAD83(CSRS) / Canada Atlas Lambert: of every published file
LONLAT = "EPSG:4617"  # NAD83(CSRS), the datum of the data
_TAKEN_AS_NAD83 = (
    "North American Datum 1983",
    "World Geodetic System 1984",
    "World Geodetic System 1984 ensemble",
)
_DEGREE = 111_000.0  # metres of latitude, about
_LONGITUDE_FIRST = {"CRS83": 4269, "CRS84": 4326}  # of the OGC; rasters have it so anyway
_PIECES = 1_000  # of the width or height of a shape
_MOST_PIECES = 1_000_000  # of all its edges
_LONGEST_SHOWN = 80  # characters of a CRS in a message
_BEGINS_AS_CODE = re.compile(r"\s*EPSG\s*:", re.IGNORECASE)
_CODE = re.compile(r"\s*EPSG:\d{1,9}(\+\d{1,9})?\s*", re.IGNORECASE)


def project_points(points: np.ndarray, source: str, target: str) -> np.ndarray:
    """Transform points from one CRS to another, x (or longitude) first.

    Args:
        points: float64 array of shape (n, 2).
        source: CRS of the points.
        target: CRS of the result.

    Returns:
        float64 array of shape (n, 2).

    Raises:
        NoDataError: If a point has no place in the target.
    """
    try:
        with rasterio.Env():
            x, y = transform_points(source, target, points[:, 0], points[:, 1])
    except CPLE_BaseError as exc:
        raise _unprojectable(source, target) from exc
    projected = np.column_stack([x, y])
    if not np.isfinite(projected).all():
        raise _unprojectable(source, target)
    return projected


def project_shape(shape: shapely.Geometry, source: str, target: str) -> shapely.Geometry:
    """Transform a geometry, whose edges are straight in the CRS that it comes from.

    Edges are divided to a thousandth of its width or height, but into a million pieces at most.

    Args:
        shape: Geometry in the source CRS, x (or longitude) first; further axes are dropped.
        source: CRS of the geometry.
        target: CRS of the result.

    Raises:
        NoDataError: If a point has no place in the target.
    """
    if shape.is_empty:
        return shape
    points = shapely.get_coordinates(shape)
    if not np.isfinite(points).all():
        raise _unprojectable(source, target)
    step = max(np.ptp(points, axis=0).max() / _PIECES, shapely.length(shape) / _MOST_PIECES)
    dense = shapely.segmentize(shape, step) if step > 0 else shape
    return shapely.transform(dense, lambda xy: project_points(xy, source, target))


@functools.cache
def assume_nad83(crs: str) -> str:
    """Return the CRS that stands for another where coordinates are transformed.

    WGS 84 as an ensemble, and NAD83 where its realisation is not told, are no more exact than the
    1 to 2 m between them and NAD83(CSRS), and which shift PROJ applies depends on its version: none
    is applied here. Systems on these datums are taken as the same ones on NAD83(CSRS).

    Args:
        crs: Anything PROJ knows.

    Raises:
        RequestError: If PROJ does not know it.
    """
    described = parse_crs(crs).to_dict(projjson=True)
    base = described.get("base_crs", described)
    datum = base.get("datum") or base.get("datum_ensemble") or {}
    if datum.get("name") not in _TAKEN_AS_NAD83:
        return crs
    if base is described:
        return LONLAT
    described.pop("id", None)
    return json.dumps(described | {"base_crs": CRS.from_user_input(LONLAT).to_dict(projjson=True)})


def normalize_crs(text: str) -> str:
    """Return the name of a CRS that an output can be in: ``EPSG:n`` if it has a number, else WKT.

    It is named by a number only if it is exactly the system of that number: a system without a
    datum resembles many.

    Raises:
        RequestError: If PROJ does not know it, or it is no CRS for a map: heights are those of
            the data, so that it has no vertical axis.
    """
    with rasterio.Env():
        system = parse_crs(text)
        if len(_axes(system)) != 2:
            raise RequestError(
                f"{_shown(text)} is no plain system of two axes, longitude and latitude or easting "
                "and northing. Give a horizontal system alone: heights stay those of the data."
            )
        code = system.to_dict(projjson=True).get("id", {}).get("code")
        epsg = _LONGITUDE_FIRST.get(code) or system.to_epsg(confidence_threshold=100)
        name: str = f"EPSG:{epsg}" if epsg else system.to_wkt()
        return name


@dataclass(frozen=True, slots=True)
class Unit:
    """What the axes of a CRS count in.

    Attributes:
        name: ``metre``, ``degree``, ``US survey foot``, …
        metres: Its length; of angles about that on the ground.
    """

    name: str
    metres: float


@functools.cache
def get_unit(crs: str) -> Unit:
    """Return the unit of a CRS of two axes.

    Args:
        crs: As `normalize_crs` names it.
    """
    with rasterio.Env():
        unit = _axes(CRS.from_user_input(crs))[0]["unit"]
    if isinstance(unit, str):  # of metre and degree PROJJSON gives the name alone
        return Unit(unit, 1.0 if unit == "metre" else _DEGREE)
    factor = float(unit["conversion_factor"])
    angle = unit["type"] == "AngularUnit"
    return Unit(unit["name"], math.degrees(factor) * _DEGREE if angle else factor)


def _axes(system: CRS) -> list[dict[str, Any]]:
    """The axes of a geographic or projected system in PROJJSON; none of one that is neither."""
    told = system.to_dict(projjson=True)
    told = told.get("source_crs", told)  # of one that is bound to a shift of its datum
    if told["type"] not in ("GeographicCRS", "ProjectedCRS"):
        return []
    axes: list[dict[str, Any]] = told["coordinate_system"]["axis"]
    return axes


def _system_of(text: str) -> CRS:
    if _BEGINS_AS_CODE.match(text) and not _CODE.fullmatch(text):
        raise ValueError("no number of the EPSG register")  # rasterio 1.4.0 takes what it finds
    with rasterio.Env():
        system = CRS.from_user_input(text)
        system.to_wkt()  # of which PROJ is incapable for some that it takes
    return system


def drop_vertical(text: str) -> str:
    """Return a CRS without its vertical part; as it is, if it has none.

    Args:
        text: Anything PROJ knows.

    Raises:
        RequestError: If PROJ does not know it, or it is no CRS for a map.
    """
    described = parse_crs(text).to_dict(projjson=True)
    if described["type"] != "CompoundCRS":
        return text
    part = described["components"][0]
    return f"{part['id']['authority']}:{part['id']['code']}" if "id" in part else json.dumps(part)


def describe_crs(crs: str) -> str:
    """Return a CRS as it was given if that is short, else what it calls itself, for messages.

    Raises:
        RequestError: If PROJ does not know it.
    """
    if len(crs) <= _LONGEST_SHOWN:
        return crs
    name: str = parse_crs(crs).to_dict(projjson=True)["name"]
    return name


def parse_crs(text: str) -> CRS:
    """Return the CRS that a text names.

    Args:
        text: ``EPSG:n``, WKT, a PROJ string, PROJJSON or whatever else PROJ reads.

    Raises:
        RequestError: If PROJ does not know it, or it is neither geographic nor projected.
    """
    try:
        system = _system_of(text)
    except (CRSError, ValueError) as exc:  # the second of "EPSG:" without a number
        raise RequestError(
            f"{_shown(text)} is not a coordinate reference system that PROJ knows. Give it as "
            "EPSG:n, for example EPSG:4326 (degrees), EPSG:3979 or EPSG:2959 (metres)."
        ) from exc
    if not (system.is_geographic or system.is_projected):
        raise RequestError(
            f"{_shown(text)} is neither a geographic nor a projected system; give one."
        )
    return system


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


def _unprojectable(source: str, target: str) -> NoDataError:
    return NoDataError(
        f"The area cannot be brought from {source} to {target}: it reaches far outside Canada. "
        "Give a smaller area, in the order west, south, east, north."
    )
