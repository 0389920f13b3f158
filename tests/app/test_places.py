"""Places by name; what is where is from the atlas."""

from __future__ import annotations

import time

import pytest

from hrdem.app.places import find_places


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
