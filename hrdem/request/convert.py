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

from hrdem.request.file_uris import is_address, read_file_uri
from hrdem.runtime.redaction import redact_secrets

MAX_SHOWN_CHARACTERS = 80  # of a value in a message
# of the whole CRS, not of a part; PROJ 9.8 writes remarks after it
_WKT_ID = re.compile(r',\s*ID\["(\w+)","?(\w+)"?\](,\s*REMARK\["([^"]|"")*"\])?\]\s*$')
_CODE = re.compile(r"\s*[0-9]{1,9}\s*")
_LENGTH = re.compile(r"\s*(?P<number>\d+(\.\d+)?)\s*(?P<unit>m|km)\s*")
_WITH_UNIT = re.compile(r"\s*-?\d+(\.\d+)?\s*[a-zA-Z°%]+\s*")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_FILE_NAME = re.compile(r"[^\W\d]\w*\.\w+$")  # not the end of a number
BUCKET_SCHEMES = ("s3://", "gs://", "az://")
_SIZE_SEPARATOR = re.compile(r"\s*[,x]\s*|\s+")
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
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


def parse_sheet_names(value: Any) -> str | list[str]:
    """Return names of map sheets; a point, as two numbers, becomes a text that is read as one."""
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    if is_pair and all(isinstance(each, int | float) for each in value):
        return ",".join(f"{each:.10g}" for each in value)
    return parse_names(value)


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
    raise ValueError(f"{show(value)} is not a number.{_suggest_number(value)}")


def parse_metres(value: Any) -> float:
    """Return a number of metres."""
    length = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if length is not None:
        metres = f"{float(length['number']) * (1_000 if length['unit'] == 'km' else 1):.12g}"
        raise ValueError(f"{show(value)} is not a number. Give metres without the unit: {metres}.")
    return parse_number(value)


def _suggest_number(value: object) -> str:
    """Return a sentence on a number in another notation, after a blank; else nothing."""
    if not isinstance(value, str):
        return ""
    if _WITH_UNIT.fullmatch(value):
        return " Give a number alone, in the unit that is documented."
    if _DECIMAL_COMMA.fullmatch(value) is None:
        return ""
    if len(value.rpartition(",")[2]) == 3:  # of thousands, or of decimals
        return " Give it without the comma, with a point before decimals."
    return f" Did you mean {value.replace(',', '.')}?"


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
    return _parse_coordinates(value, 4, "a box", "west,south,east,north")


def parse_point(value: Any) -> tuple[float, ...]:
    """Return the numbers of a point.

    Args:
        value: Text, numbers in any sequence or array, or a point of shapely.
    """
    _check_without_crs(value)
    if getattr(value, "geom_type", "") == "Point" and not value.is_empty:
        value = value.x, value.y
    return _parse_coordinates(value, 2, "a point", "longitude,latitude")


def parse_origin(value: Any) -> tuple[float, ...]:
    """Return the coordinates of a corner of pixels."""
    return _parse_coordinates(value, 2, "a point", "x,y")


def parse_picture_size(value: Any) -> int | tuple[int, int]:
    """Return the pixels of a picture: of its longer edge, or its columns and rows."""
    is_pair = (
        _SIZE_SEPARATOR.search(value) if isinstance(value, str) else hasattr(value, "__iter__")
    )
    return parse_dimensions(value) if is_pair else parse_integer(value)


def parse_dimensions(value: Any) -> tuple[int, int]:
    """Return a number of columns and one of rows, such as of ``400,300`` or ``400x300``."""
    try:
        columns, rows = map(
            parse_integer, _SIZE_SEPARATOR.split(value) if isinstance(value, str) else value
        )
    except (TypeError, ValueError):
        raise ValueError(
            f"{show(value)} is not a size. Give the number of columns and of rows: 400,300."
        ) from None
    if min(columns, rows) < 1:
        raise ValueError(f"{columns},{rows} has no pixel. Give at least 1,1.")
    return columns, rows


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


