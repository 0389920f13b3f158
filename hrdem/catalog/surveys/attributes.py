"""Lidar projects, as outlines with attributes tell of them.

What the fields of these files are called is not documented, and differs between files. A field is
therefore known by the words in its name, English or French, and everything else is passed on.
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

from hrdem.runtime.text import to_one_line

_LONGEST_TEXT = 500  # characters of an attribute
_LONGEST_FIELD = 100  # characters of its name
_MOST_FIELDS = 100
_MOST_TOLD = 16 << 20  # characters of all attributes together
_MOST_VALUES = 10  # of a field, of all the outlines of a project

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WHEN = {"begin", "debut", "start", "from", "end", "fin", "to", "an", "yr"}
_WHEN |= {"acquisition", "acquired", "flown", "vintage", "millesime"}
_WHEN_PARTS = ("date", "year", "annee")
_FLOWN_PARTS = ("acqui", "capture", "collect", "flight", "flown", "releve", "survey")
_PAPERWORK_PARTS = (
    "creat", "deliver", "diffus", "edit", "livr", "maj", "modif", "process", "publi", "release",
    "traite", "updat", "upload", "valid",
)  # fmt: skip
# a year, a year and a month, or a day; with hyphens, slashes, dots or nothing between them
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)"
    r"(?:([-/.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outline:
    """An outline of what was flown.

    Attributes:
        geometry: Polygons in EPSG:3979.
        attributes: By field, as read.
    """

    geometry: shapely.Geometry
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Project:
    """What was flown under one name at one time, as far as it is told.

    Attributes:
        name: Its name; None if it is not told.
        first: When the flights began: a year, a month or a day as in ISO 8601, or None.
        last: When they ended, likewise.
        share: Share of the area of interest within its outlines, above 0 to 1.
        attributes: Everything that is told of it, JSON-ready, by field; a list where its outlines
            differ.
    """

    name: str | None
    first: str | None
    last: str | None
    share: float
    attributes: Attributes


def find_projects(area: shapely.Polygon, outlines: Iterable[Outline]) -> list[Project]:
    """Tell which projects share some of an area, the newest first.

    Outlines of one name and time are one project, and what they share of the area counts once.
    Outlines of different projects may overlap.

    Args:
        area: Polygon in EPSG:3979.
        outlines: Outlines, anywhere.

    Raises:
        ValueError: If an outline is no geometry that can be laid onto the area, or more is told of
            them than anyone would read.
    """
    told = 0
    grouped: dict[tuple[str | None, str | None, str | None], list[Outline]] = {}
    for outline in outlines:
        within = _laid_onto(area, outline.geometry)
        if within.area > 0:
            attributes = _told(outline.attributes)
            told += sum(len(field) + len(str(value)) for field, value in attributes.items())
            if told > _MOST_TOLD:
                raise ValueError(f"it has more than {_MOST_TOLD} characters of attributes there")
            key = (find_name(attributes), *find_dates(attributes))
            grouped.setdefault(key, []).append(Outline(within, attributes))
    projects = [
        Project(
            name,
            first,
            last,
            min(1.0, shapely.union_all([part.geometry for part in parts]).area / area.area),
            _together([part.attributes for part in parts]),
        )
        for (name, first, last), parts in grouped.items()
    ]
    projects.sort(key=lambda each: (each.last or "", each.share, each.name or ""), reverse=True)
    return projects


def find_name(attributes: Attributes) -> str | None:
    """Find the name of a project among its attributes; None if none has one."""
    ranked = ((rank, field) for field in attributes if (rank := _rank_as_name(field)) is not None)
    for _, field in sorted(ranked, key=lambda each: each[0]):
        if text := str(attributes[field]).strip():
            return text
    return None


def find_dates(attributes: Attributes) -> tuple[str | None, str | None]:
    """Find the first and the last year, month or day of flights among a project's attributes.

    Fields that speak of flights or surveys count before others, those that speak of publishing do
    not count at all.
    """
    fields = [field for field in attributes if _tells_when(field)]
    for flown in (True, False):
        dates = [
            "-".join(filter(None, (year, month, day)))
            for field in fields
            if _has_part(field, _FLOWN_PARTS) is flown
            for year, _, month, day in _DATE.findall(str(attributes[field]))
        ]
        if dates:
            return min(dates), max(dates)
    return None, None


def _laid_onto(area: shapely.Polygon, geometry: shapely.Geometry) -> shapely.Geometry:
    """What a geometry shares with an area; a geometry that crosses itself is mended first."""
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ValueError("it holds an outline with coordinates that are not finite numbers")
    try:
        mended = geometry if shapely.is_valid(geometry) else shapely.make_valid(geometry)
        return shapely.intersection(mended, area)
    except shapely.errors.GEOSException as exc:
        raise ValueError(f"it holds an outline that cannot be laid onto the area ({exc})") from exc


def _told(attributes: Attributes) -> dict[str, Any]:
    """Make attributes JSON-ready; those without a value, and binary ones, are left out."""
    ready = (
        (to_one_line(str(field), _LONGEST_FIELD), _plain(value))
        for field, value in attributes.items()
    )
    told = [(field, value) for field, value in ready if value is not None]
    return dict(told[:_MOST_FIELDS])


def _plain(value: Any) -> str | int | float | bool | None:
    match value:
        case np.datetime64():
            return None if np.isnat(value) else str(value).removesuffix("T00:00:00.000")
        case np.generic():
            return _plain(value.item())
        case str():
            return to_one_line(value, _LONGEST_TEXT + 1)
        case float():
            return value if math.isfinite(value) else None
        case bool() | int():
            return value
    return None


def _together(several: list[Attributes]) -> dict[str, Any]:
    """Lay the attributes of a project's outlines together."""
    values = {
        field: list(dict.fromkeys(each[field] for each in several if field in each))
        for field in dict.fromkeys(chain.from_iterable(several))
    }
    return {
        field: found[0] if len(found) == 1 else found[:_MOST_VALUES]
        for field, found in values.items()
    }


def _rank_as_name(field: str) -> int | None:
    """How likely a field holds the project's name, 0 for the likeliest; None if not at all."""
    if _tells_when(field):
        return None
    of_project = _has_part(field, ("project", "projet"))
    if of_project and _has_part(field, ("name", "nom", "titl", "titre")):
        return 0
    words = _words(field)
    if words in (["project"], ["projet"]):
        return 1
    if {"name", "nom", "title", "titre"}.intersection(words):
        return 2
    return 3 if of_project else None


def _tells_when(field: str) -> bool:
    told = _has_part(field, _WHEN_PARTS) or not _WHEN.isdisjoint(_words(field))
    return told and not _has_part(field, _PAPERWORK_PARTS)


def _has_part(field: str, parts: Iterable[str]) -> bool:
    name = "".join(_words(field))
    return any(part in name for part in parts)


def _words(field: str) -> list[str]:
    """The words of a field's name, in lower case and without accents."""
    bare = unicodedata.normalize("NFKD", field).encode("ascii", "ignore").decode()
    return [word.lower() for word in _WORDS.findall(bare)]
