"""Convert the values of parameters: text of the command line, and what Python users pass.

Each function raises ValueError with a sentence for the user, which does not name the parameter.
"""

from __future__ import annotations

import contextlib
import json
import numbers
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_SHOWN_CHARACTERS = 80  # of a value in a message
_WKT_ID = re.compile(r',\s*ID\["(\w+)","?(\w+)"?\]\]\s*$')  # of the whole CRS, not of a part
_CODE = re.compile(r"\s*[0-9]{1,9}\s*")
_DTYPES_OF_FLAGS = ("bool", "bool_")  # of numpy, in its versions 2 and 1


def keep(value: Any) -> Any:
    """Return a value as it is, because the room that uses it reads many forms."""
    return value


def parse_text(value: Any) -> str:
    """Return a name, an address or another text."""
    if isinstance(value, str):
        return value
    raise ValueError(f"{show(value)} is not a text.")


def parse_names(value: Any) -> str | list[str]:
    """Return names, as a text or as a list of texts."""
    if isinstance(value, str):
        return value
    try:
        return [parse_text(name) for name in value]
    except TypeError:
        raise ValueError(f"{show(value)} is neither a text nor a list of texts.") from None


def parse_flag(value: Any) -> bool:
    """Return whether something is switched on."""
    if isinstance(value, bool) or type(value).__name__ in _DTYPES_OF_FLAGS:
        return bool(value)
    raise ValueError(f"{show(value)} is neither True nor False.")


def parse_number(value: Any) -> float:
    """Return a number; numpy's are numbers too."""
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise ValueError(f"{show(value)} is not a number.")


def parse_integer(value: Any) -> int:
    """Return a whole number; numpy's are numbers too."""
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if isinstance(value, str) or int(value) == value:
                return int(value)
    raise ValueError(f"{show(value)} is not a whole number.")


def parse_crs(value: Any) -> str:
    """Return a CRS as text: a code, or anything else that PROJ reads.

    Args:
        value: Text, an EPSG code as a number, PROJJSON as a mapping, or an object that can be
            written as WKT, such as a CRS of pyproj or rasterio.
    """
    if isinstance(value, str):
        return f"EPSG:{value.strip()}" if _CODE.fullmatch(value) else value
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f"EPSG:{int(value)}"
    if isinstance(value, Mapping) and "type" in value:
        with contextlib.suppress(TypeError, ValueError):
            return json.dumps(value)
    wkt = None
    with contextlib.suppress(AttributeError, TypeError):
        wkt = value.to_wkt(version="WKT2_2019")
    if isinstance(wkt, str):
        code = _WKT_ID.search(wkt)
        return f"{code[1]}:{code[2]}" if code else wkt
    raise ValueError(
        f"{show(value)} is not a CRS. Give its name, such as 'EPSG:2959', its EPSG code as a "
        "number, or a CRS of pyproj or rasterio."
    )


def parse_box(value: Any) -> tuple[float, ...]:
    """Return the numbers of a box.

    Args:
        value: Text, numbers in any sequence or array, or a rectangle as `shapely.box` makes it.
    """
    _check_without_crs(value)
    if hasattr(value, "geom_type"):
        if not value.equals(value.envelope):
            raise ValueError(f"a {value.geom_type} is not a box. Give it as `aoi`, or its bounds.")
        value = value.bounds
    return _parse_coordinates(value, "a box", "west,south,east,north")


def parse_point(value: Any) -> tuple[float, ...]:
    """Return the numbers of a point.

    Args:
        value: Text, numbers in any sequence or array, or a point of shapely.
    """
    _check_without_crs(value)
    if getattr(value, "geom_type", "") == "Point" and not value.is_empty:
        value = value.x, value.y
    return _parse_coordinates(value, "a point", "longitude,latitude")


def _check_without_crs(value: Any) -> None:
    """Check that no CRS would be lost: an object may have its own, a geometry an SRID."""
    has_crs = getattr(value, "crs", None) is not None or hasattr(value, "total_bounds")
    if not has_crs and hasattr(value, "geom_type"):
        from shapely import Geometry, get_srid  # noqa: PLC0415 (slow, and imported by its user)

        has_crs = isinstance(value, Geometry) and get_srid(value) > 0
    if has_crs:
        raise ValueError(
            f"{show(value)} has a CRS of its own. Give it as `aoi`; or give its bounds as numbers, "
            "and its CRS as `bbox_crs`."
        )


def _parse_coordinates(value: Any, what: str, order: str) -> tuple[float, ...]:
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    try:
        if getattr(given, "ndim", 1) == 2 and len(given) == 1:  # a table of one row
            (given,) = getattr(given, "values", given)
        return tuple(float(number) for number in given)
    except (TypeError, ValueError):
        raise ValueError(
            f"{show(value)} is not {what}. Give numbers with commas between: {order}."
        ) from None


def parse_path(value: Any) -> Path:
    """Return a path."""
    if isinstance(value, str | os.PathLike):
        path = os.fspath(value)
        if isinstance(path, str):
            return Path(path)
    raise ValueError(f"{show(value)} is not a path.")


def parse_file(value: Any) -> Path:
    """Return the path of a file to read."""
    path = parse_path(value)
    if stat.S_ISDIR(_read_mode(path)):
        raise ValueError(f"{path} is a folder. Give a file.")
    return path


def parse_folder(value: Any) -> Path:
    """Return the path of a folder, which need not exist."""
    if value == "":
        raise ValueError("The name is empty. Give a folder, or leave the option out.")
    path = parse_path(value)
    if stat.S_ISREG(_read_mode(path)):
        raise ValueError(f"{path} is a file. Give a folder.")
    return path


def _read_mode(path: Path) -> int:
    """Return the mode of a path; 0 if there is nothing, or it cannot be a path."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def show(value: object) -> str:
    """Describe a value in a message: numbers and short texts as they are, others by their type."""
    if value is None or isinstance(value, str | int | float | list | tuple):
        text = repr(value)
        if len(text) <= MAX_SHOWN_CHARACTERS or isinstance(value, str):
            return f"{text[:MAX_SHOWN_CHARACTERS]}{'…' * (len(text) > MAX_SHOWN_CHARACTERS)}"
    return f"a value of the type {type(value).__name__}"
