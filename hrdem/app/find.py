"""What the search field of the page finds: map sheets, coordinates, boxes, and places by name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import hrdem
from hrdem.app.coordinate_text import read_box, read_points
from hrdem.app.places import Place, find_places, get_province_name
from hrdem.errors import HrdemError

MAX_TEXT_CHARACTERS = 200
POINT_VIEW_KM = 1.5  # from the point to the edge of the view
MIN_PLACE_VIEW_KM, MAX_PLACE_VIEW_KM = 2.0, 25.0
_KM_PER_DEGREE = 111.2
_SHEET = re.compile(
    r"(?:nts\b|snrc\b)?\s*(\d{1,3}\s*[/_.-]?\s*[a-p](?:\s*[/_.-]?\s*\d{1,2})?)", re.IGNORECASE
)

Box = tuple[float, float, float, float]


class CandidateKind(StrEnum):
    """What a candidate is."""

    SHEET = "sheet"
    POINT = "point"
    BOX = "box"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a text may mean.

    Attributes:
        kind: What it is.
        label: Its name.
        bbox: What to show: west, south, east, north, degrees.
        lon: Longitude of its middle, degrees.
        lat: Latitude of its middle, degrees.
        detail: Where it is, or empty.
        area: The area that it is, as `hrdem.app.areas.describe` takes it; None for points and
            places.
    """

    kind: CandidateKind
    label: str
    bbox: Box
    lon: float
    lat: float
    detail: str = ""
    area: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "kind": self.kind.value,
            "label": self.label,
            "area": self.area,
            "bbox": list(self.bbox),
            "lon": self.lon,
            "lat": self.lat,
            "detail": self.detail,
        }


def find(text: str, language: str) -> list[Candidate]:
    """Return what a text may mean, the likeliest first; nothing if it is not understood.

    Args:
        text: Name of an NTS sheet, coordinates of a point or a box, or the beginning of the name of
            a place.
        language: ``"en"`` or ``"fr"``, of labels.
    """
    text = text[:MAX_TEXT_CHARACTERS].strip()
    if found := list(_find_sheet(text)):
        return found
    if (box := read_box(text)) is not None:
        return [_make_box(box)]
    if points := read_points(text):
        return [_make_point(*point, language) for point in points]
    return [_make_place(place, language) for place in find_places(text)]


def _find_sheet(text: str) -> Iterator[Candidate]:
    match = _SHEET.fullmatch(text)
    if match is None:
        return
    try:
        outline = hrdem.outline(nts=match[1])
    except HrdemError:
        return
    west, south, east, north = outline.bbox
    area = {"nts": outline.label.removeprefix("NTS ")}
    middle = (west + east) / 2, (south + north) / 2
    yield Candidate(CandidateKind.SHEET, outline.label, outline.bbox, *middle, area=area)


def _make_box(box: Box) -> Candidate:
    west, south, east, north = box
    label = ", ".join(f"{value:g}" for value in box)
    middle = (west + east) / 2, (south + north) / 2
    return Candidate(CandidateKind.BOX, label, box, *middle, area={"bbox": list(box)})


def _make_point(lon: float, lat: float, language: str) -> Candidate:
    label = f"{lat:.5f}° N, {-lon:.5f}° W"
    if language == "fr":
        label = f"{lat:.5f}° N, {-lon:.5f}° O".replace(".", ",").replace(", ", " ; ")
    return Candidate(CandidateKind.POINT, label, _view(lon, lat, POINT_VIEW_KM), lon, lat)


def _make_place(place: Place, language: str) -> Candidate:
    reach = math.sqrt(place.population) / 40  # 3,000 people per square kilometre and suburbs
    reach = min(max(reach, MIN_PLACE_VIEW_KM), MAX_PLACE_VIEW_KM)
    detail = get_province_name(place.province, language)
    bbox = _view(place.lon, place.lat, reach)
    return Candidate(CandidateKind.PLACE, place.name, bbox, place.lon, place.lat, detail)


def _view(lon: float, lat: float, km: float) -> Box:
    """Return a box around a point that reaches some kilometres in each direction."""
    up = km / _KM_PER_DEGREE
    across = up / math.cos(math.radians(lat))
    west, south, east, north = (
        round(each, 5) for each in (lon - across, lat - up, lon + across, lat + up)
    )
    return west, south, east, north
