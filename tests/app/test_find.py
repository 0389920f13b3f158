"""The search field: sheets, coordinates in the ways that people type them, boxes, places."""

from __future__ import annotations

import time

import pytest

from hrdem.app.find import find

OTTAWA = pytest.approx((-75.7, 45.4))
BOX = [-75.72, 45.4, -75.66, 45.44]


@pytest.mark.parametrize(
    ("text", "name", "bbox"),
    [
        # printed on the sheets themselves
        ("31G5", "031G05", (-76.0, 45.25, -75.5, 45.5)),
        ("nts 031g/05", "031G05", (-76.0, 45.25, -75.5, 45.5)),
        ("SNRC 92 G", "092G", (-124.0, 49.0, -122.0, 50.0)),
    ],
)
def test_sheets_are_found_by_their_names(
    text: str, name: str, bbox: tuple[float, float, float, float]
) -> None:
    (sheet,) = find(text, "en")
    assert (sheet.kind, sheet.area) == ("sheet", {"nts": name})
    assert sheet.bbox == pytest.approx(bbox)


@pytest.mark.parametrize(
    "text",
    [
        "45.4, -75.7",
        "-75.7 45.4",
        "45.4 75.7",
        "75.7, 45.4",
        "45,4 -75,7",
        "45,4; -75,7",
        "45.4N 75.7W",
        "W 75.7 N 45.4",
        "75.7°O 45.4°N",
        "45°24′00″N 75°42′00″W",
        "45°24'N, 75°42'O",
        "45 24 00 N 75 42 00 W",
        "N45 24.0 W75 42.0",
        "45d24m0s N 75d42m0s W",
        "\u221275.7 45.4",
    ],
)
def test_one_point_is_found_however_it_is_typed(text: str) -> None:
    (point,) = find(text, "en")
    assert (point.kind, point.area) == ("point", None)
    assert (point.lon, point.lat) == OTTAWA


def test_two_numbers_that_may_be_either_are_two_points() -> None:
    assert [(each.lon, each.lat) for each in find("60 75", "en")] == [(-75, 60), (-60, 75)]


@pytest.mark.parametrize(
    "text",
    [
        "-75.72,45.40,-75.66,45.44",
        "45.40 -75.72 45.44 -75.66",
        "-75.72,-75.66,45.40,45.44 [EPSG:4326]",
        "-75,72;45,40;-75,66;45,44",
    ],
)
def test_boxes_are_found_in_the_orders_that_programs_copy(text: str) -> None:
    (box,) = find(text, "en")
    assert (box.kind, box.area) == ("box", {"bbox": BOX})


@pytest.mark.parametrize(
    "text", ["", "46.9, 7.4", "45°60'N 75°W", "-75.7 -45.4", "99Z", "1 2 3", "N"]
)
def test_what_is_not_in_canada_or_not_understood_is_not_found(text: str) -> None:
    assert [each for each in find(text, "en") if each.kind != "place"] == []


def test_places_are_named_with_their_province_in_the_language_of_the_page() -> None:
    (first, *_) = find("TROIS-rivieres", "en")
    assert (first.kind, first.label, first.detail) == ("place", "Trois-Rivières", "Quebec")
    assert find("trois rivières", "fr")[0].detail == "Québec"
    assert (first.lon, first.lat) == pytest.approx((-72.55, 46.34), abs=0.05)
    west, south, east, north = first.bbox
    assert west < first.lon < east
    assert south < first.lat < north


def test_points_are_written_as_the_language_writes_numbers() -> None:
    assert find("45.4 -75.7", "en")[0].label == "45.40000° N, 75.70000° W"
    assert find("45.4 -75.7", "fr")[0].label == "45,40000° N ; 75,70000° O"


def test_long_texts_take_no_time() -> None:
    started = time.process_time()
    for text in ("45" * 50_000, "1 " * 5_000, "45°" * 5_000, "(" * 5_000, "45 24 " * 5_000):
        find(text, "en")
    assert time.process_time() - started < 0.5
