"""Find lidar projects in outlines with attributes.

The names of the fields are undocumented and differ between files. Names and dates are recognised by
English or French words in the names of the fields; all other attributes are passed on.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import shapely

from hrdem.geo.repair import repair_geometry
from hrdem.runtime.text import to_one_line

MAX_VALUE_CHARACTERS = 500
MAX_FIELD_NAME_CHARACTERS = 100
MAX_FIELDS = 100
MAX_ATTRIBUTE_CHARACTERS = 16 << 20  # of all attributes together
MAX_VALUES_PER_FIELD = 10  # of all outlines of a project

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DATE_WORDS = {"begin", "debut", "start", "from", "end", "fin", "to", "an", "yr"}
_DATE_WORDS |= {"acquisition", "acquired", "flown", "vintage", "millesime"}
_DATE_PARTS = ("date", "year", "annee")
_FLIGHT_PARTS = ("acqui", "capture", "collect", "flight", "flown", "releve", "survey")
_PUBLISHING_PARTS = (
    "creat", "deliver", "diffus", "edit", "livr", "maj", "modif", "process", "publi", "release",
    "traite", "updat", "upload", "valid",
)  # fmt: skip
# YYYY, YYYY-MM or YYYY-MM-DD, also with slashes, dots or no separator
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)"
    r"(?:([-/.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outline:
    """An outline of flown area.

    Attributes:
        geometry: Polygons in EPSG:3979.
        attributes: Values by field, as read.
    """

    geometry: shapely.Geometry
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Project:
    """The area flown under one name at one time.

    Attributes:
        name: Name; None if unknown.
        first: Year, month or day of the first flight, as in ISO 8601; None if unknown.
        last: Year, month or day of the last flight, in the same form.
        share: Share of the area of interest within its outlines, above 0 to 1.
        attributes: JSON-ready values by field; a list where the outlines differ.
        outline: Its area within the area of interest, in EPSG:3979.
    """

    name: str | None
    first: str | None
    last: str | None
    share: float
    attributes: Attributes
    outline: shapely.Geometry

    @property
    def year(self) -> int | None:
        """Year of the last flight; None if unknown."""
        return int(self.last[:4]) if self.last else None


def find_projects(area: shapely.Polygon, outlines: Iterable[Outline]) -> list[Project]:
    """Return the projects that overlap an area, newest first.

    Outlines with the same name and dates form one project, and their overlaps count once. Outlines
    of different projects may overlap.

    Args:
        area: Polygon in EPSG:3979.
        outlines: Outlines, inside or outside the area.

    Raises:
        ValueError: If an outline cannot be intersected with the area, or there are too many
            attributes.
    """
    characters = 0
    grouped: dict[tuple[str | None, str | None, str | None], list[Outline]] = {}
    for outline in outlines:
        within = _clip(area, outline.geometry)
        if within.area > 0:
            attributes = _to_json_attributes(outline.attributes)
            characters += sum(len(field) + len(str(value)) for field, value in attributes.items())
            if characters > MAX_ATTRIBUTE_CHARACTERS:
                raise ValueError(
                    f"it has more than {MAX_ATTRIBUTE_CHARACTERS} characters of attributes there"
                )
            key = (find_name(attributes), *find_dates(attributes))
            grouped.setdefault(key, []).append(Outline(within, attributes))
    projects = []
    for (name, first, last), parts in grouped.items():
        outline = shapely.union_all([part.geometry for part in parts])
        share = min(1.0, outline.area / area.area)
        attributes = _merge_attributes([part.attributes for part in parts])
        projects.append(Project(name, first, last, share, attributes, outline))
    projects.sort(key=lambda each: (each.last or "", each.share, each.name or ""), reverse=True)
    return projects


def find_name(attributes: Attributes) -> str | None:
    """Return the name of a project from its attributes; None if there is none."""
    ranked = (
        (rank, field) for field in attributes if (rank := _rank_name_field(field)) is not None
    )
    for _, field in sorted(ranked, key=lambda each: each[0]):
        if text := str(attributes[field]).strip():
            return text
    return None


def find_dates(attributes: Attributes) -> tuple[str | None, str | None]:
    """Return the first and last year, month or day of flights from a project's attributes.

    Fields about flights or surveys are preferred; fields about publishing are ignored.
    """
    fields = [field for field in attributes if _is_date_field(field)]
    for about_flights in (True, False):
        dates = [
            "-".join(filter(None, (year, month, day)))
            for field in fields
            if _has_part(field, _FLIGHT_PARTS) is about_flights
            for year, _, month, day in _DATE.findall(str(attributes[field]))
        ]
        if dates:
            return min(dates), max(dates)
    return None, None


def _clip(area: shapely.Polygon, geometry: shapely.Geometry) -> shapely.Geometry:
    """Return the part of a geometry inside an area; an invalid geometry is repaired first."""
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ValueError("it has an outline with coordinates that are not finite numbers")
    try:
        return shapely.intersection(repair_geometry(geometry), area)
    except shapely.errors.GEOSException as exc:
        raise ValueError(
            f"it has an outline that cannot be intersected with the area ({exc})"
        ) from exc


def _to_json_attributes(attributes: Attributes) -> dict[str, Any]:
    """Return attributes as JSON-ready values, without missing and binary ones."""
    converted = (
        (to_one_line(str(field), MAX_FIELD_NAME_CHARACTERS), _to_json_value(value))
        for field, value in attributes.items()
    )
    present = [(field, value) for field, value in converted if value is not None]
    return dict(present[:MAX_FIELDS])


def _to_json_value(value: Any) -> str | int | float | bool | None:
    match value:
        case np.datetime64():
            return None if np.isnat(value) else str(value).removesuffix("T00:00:00.000")
        case np.generic():
            return _to_json_value(value.item())
        case str():
            return to_one_line(value, MAX_VALUE_CHARACTERS + 1)
        case float():
            return value if math.isfinite(value) else None
        case bool() | int():
            return value
    return None


def _merge_attributes(several: list[Attributes]) -> dict[str, Any]:
    """Merge the attributes of a project's outlines."""
    values = {
        field: list(dict.fromkeys(each[field] for each in several if field in each))
        for field in dict.fromkeys(chain.from_iterable(several))
    }
    return {
        field: found[0] if len(found) == 1 else found[:MAX_VALUES_PER_FIELD]
        for field, found in values.items()
    }


def _rank_name_field(field: str) -> int | None:
    """Return how likely a field has the project's name: 0 for the likeliest, None for never."""
    if _is_date_field(field):
        return None
    is_of_project = _has_part(field, ("project", "projet"))
    if is_of_project and _has_part(field, ("name", "nom", "titl", "titre")):
        return 0
    words = _split_words(field)
    if words in (["project"], ["projet"]):
        return 1
    if {"name", "nom", "title", "titre"}.intersection(words):
        return 2
    return 3 if is_of_project else None


def _is_date_field(field: str) -> bool:
    is_date = _has_part(field, _DATE_PARTS) or not _DATE_WORDS.isdisjoint(_split_words(field))
    return is_date and not _has_part(field, _PUBLISHING_PARTS)


def _has_part(field: str, parts: Iterable[str]) -> bool:
    name = "".join(_split_words(field))
    return any(part in name for part in parts)


def _split_words(field: str) -> list[str]:
    """Return the words in the name of a field, in lower case and without accents."""
    bare = unicodedata.normalize("NFKD", field).encode("ascii", "ignore").decode()
    return [word.lower() for word in _WORD.findall(bare)]
