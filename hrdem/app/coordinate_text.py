"""Coordinates as people type them: decimal or with minutes and seconds, in either order."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: west, south, east, north of the places that are looked for, degrees
CANADA = (-142.0, 41.0, -52.0, 84.0)
_SIGNS = str.maketrans({
    **dict.fromkeys("−‐–—", "-"),
    **dict.fromkeys("º˚", "°"),
    **dict.fromkeys("′’‘´", "'"),
    **dict.fromkeys("″”“", '"'),
})  # fmt: skip
_NUMBER = r"\d{1,3}(?:\.\d*)?"
_ANGLE = re.compile(
    rf"""
    (?P<before>[NSEWO])?\s*
    (?P<sign>[-+])?\s*(?P<degrees>{_NUMBER})\s*(?P<mark>°|deg|d)?
    (?:\s*(?P<minutes>\d{{1,2}}(?:\.\d*)?)\s*(?:'(?!')|min|m)
    (?:\s*(?P<seconds>\d{{1,2}}(?:\.\d*)?)\s*(?:"|''|sec|s)?)?)?
    (?(before)|\s*(?P<after>[NSEWO](?![A-Z]))?)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN = r"(\d{1,3})[ :](\d{1,2}(?:\.\d*)?)(?:[ :](\d{1,2}(?:\.\d*)?))?"  # minutes without signs
_PLAIN_BEFORE_LETTER = re.compile(rf"(?<![\d.]){_PLAIN}(?=\s*[NSEWO])", re.IGNORECASE)
_PLAIN_AFTER_LETTER = re.compile(rf"(?<=[NSEWO]){_PLAIN}(?![\d.])", re.IGNORECASE)
_AFTER_LETTER = re.compile(rf"(?<=[NSEWO]){_PLAIN}(?![\d.])", re.IGNORECASE)
_AFTER_LETTER = re.compile(r"(?<=[A-Za-z])\s+(?=\d)")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_SEPARATORS = re.compile(r"[\s,;/]+")
_QGIS_CRS = re.compile(r"\[EPSG:4326\]\s*$", re.IGNORECASE)
_NORTH_SOUTH, _EAST_WEST = "NS", "EWO"  # O for ouest

Angle = tuple[float, str]  # degrees, signed, and the axis: its letters, or empty if unknown


def read_points(text: str) -> list[tuple[float, float]]:
    """Return the points in Canada that a text may mean, as longitude and latitude.

    Of two numbers without letters, that within the latitudes of Canada is the latitude; if both
    are, there are two points. Longitudes without a sign count as west.

    Args:
        text: Such as ``45.4, -75.7``, ``75.7 W 45.4 N`` or ``45°24'15"N 75°42'00"O``.
    """
    points = []
    for angles in _read(text, 2):
        for first, second in ((angles[1], angles[0]), (angles[0], angles[1])):  # latitude first
            if first[1] in ("", _EAST_WEST) and second[1] in ("", _NORTH_SOUTH):
                lon = first[0] if first[1] else -abs(first[0])
                point = lon, second[0]
                if first[1] == "" and first[0] > 0 > second[0]:
                    continue
                if _is_in_canada(*point) and point not in points:
                    points.append(point)
    return points


def read_box(text: str) -> tuple[float, float, float, float] | None:
    """Return the box in Canada that a text means, as west, south, east, north; None for none.

    Args:
        text: Four numbers: west, south, east, north; or south, west, north, east; or west, east,
            south, north, as QGIS copies an extent.
    """
    for angles in _read(text, 4):
        a, b, c, d = (value for value, _ in angles)
        for west, south, east, north in ((a, b, c, d), (b, a, d, c), (a, c, b, d)):
            ordered = west < east and south < north
            if ordered and _is_in_canada(west, south) and _is_in_canada(east, north):
                return west, south, east, north
    return None


def _read(text: str, count: int) -> Iterator[list[Angle]]:
    """Yield the readings of a text as a number of angles: with points or commas in decimals."""
    plain = _QGIS_CRS.sub("", text.translate(_SIGNS).strip())
    minutes = _PLAIN_BEFORE_LETTER
    if plain[:1].isalpha():
        minutes, plain = _PLAIN_AFTER_LETTER, _AFTER_LETTER.sub("", plain)
    plain = minutes.sub(_mark_minutes, plain)
    readings = [plain]
    if "." not in plain and _DECIMAL_COMMA.search(plain):
        readings.insert(0, _DECIMAL_COMMA.sub(".", plain))
    for reading in readings:
        angles = _read_angles(reading)
        if angles is not None and len(angles) == count:
            yield angles


def _mark_minutes(match: re.Match[str]) -> str:
    degrees, minutes, seconds = match.groups()
    return f"{degrees}°{minutes}'" + (f'{seconds}"' if seconds else "")


def _read_angles(text: str) -> list[Angle] | None:
    """Return the angles of a text; None if it has anything else."""
    angles: list[Angle] = []
    at = 0
    while at < len(text):
        match = _ANGLE.match(text, at)
        if match is None:
            return None
        angle = _to_degrees(match)
        if angle is None:
            return None
        angles.append(angle)
        at = match.end()
        between = _SEPARATORS.match(text, at)
        if between is not None:
            at = between.end()
        elif at < len(text) and not (text[at - 1].isspace() or match["after"] or match["mark"]):
            return None
    return angles


def _to_degrees(match: re.Match[str]) -> Angle | None:
    """Return an angle in degrees; None if minutes or letters contradict it."""
    letter = (match["before"] or match["after"] or "").upper()
    minutes, seconds = float(match["minutes"] or 0), float(match["seconds"] or 0)
    if minutes >= 60 or seconds >= 60 or (letter and match["sign"] == "-" and letter in "NE"):
        return None
    value = float(match["degrees"]) + minutes / 60 + seconds / 3600
    if letter in ("S", "W", "O") or match["sign"] == "-":
        value = -value
    axis = next((axis for axis in (_NORTH_SOUTH, _EAST_WEST) if letter and letter in axis), "")
    return value, axis


def _is_in_canada(lon: float, lat: float) -> bool:
    west, south, east, north = CANADA
    return west <= lon <= east and south <= lat <= north
