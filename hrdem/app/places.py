"""Places of Canada by name: cities, towns and villages of GeoNames, and the provinces."""

from __future__ import annotations

import bisect
import functools
import json
import unicodedata
from dataclasses import dataclass
from importlib import resources
from typing import Any

MIN_CHARACTERS_OF_OTHER_NAMES = 3  # which are many, and in many languages
MAX_FOUND = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A place.

    Attributes:
        name: Name, as GeoNames has it.
        province: Code of its province, such as ``QC``.
        lon: Longitude, degrees.
        lat: Latitude, degrees.
        population: Number of people.
    """

    name: str
    province: str
    lon: float
    lat: float
    population: int


def find_places(text: str, limit: int = MAX_FOUND) -> list[Place]:
    """Find places whose name begins with a text, or a word of it, accents and case ignored.

    A province after a comma narrows them: ``london, on``. Whole names come first, then beginnings
    of names, of words in them, and of names in other languages; among these, the larger places.

    Args:
        text: Text as typed.
        limit: Largest number of places.
    """
    name, _, province = (part.strip() for part in fold(text).partition(","))
    if not name:
        return []
    names, places = _read_index()
    ranks: dict[int, int] = {}
    start = bisect.bisect_left(names, (name,))
    for found, rank, number in names[start:]:
        if not found.startswith(name):
            break
        if rank == _OTHER and len(name) < MIN_CHARACTERS_OF_OTHER_NAMES:
            continue
        is_whole = found == name and rank == _NAME
        ranks[number] = min(ranks.get(number, _OTHER), -1 if is_whole else rank)
    numbers = [each for each in ranks if _is_in(places[each], province)]
    numbers.sort(key=lambda number: (ranks[number], number))  # numbers are in order of population
    return [places[number] for number in numbers[:limit]]


def get_province_name(code: str, language: str) -> str:
    """Return the name of a province in English or French.

    Args:
        code: Its code, such as ``QC``.
        language: ``"fr"`` for French, anything else for English.
    """
    return _read_province_names()[code]["fr" if language == "fr" else "en"]


def fold(text: str) -> str:
    """Return a text without accents and case, with single spaces for hyphens, points and quotes."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in parts if not unicodedata.combining(each))
    return " ".join(plain.translate(_SEPARATORS).split())


_SEPARATORS = str.maketrans(dict.fromkeys("-.'’‘ʼ", " "))
_NAME, _WORD, _OTHER = range(3)  # what a text is the beginning of


def _is_in(place: Place, province: str) -> bool:
    names = _read_province_names()[place.province]
    return any(fold(name).startswith(province) for name in names.values())


@functools.cache
def _read_index() -> tuple[list[tuple[str, int, int]], list[Place]]:
    """Return all names, sorted, with their kind and the number of their place; and the places."""
    places, names = [], []
    for number, (name, province, lon, lat, population, others) in enumerate(read_data("places")):
        places.append(Place(name, province, lon, lat, population))
        folded = fold(name)
        words = folded.split()
        names.append((folded, _NAME, number))
        names += [(" ".join(words[at:]), _WORD, number) for at in range(1, len(words))]
        names += [(fold(other), _OTHER, number) for other in others]
    return sorted(names), places


@functools.cache
def _read_province_names() -> dict[str, dict[str, str]]:
    """Return code and names of each province by its code."""
    features = read_data("provinces")["features"]
    return {feature["properties"]["code"]: feature["properties"] for feature in features}


def read_data(name: str) -> Any:
    """Return the content of one of the page's data files.

    Args:
        name: Its name, without the ending.
    """
    file = resources.files("hrdem.app") / "static" / "data" / f"{name}.json"
    return json.loads(file.read_text("utf-8"))