def _parse_coordinates(value: Any, count: int, what: str, order: str) -> tuple[float, ...]:
    """Return numbers; as many as there are, unless a text has them in another notation."""
    given = value.replace(",", " ").split() if isinstance(value, str) else value
    numbers = None
    with contextlib.suppress(TypeError, ValueError):
        if getattr(given, "ndim", 1) == 2 and len(given) == 1:  # a table of one row
            (given,) = getattr(given, "values", given)
        numbers = tuple(float(number) for number in given)
    if numbers is not None and (len(numbers) == count or not isinstance(value, str)):
        return numbers
    hint = ""
    if isinstance(value, str):
        from hrdem.request.aoi.coordinate_text import suggest_text  # noqa: PLC0415 (slow to import)

        hint = suggest_text(value, count)
    if numbers is not None and not hint:
        return numbers
    hint = hint or f"Give numbers with commas between: {order}."
    raise ValueError(f"{show(value)} is not {what}. {hint}")


def parse_sheets_or_file(value: Any) -> str | list[str] | os.PathLike[str]:
    """Return names of map sheets, or the path of a file of them."""
    return value if isinstance(value, os.PathLike) else parse_sheet_names(value)


def parse_point_or_file(value: Any) -> Any:
    """Return the numbers of a point, or what holds points: the path of a file, a GeoDataFrame."""
    if isinstance(value, os.PathLike) or hasattr(type(value), "total_bounds"):
        return value
    if isinstance(value, str) and (os.path.exists(value) or _FILE_NAME.search(value)):  # noqa: PTH110
        return value
    return parse_point(value)


def parse_part(value: Any) -> tuple[int, int]:
    """Return the number of a part, from 1, and the number of parts."""
    try:
        part, parts = map(int, value.split("/") if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{show(value)} is not a part. Give it as 3/40, the third of 40."
        ) from None
    if not 1 <= part <= parts:
        raise ValueError(f"There is no part {part} of {parts}. The first part is 1.")
    return part, parts


def parse_store(value: Any) -> str | Path:
    """Return the path of a folder, which need not exist, or the address of a bucket."""
    if isinstance(value, str) and value.startswith(BUCKET_SCHEMES):
        return value
    try:
        return parse_folder(value)
    except ValueError as exc:
        if isinstance(value, str) and is_address(value):
            schemes = ", ".join(BUCKET_SCHEMES[:-1])
            raise ValueError(
                f"{redact_secrets(value)} is neither a folder nor the address of a bucket. "
                f"Addresses start with {schemes} or {BUCKET_SCHEMES[-1]}."
            ) from exc
        raise


def parse_output(value: Any) -> Path:
    """Return the path of a file to write."""
    path = _parse_path(value, "Write a local file, and copy it there.")
    text = str(value)
    if not text:
        raise ValueError("The name is empty. Give the name of a file.")
    if text == "-":
        raise ValueError(
            "- is standard output, and the file is not written in one go. Give the name of a file."
        )
    if text.endswith(_SEPARATORS):
        raise ValueError(f"{text} is a folder. Give the name of a file in it.")
    return path


def parse_file(value: Any) -> Path:
    """Return the path of a file to read."""
    path = _parse_path(value, "Download it, and give the path of the copy.")
    if stat.S_ISDIR(_read_mode(path)):
        raise ValueError(f"{path} is a folder. Give a file.")
    return path


def parse_data_set(value: Any) -> Path:
    """Return the path of a file to read, or of a folder that is one, such as a geodatabase."""
    return _parse_path(value, "Download it, and give the path of the copy.")


def parse_folder(value: Any) -> Path:
    """Return the path of a folder, which need not exist."""
    if value == "":
        raise ValueError("The name is empty. Give a folder, or leave the option out.")
    path = _parse_path(value, "Give a local folder.")
    if stat.S_ISREG(_read_mode(path)):
        raise ValueError(f"{path} is a file. Give a folder.")
    return path


def _parse_path(value: Any, advice: str) -> Path:
    """Return a local path; ``~/`` at its start is the home folder, as in a shell.

    Args:
        value: Path, or file URI.
        advice: What to do in place of an address on the network, a sentence.
    """
    given = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    path = read_file_uri(given) if isinstance(given, str) else None
    if path is None:
        raise ValueError(f"{show(value)} is not a path.")
    if is_address(path):
        raise ValueError(f"{path} is not a local path. {advice}")
    is_home = path[:1] == "~" and path[1:2] in ("", os.sep, os.altsep)
    return Path(os.path.expanduser(path) if is_home else path)  # noqa: PTH111


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
