"""Coordinate reference systems to choose from: those of a place, and a search in EPSG's register.

All are of NAD83(CSRS), the datum of the data, except where a province's usual one is of NAD83.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from hrdem.app.places import fold, get_province_name, read_data

MAX_FOUND = 12
MAX_GRID_DEGREES = 45.0  # from west to east, of a CRS of a province or territory
NEAR_METRES = 20_000.0  # from a border: the provinces on both sides count
_OF_DATA = re.compile(r"NAD83\(CSRS\)(?P<version>v\d+)? / (?P<projection>.+)")
_ZONE = re.compile(r"\b(?:MTM|3TM|SCoPQ)\b")
_EVERYWHERE = ("3979", "4617")
_USUAL = {"BC": ("3005",), "AB": ("3400", "3401")}  # of NAD83, and yet what a province uses
_NAMES_IN_EPSG = {"NL": ("Newfoundland", "Labrador")}  # of areas; other provinces have their own
_CODE = re.compile(r"(?:epsg)?[\s:]*(\d{4,6})", re.IGNORECASE)
_PART = re.compile(r"[a-z]+|[0-9]+")  # of a name: of "zone 18N", "zone", "18" and "n"
_HORIZONTAL = [PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS]
_CANADA = AreaOfInterest(-141.0, 41.7, -52.7, 83.1)
_UTM, _ZONES, _GRID = range(3)  # what comes first
_TO_PLANE = ("EPSG:4617", "EPSG:3979")


@dataclass(frozen=True, slots=True)
class CrsChoice:
    """A coordinate reference system.

    Attributes:
        code: Its code, such as ``EPSG:2959``.
        name: Its name in EPSG's register.
    """

    code: str
    name: str

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON-ready values."""
        return {"code": self.code, "name": self.name}


@dataclass(frozen=True, slots=True)
class _Crs:
    """An entry of EPSG's register: number, name, and the name and the bounds of its area."""

    code: str
    name: str
    area: str
    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        """Whether a point is within its bounds."""
        return self.west <= lon <= self.east and self.south <= lat <= self.north


def suggest(lon: float, lat: float) -> list[CrsChoice]:
    """Return the usual CRSs of a place: UTM zone, zones and grids of the province, Canada's.

    Near a border they are of the provinces on both sides; those of the province come first.

    Args:
        lon: Longitude, degrees.
        lat: Latitude, degrees.
    """
    provinces = find_provinces(lon, lat)
    ranked = [
        (rank, int(each.code))
        for each in _list_of_data()
        if each.holds(lon, lat) and (rank := _rank(each, lon, provinces)) is not None
    ]
    for place, province in enumerate(provinces):
        usual = _USUAL.get(province, ())
        ranked += [((_GRID, place, -1.0), int(code)) for code in usual]
    codes = [str(code) for _, code in sorted(ranked)]
    return [get_choice(code) for code in (*codes, *_EVERYWHERE)]


def find_crs(text: str) -> list[CrsChoice]:
    """Find CRSs of Canada by number or by words of their names, accents and case ignored.

    Args:
        text: Such as ``2959``, ``EPSG:2959``, ``mtm 9`` or ``lambert québec``.
    """
    if match := _CODE.fullmatch(text.strip()):
        return [get_choice(match[1])] if match[1] in _read_register() else []
    words = _PART.findall(fold(text))
    found = [each for each in _list_of_canada() if words and _has_words(each.name, words)]
    found.sort(key=lambda each: (not _OF_DATA.fullmatch(each.name), len(each.name), int(each.code)))
    return [get_choice(each.code) for each in found[:MAX_FOUND]]


def get_choice(code: str) -> CrsChoice:
    """Return the CRS that has a number in EPSG's register.

    Args:
        code: Number, such as ``2959``.
    """
    return CrsChoice(f"EPSG:{code}", _read_register()[code])


def find_provinces(lon: float, lat: float) -> list[str]:
    """Return the codes of the provinces at a place or near it, the nearest first.

    Args:
        lon: Longitude, degrees.
        lat: Latitude, degrees.
    """
    codes, shapes = _read_provinces()
    place = _project(shapely.Point(lon, lat))
    distances = shapely.distance(shapes, place).tolist()
    near = sorted(zip(distances, codes, strict=True))
    return [code for distance, code in near if distance <= NEAR_METRES]


def _rank(crs: _Crs, lon: float, provinces: list[str]) -> tuple[int, int, float] | None:
    """Return the place of a CRS among those of a place; None if it is of another province."""
    from_middle = abs((crs.west + crs.east) / 2 - lon)
    if "UTM zone" in crs.name:
        return _UTM, 0, from_middle
    if crs.east - crs.west > MAX_GRID_DEGREES:
        return None  # of all Canada
    for place, province in enumerate(provinces):
        if any(name in crs.area for name in _name_in_epsg(province)):
            return (_ZONES, 0, from_middle) if _ZONE.search(crs.name) else (_GRID, place, 0.0)
    return None


def _name_in_epsg(province: str) -> tuple[str, ...]:
    """Return names of a province, one of which is in the names of areas in it."""
    return _NAMES_IN_EPSG.get(province) or (get_province_name(province, "en"),)


def _has_words(name: str, words: list[str]) -> bool:
    """Whether each word is a word of a name, or the beginning of one."""
    present = _PART.findall(fold(name))
    return all(
        any(word == each if word.isdigit() else each.startswith(word) for each in present)
        for word in words
    )


@functools.cache
def _list_of_data() -> list[_Crs]:
    """Return projected CRSs of Canada on NAD83(CSRS), each projection once.

    Of several realizations, the one without a number counts, or else the first.
    """
    chosen: dict[str, tuple[str, _Crs]] = {}
    for crs in _list_of_canada():
        if match := _OF_DATA.fullmatch(crs.name):
            name, version = match["projection"], match["version"] or ""
            if name not in chosen or version < chosen[name][0]:
                chosen[name] = version, crs
    return [crs for _, crs in chosen.values()]


@functools.cache
def _list_of_canada() -> list[_Crs]:
    """Return the horizontal CRSs of EPSG's register that are used in Canada."""
    return [
        _Crs(info.code, info.name, area.name, area.west, area.south, area.east, area.north)
        for info in query_crs_info("EPSG", _HORIZONTAL, _CANADA)
        if (area := info.area_of_use) is not None
    ]


@functools.cache
def _read_register() -> dict[str, str]:
    """Return the names of the horizontal CRSs in EPSG's register by their numbers."""
    return {info.code: info.name for info in query_crs_info("EPSG", _HORIZONTAL)}


@functools.cache
def _read_provinces() -> tuple[list[str], list[shapely.Geometry]]:
    """Return codes and shapes of the provinces, in metres."""
    features = read_data("provinces")["features"]
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    return [each["properties"]["code"] for each in features], [_project(each) for each in shapes]


def _project(shape: shapely.Geometry) -> shapely.Geometry:
    def project(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
        # of arrays of one point, pyproj 3.6 makes scalars, and numpy warns of it
        found: tuple[list[float], list[float]] = _get_transformer().transform(
            x.tolist(), y.tolist()
        )
        return found

    return shapely.transform(shape, project, interleaved=False)


@functools.cache
def _get_transformer() -> Transformer:
    return Transformer.from_crs(*_TO_PLANE, always_xy=True)
