"""Coordinates in the notations of other programs are named in ours, if they are in Canada."""

from __future__ import annotations

import pytest

from hrdem.request.aoi.coordinate_text import suggest_text

OTTAWA = "Did you mean `bbox=-75.7,45.4,-75.6,45.5`?"


@pytest.mark.parametrize(
    "text",
    [
        "-75.7;45.4;-75.6;45.5",
        "-75,7;45,4;-75,6;45,5",
        "-75,7 45,4 -75,6 45,5",
        "-75,7,45,4,-75,6,45,5",
        "[-75.7, 45.4, -75.6, 45.5]",
        "BOX(-75.7 45.4,-75.6 45.5)",  # PostGIS
        "-75.7,45.4 : -75.6,45.5",
        "75°42'W,45°24'N,75°36'W,45°30'N",
        "45°24'0\"N 45°30'0\"N 75°42'O 75°36'O",  # French
        "75.7W 45.4N 75.6W 45.5N",
        "N45.4 W75.7 N45.5 W75.6",
    ],
)
def test_other_notations_of_a_box(text: str) -> None:
    assert suggest_text(text, 4) == OTTAWA


@pytest.mark.parametrize(
    ("text", "order", "box", "crs"),
    [
        ("-75.72,-75.66,45.40,45.44", True, "-75.72,45.4,-75.66,45.44", "EPSG:4326"),
        ("1509508.0,1509990.0,-172668.0,-172226.0", True, "1509508,-172668,1509990,-172226",
         "EPSG:3979"),
        ("449978,450978,5029300,5030300", True, "449978,5029300,450978,5030300", "EPSG:2959"),
        ("449978,5029300,450978,5030300", False, "449978,5029300,450978,5030300", "EPSG:2959"),
    ],
)  # fmt: skip
def test_an_extent_of_qgis_has_its_crs(text: str, order: bool, box: str, crs: str) -> None:
    found = suggest_text(f"{text} [{crs}]", 4)
    assert found.endswith(f"id you mean `bbox={box}` with `bbox_crs={crs}`?")
    assert ("QGIS" in found) is order


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("45°24'30\"N 75°42'W", "-75.7,45.408333333"),
        ("75.7W,45.4N", "-75.7,45.4"),
        ("-75,7;45,4", "-75.7,45.4"),
        ("POINT(-75.7 45.4)", "-75.7,45.4"),
        ("(45.4, -75.7)", "-75.7,45.4"),
    ],
)
def test_other_notations_of_a_point(text: str, point: str) -> None:
    assert suggest_text(text, 2) == f"Did you mean `point={point}`?"


@pytest.mark.parametrize(
    "text",
    [
        "449978;5029300;450978;5030300",  # metres of an unknown CRS
        "2;48;2,1;48,1",
        "48°51'N 2°21'E 48°52'N 2°22'E",  # Paris
        "45.4N 45.5N 75.7W",
        "-45.4N 45.5N 75.7W 75.6W",
        "-200000,300000,100000,400000 [EPSG:3979]",  # a box in both orders
        "-75.72,-75.66,45.40,45.44 [EPSG:99999]",
        "-75.72,-75.66 [EPSG:4326]",
        "somewhere",
        "",
        "1" * 100_000,
    ],
)
def test_what_is_in_no_place_or_in_several_is_not_suggested(text: str) -> None:
    assert suggest_text(text, 4) == ""
