"""Places by name; what is where is from the atlas."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import shapely

import hrdem
from hrdem.app.places import find_places, read_data

DATA = Path(hrdem.__file__).parent / "app/static/data"


@pytest.mark.parametrize(
    ("text", "name", "province"),
    [
        ("montr", "Montréal", "QC"),
        ("QUEBEC", "Québec", "QC"),
        ("st johns", "St. John's", "NL"),
        ("London, ON", "London", "ON"),
        ("gatineau, québec", "Gatineau", "QC"),
        ("frobisher", "Iqaluit", "NU"),
        ("quebec city", "Québec", "QC"),
        ("jaw", "Moose Jaw", "SK"),
    ],
)
def test_the_largest_place_of_a_name_comes_first(text: str, name: str, province: str) -> None:
    first = find_places(text)[0]
    assert (first.name, first.province) == (name, province)


def test_a_whole_name_comes_before_larger_places_that_begin_with_it() -> None:
    found = [place.name for place in find_places("saint john")]
    assert found.index("Saint John") < len(found)
    assert found[0] == "Saint John"


def test_few_letters_find_no_names_in_other_languages() -> None:
    assert all(place.name.casefold()[0] == "a" for place in find_places("a"))


def test_nothing_finds_nothing() -> None:
    assert find_places(" , ") == find_places("zzzzz") == []


def test_a_search_takes_milliseconds() -> None:
    find_places("warm")
    started = time.process_time()
    for text in ("s", "sa", "saint", "saint-", "lac"):
        find_places(text)
    assert time.process_time() - started < 5 * 0.02


@pytest.mark.slow
def test_places_lie_in_their_provinces_on_land() -> None:
    """Two sources that know nothing of each other: GeoNames and Natural Earth."""
    provinces = {
        feature["properties"]["code"]: shapely.geometry.shape(feature["geometry"])
        for feature in read_data("provinces")["features"]
    }
    land = next(
        shapely.geometry.shape(feature["geometry"])
        for feature in read_data("basemap")["features"]
        if feature["properties"]["kind"] == "land"
    )
    rows = read_data("places")
    points = shapely.points([row[2:4] for row in rows])
    of_place = np.array([provinces[row[1]] for row in rows])
    assert shapely.dwithin(of_place, points, 0.2).mean() > 0.997
    assert shapely.dwithin(land, points, 0.1).mean() > 0.995


def test_data_are_small_and_their_sources_named() -> None:
    notice = (DATA / "NOTICE.txt").read_text("utf-8")
    sizes = {path.name: path.stat().st_size for path in DATA.glob("*.json")}
    assert sizes.keys() == {"basemap.json", "places.json", "provinces.json"}
    assert all(name in notice for name in sizes)
    assert sizes["basemap.json"] <= 600_000
    assert sizes["places.json"] <= 500_000
    assert all(words in notice for words in ("public domain", "CC BY 4.0", "GeoNames"))
