"""Coordinates in another notation than four or two numbers with commas: what they are as numbers.

Decimal commas, other separators, degrees and minutes, hemispheres, brackets, and the extent as QGIS
copies it, with its CRS. Nothing is accepted in these forms; the message gives the right one.
"""

from __future__ import annotations

import re

from hrdem.errors import RequestError
from hrdem.geo.canada import is_in_canada
from hrdem.geo.grid import Bounds
from hrdem.request.aoi.readings import (
    DEGREES_CRS,
    MIN_METRES,
    format_box,
    suggest_box,
    suggest_point,
)

MAX_CHARACTERS = 200  # of a text; a longer one is something else
_QGIS = re.compile(r"(?P<numbers>[^\[\]]+)\[(?P<crs>[A-Za-z]+:\w+)\]")
_SURROUNDINGS = re.compile(r"\bbox(2d)?\b|\bpoint\b|[\[\](){}:|/]", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_ANGLE = re.compile(
    r"(?P<first>[NSEWO]\s*)?(?P<sign>[-+])?(?P<degrees>\d+(?:\.\d+)?)\s*(?:°|º|deg)?\s*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?)\s*['′’]\s*)?"
    r"(?:(?P<seconds>\d+(?:\.\d+)?)\s*(?:\"|″|”|'')\s*)?(?(first)|(?P<last>[NSEWO])?)",
    re.IGNORECASE,
)


def suggest_text(text: str, count: int) -> str:
    """Return a sentence with the box or the point that a text means, to follow on what is wrong.

    Args:
        text: What was given, and is not numbers with commas between.
        count: 4 for a box, 2 for a point.

    Returns:
        The sentence; empty if the text means nothing, or nothing that is known to be in Canada.
    """
    text = text.strip()[:MAX_CHARACTERS]
    if count == 4 and (extent := _QGIS.fullmatch(text)):
        return _read_extent(extent["numbers"], extent["crs"])
    numbers = _read_angles(text, count // 2) or _read_numbers(text, count)
    if numbers is None or max(map(abs, numbers)) >= MIN_METRES:
        return ""  # metres are of a CRS, which is another parameter
    if count == 2:
        reading = suggest_point(numbers[0], numbers[1])
        return f"Did you mean {reading.point}?" if reading else ""
    reading = suggest_box((numbers[0], numbers[1], numbers[2], numbers[3]), DEGREES_CRS)
    return f"Did you mean {reading.box}?" if reading else ""


def _read_extent(text: str, crs: str) -> str:
    """Read a box and its CRS, as QGIS copies an extent: xmin,xmax,ymin,ymax [CRS]."""
    if (numbers := _read_numbers(text, 4)) is None:
        return ""
    a, b, c, d = numbers
    orders = {"xmin,xmax,ymin,ymax, as QGIS copies them": (a, c, b, d), "": (a, b, c, d)}
    try:
        found = {box: order for order, box in orders.items() if _is_box_in_canada(box, crs)}
    except RequestError:  # of a CRS that PROJ does not know
        return ""
    if len(found) != 1:
        return ""
    ((box, order),) = found.items()
    named = format_box(box, crs)
    return f"The order is {order}: did you mean {named}?" if order else f"Did you mean {named}?"


def _is_box_in_canada(box: Bounds, crs: str) -> bool:
    west, south, east, north = box
    return west < east and south < north and is_in_canada(box, crs)


def _read_numbers(text: str, count: int) -> list[float] | None:
    """Read a number of numbers, whatever is between them; None if there are others."""
    plain = _SURROUNDINGS.sub(" ", text)
    words = re.split(r"[;\s]+", plain.strip())
    if len(words) == count and all(map(_DECIMAL_COMMA.fullmatch, words)):
        return [float(word.replace(",", ".")) for word in words]
    words = re.split(r"[;,\s]+", plain.strip().strip(";,"))
    if not all(map(_NUMBER.fullmatch, words)):
        return None
    if len(words) == 2 * count:  # commas in the numbers and between them
        pairs = zip(words[::2], words[1::2], strict=True)
        words = [f"{whole}.{decimals}" for whole, decimals in pairs if decimals.isdigit()]
    return [float(word) for word in words] if len(words) == count else None


def _read_angles(text: str, count: int) -> list[float] | None:
    """Read angles with hemispheres, which tell longitudes and latitudes apart.

    Args:
        text: Such as ``45°24'N 75°42'W``; O is west, as in French.
        count: Number of longitudes, and of latitudes.

    Returns:
        West, south and east, north; None if they are not such angles.
    """
    if re.sub(r"[\s,;:]", "", _ANGLE.sub("", text)):
        return None
    longitudes: list[float] = []
    latitudes: list[float] = []
    for angle in _ANGLE.finditer(text):
        hemisphere = f"{angle['first'] or ''}{angle['last'] or ''}".strip().upper()
        if len(hemisphere) != 1 or angle["sign"]:
            return None
        parts = [float(angle[name] or 0) for name in ("degrees", "minutes", "seconds")]
        value = round(parts[0] + parts[1] / 60 + parts[2] / 3600, 9)
        axis = longitudes if hemisphere in "EWO" else latitudes
        axis.append(-value if hemisphere in "SWO" else value)
    if not len(longitudes) == len(latitudes) == count:
        return None
    corners = zip(sorted(longitudes), sorted(latitudes), strict=True)
    return [number for corner in corners for number in corner]
