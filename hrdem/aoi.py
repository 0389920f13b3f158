"""The area of interest: from what the user gives to a polygon in EPSG:3979, edges densified."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform as transform_points

from hrdem.errors import NoDataError, RequestError
from hrdem.grid import Bounds
from hrdem.products import NATIVE_CRS

LONLAT = "EPSG:4617"  # NAD83(CSRS), the datum of the data
_TAKEN_AS_NAD83 = (
    "North American Datum 1983",
    "World Geodetic System 1984",
    "World Geodetic System 1984 ensemble",
)
_DEGREE = 111_000.0  # metres of latitude, about
_LONGITUDE_FIRST = {"CRS83": 4269, "CRS84": 4326}  # of the OGC; rasters have it so anyway
_LONGEST_SHOWN = 80  # characters of a CRS in a message
_BEGINS_AS_CODE = re.compile(r"\s*EPSG\s*:", re.IGNORECASE)
_CODE = re.compile(r"\s*EPSG:\d{1,9}(\+\d{1,9})?\s*", re.IGNORECASE)
_SEGMENTS = 1_000  # of each edge of a box: 4 degrees of longitude then bulge by under 3 mm
_SEARCH_SEGMENTS = 24  # of an edge of a search area, at most
_TILE_EDGE = 500_000  # metres, the longest straight edge of a footprint


@dataclass(frozen=True, slots=True)
class Aoi:
    """An area of interest.

    Attributes:
        geometry: Polygon in EPSG:3979, metres.
        text: What the user gave, for messages and provenance.
    """

    geometry: shapely.Polygon
    text: str

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in EPSG:3979, metres."""
        left, bottom, right, top = self.geometry.bounds
        return left, bottom, right, top

    def bounds_in(self, crs: str) -> Bounds:
        """Return left, bottom, right, top in another CRS, in its units.

        Args:
            crs: Anything PROJ knows; EPSG:4326 is taken as EPSG:4617.

        Raises:
            NoDataError: If the area has no place in it.
        """
        points = project(shapely.get_coordinates(self.geometry), NATIVE_CRS, in_nad83(crs))
        (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
        return float(left), float(bottom), float(right), float(top)

    def widened(self, bounds: Bounds) -> Aoi:
        """Return it with all of a box in EPSG:3979 around it, which has to be looked at for it."""
        return self if bounds == self.bounds else replace(self, geometry=shapely.box(*bounds))

    @classmethod
    def from_bbox(cls, bbox: Sequence[float], crs: str = "EPSG:4326") -> Aoi:
        """Make an area of interest from a box.

        Args:
            bbox: West, south, east, north: degrees for a geographic CRS, else its units.
            crs: Anything PROJ knows, such as ``EPSG:3979``. WGS 84 and NAD83 are taken as
                NAD83(CSRS), the datum of the data: EPSG:4326 as EPSG:4617.

        Raises:
            RequestError: If the box or the CRS makes no sense.
            NoDataError: If the box reaches where EPSG:3979 has no coordinates.
        """
        system = _parse_crs(crs)
        box = _checked_box(bbox, system, crs)
        text = ",".join(f"{number:.12g}" for number in box) + f" ({crs})"
        west, south, east, north = box
        longest = max(east - west, north - south)
        outline = shapely.segmentize(shapely.box(*box), longest / _SEGMENTS)
        x, y = project(shapely.get_coordinates(outline), in_nad83(crs), NATIVE_CRS).T
        return cls(shapely.Polygon(np.column_stack([x, y])), text)


def project(points: np.ndarray, source: str, target: str) -> np.ndarray:
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


@functools.cache
def in_nad83(crs: str) -> str:
    """Return the CRS that stands for another where coordinates are transformed.

    WGS 84 as an ensemble, and NAD83 where its realisation is not told, are no more exact than the
    1 to 2 m between them and NAD83(CSRS), and which shift PROJ applies depends on its version: none
    is applied here. Systems on these datums are taken as the same ones on NAD83(CSRS).

    Args:
        crs: Anything PROJ knows.

    Raises:
        RequestError: If PROJ does not know it.
    """
    described = _parse_crs(crs).to_dict(projjson=True)
    base = described.get("base_crs", described)
    datum = base.get("datum") or base.get("datum_ensemble") or {}
    if datum.get("name") not in _TAKEN_AS_NAD83:
        return crs
    if base is described:
        return LONLAT
    described.pop("id", None)
    return json.dumps(described | {"base_crs": CRS.from_user_input(LONLAT).to_dict(projjson=True)})


def search_area(aoi: Aoi) -> shapely.Polygon | None:
    """Return the polygon, in longitude and latitude, to ask a catalogue for.

    A catalogue may draw the footprint of a 500 km tile by its corners only. Its edges then run
    some 7 km beside the tile's in the south of Canada and 65 km in the far north, and an area
    near a tile's edge would miss the tile. The area is therefore widened by that error.

    Returns:
        A polygon in degrees; None if it would cross the antimeridian or the pole, where the whole
        collection has to be asked for.
    """
    left, bottom, right, top = aoi.bounds
    error = max(_footprint_error(x, y) for x in (left, right) for y in (bottom, top))
    margin = 1.25 * error + 1_000  # a quarter more for the straight pieces of the area itself
    wide = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    step = max(margin, (max(right - left, top - bottom) + 2 * margin) / _SEARCH_SEGMENTS)
    outline = shapely.get_coordinates(shapely.segmentize(wide, step))
    lonlat = project(outline, NATIVE_CRS, LONLAT).round(4)  # few short numbers: it goes into URLs
    if np.abs(np.diff(lonlat[:, 0])).max() > 180:
        return None
    return shapely.Polygon(lonlat)


def _footprint_error(x: float, y: float) -> float:
    """How far a straight 500 km edge through a point lies from its chord in degrees, metres."""
    half = _TILE_EDGE / 2
    ends = np.array([[x - half, y], [x + half, y], [x, y - half], [x, y + half]])
    lonlat = project(ends, NATIVE_CRS, LONLAT)
    middles = project((lonlat[::2] + lonlat[1::2]) / 2, LONLAT, NATIVE_CRS)
    return float(np.hypot(*(middles - [x, y]).T).max())


def _unprojectable(source: str, target: str) -> NoDataError:
    return NoDataError(
        f"The area cannot be brought from {source} to {target}: it reaches far outside Canada. "
        "Give a smaller area, in the order west, south, east, north."
    )


def output_crs(text: str) -> str:
    """Return the name of a CRS that an output can be in: ``EPSG:n`` if it has a number, else WKT.

    It is named by a number only if it is exactly the system of that number: a system without a
    datum resembles many.

    Raises:
        RequestError: If PROJ does not know it, or it is no CRS for a map: heights are those of
            the data, so that it has no vertical axis.
    """
    with rasterio.Env():
        system = _parse_crs(text)
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
def unit_of(crs: str) -> Unit:
    """Return the unit of a CRS of two axes.

    Args:
        crs: As `output_crs` names it.
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


def _parse_crs(text: str) -> CRS:
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


def _checked_box(bbox: Sequence[float], system: CRS, crs: str) -> Bounds:
    try:
        numbers = tuple(float(number) for number in bbox)
    except (TypeError, ValueError) as exc:
        raise RequestError(
            f"A box needs four numbers, west,south,east,north; {bbox!r} is something else."
        ) from exc
    shown = ",".join(f"{number:.12g}" for number in numbers)
    if len(numbers) != 4:
        raise RequestError(
            f"A box needs four numbers, west,south,east,north; {shown!r} has {len(numbers)}."
        )
    if not all(map(math.isfinite, numbers)):
        raise RequestError(f"The box {shown} holds a value that is not a finite number.")
    west, south, east, north = numbers
    looks_like_degrees = max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90
    if system.is_geographic and not looks_like_degrees:
        if max(map(abs, numbers)) > 360:
            raise RequestError(
                f"The box {shown} looks like metres, but {crs} counts in degrees. Say which "
                "projection it is in, for example --bbox-crs EPSG:3979."
            )
        raise RequestError(
            f"The box {shown} leaves the range of degrees: longitude is within -180 and 180, "
            "latitude within -90 and 90, in the order west,south,east,north."
        )
    in_canada = west >= -142 and east <= -40 and south >= 38 and north <= 84
    if system.is_projected and in_canada:
        raise RequestError(
            f"The box {shown} looks like degrees, but {crs} counts in metres. Say "
            "--bbox-crs EPSG:4326 if these are longitudes and latitudes."
        )
    if west > east or south > north:
        problem = "west is greater than east" if west > east else "south is greater than north"
        mended = (min(west, east), min(south, north), max(west, east), max(south, north))
        fixed = ",".join(f"{number:.12g}" for number in mended)
        raise RequestError(
            f"In the box {shown} {problem}. The order is west,south,east,north: "
            f"did you mean {fixed}?"
        )
    if west == east or south == north:
        raise RequestError(
            f"The box {shown} has no area. Give two opposite corners that differ in both axes."
        )
    return west, south, east, north
