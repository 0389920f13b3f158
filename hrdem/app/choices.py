"""The request that the page sends: its keys, checked one by one, and parameters of hrdem."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import hrdem
from hrdem.app.bodies import check_keys
from hrdem.app.problems import RefusedError
from hrdem.errors import RequestError

LANGUAGES = ("en", "fr")
LAYERS = ("dtm-hillshade", "dsm-hillshade")  # of the map
MAX_ZOOM = 20  # of its tiles
FORMATS = ("gtiff", "cog")
RESAMPLING = ("nearest", "bilinear", "cubic", "average")
VERTICAL_DATUMS = ("CGVD2013", "CGVD28")
MAX_RADIUS_METRES = 1_000_000.0
MAX_PIXEL_METRES = 10_000.0
AREAS = ("bbox", "upload", "nts", "point")
KEYS = (
    *("area", "products", "collection", "fill", "crs", "resolution", "resampling", "format"),
    *("vertical_datum", "crop", "source_band"),
)
_CRS = re.compile(r"EPSG:\d{4,6}")
_SHEET = re.compile(r"\d{1,3}[A-Pa-p](\d{1,2})?")
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def check_request(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request with every key, each of which has a value that it may have.

    Whether the values suit each other is for hrdem to say. No value is a path, an address or an
    option of the command line.

    Args:
        found: The request as the page sent it.

    Raises:
        RefusedError: If a key is not known, or a value is none that the key can have.
    """
    products = tuple(product.name for product in hrdem.products())
    collections = tuple(each.name for each in hrdem.collections() if not each.by_survey)
    checks: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "area": (check_area, None),
        "products": (lambda value: _check_names(value, "products", products), ["dtm"]),
        "collection": (lambda value: _check_name(value, "collection", collections), "1m"),
        "fill": (lambda value: _check_names(value, "fill", collections, least=0), []),
        "crs": (_or_none(_check_crs), None),
        "resolution": (
            _or_none(lambda value: _check_number(value, "resolution", 0, MAX_PIXEL_METRES)),
            None,
        ),
        "resampling": (
            _or_none(lambda value: _check_name(value, "resampling", RESAMPLING)),
            None,
        ),
        "format": (lambda value: _check_name(value, "format", FORMATS), "gtiff"),
        "vertical_datum": (
            _or_none(lambda value: _check_name(value, "vertical_datum", VERTICAL_DATUMS)),
            None,
        ),
        "crop": (_or_none(lambda value: _check_flag(value, "crop")), None),
        "source_band": (lambda value: _check_flag(value, "source_band"), False),
    }
    check_keys(found, checks)
    return {key: check(found.get(key, default)) for key, (check, default) in checks.items()}


def check_area(found: Any) -> dict[str, Any]:
    """Return an area: a box, an uploaded file, a map sheet or a circle.

    Raises:
        RefusedError: If it is none of these.
    """
    if not isinstance(found, dict):
        raise _wrong("area", "is missing. Draw one.")
    kinds = [kind for kind in AREAS if kind in found]
    if len(kinds) != 1:
        raise _wrong("area", f"needs exactly one of: {', '.join(AREAS)}.")
    (kind,) = kinds
    check_keys(found, (kind, "radius") if kind == "point" else (kind,))
    if kind == "bbox":
        west, south, east, north = _check_coordinates(found[kind], 4)
        if not (west < east and south < north):
            raise _wrong("area", "has its edges in another order than west, south, east, north.")
        return {"bbox": [west, south, east, north]}
    if kind == "point":
        point = _check_coordinates(found[kind], 2)
        radius = _check_number(found.get("radius"), "radius", 0, MAX_RADIUS_METRES)
        return {"point": [*point], "radius": radius}
    pattern = _ID if kind == "upload" else _SHEET
    if not isinstance(found[kind], str) or not pattern.fullmatch(found[kind]):
        raise _wrong("area", f"has a value for {kind} that is none.")
    return {kind: found[kind] if kind == "upload" else found[kind].upper()}


def area_parameters(area: Mapping[str, Any], area_file: Path | None) -> dict[str, Any]:
    """Return a checked area as parameters of hrdem's functions.

    Args:
        area: The area.
        area_file: File of an uploaded area; None for other areas.
    """
    return {"aoi": area_file} if "upload" in area else dict(area)


def check_language(value: str) -> str:
    """Return a language.

    Raises:
        RefusedError: If the page has no such language.
    """
    return _check_name(value, "lang", LANGUAGES)


def check_line(found: Any, most: int) -> list[tuple[float, float]]:
    """Return the vertices of a line, longitude and latitude.

    Raises:
        RefusedError: If they are fewer than two, too many, or no coordinates.
    """
    if not isinstance(found, list) or not 2 <= len(found) <= most:
        raise _wrong("line", f"needs 2 to {most:,} points.")
    return [(x, y) for x, y in (_check_coordinates(each, 2, "line") for each in found)]


def check_position(lon: Any, lat: Any) -> tuple[float, float]:
    """Return longitude and latitude.

    Raises:
        RefusedError: If they are none.
    """
    x, y = _check_coordinates([lon, lat], 2, "lon")
    return x, y


def check_reading(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the product and the collections of which heights are read.

    Raises:
        RefusedError: If one of them is not known.
    """
    keys = ("product", "collection", "fill")
    whole = check_request(
        {
            "area": {"nts": "031G05"},
            "products": [found.get("product", "dtm")],
            **{key: found[key] for key in keys[1:] if key in found},
        }
    )
    return {
        "product": whole["products"][0],
        "collection": whole["collection"],
        "fill": ",".join(whole["fill"]) or None,
    }


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _check_names(value: Any, key: str, known: Collection[str], *, least: int = 1) -> list[str]:
    if not isinstance(value, list) or not least <= len(value) <= len(known):
        raise _wrong(key, f"needs a list of: {', '.join(known)}.")
    names = [_check_name(each, key, known) for each in value]
    return [*dict.fromkeys(names)]


def _check_name(value: Any, key: str, known: Collection[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise _wrong(key, f"is none of: {', '.join(known)}.")
    return value


def _check_flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, "is neither true nor false.")
    return value


def _check_number(value: Any, key: str, least: float, most: float) -> float:
    """Return a number above the least."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least < value <= most:
        raise _wrong(key, f"is no number above {least:g} and up to {most:,.0f}.")
    return float(value)


def _check_coordinates(value: Any, count: int, key: str = "area") -> tuple[float, ...]:
    """Return pairs of longitude and latitude, degrees."""
    if not isinstance(value, list) or len(value) != count:
        raise _wrong(key, f"needs {count} coordinates.")
    numbers = []
    for each, most in zip(value, (180, 90) * 2, strict=False):
        is_number = isinstance(each, int | float) and not isinstance(each, bool)
        if not is_number or not abs(each) <= most:
            raise _wrong(key, "has a coordinate that is no longitude or latitude in degrees.")
        numbers.append(float(each))
    return tuple(numbers)


def _check_crs(value: Any) -> str:
    if not isinstance(value, str) or not _CRS.fullmatch(value):
        raise _wrong("crs", "is no EPSG code, such as EPSG:3979.")
    return value


def _wrong(key: str, what: str) -> RefusedError:
    return RefusedError(400, RequestError.__name__, f"`{key}` {what}", key)
