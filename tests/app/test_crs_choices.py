"""CRSs of a place; the oracle is what surveyors of each city use, by EPSG's register."""

from __future__ import annotations

import pyproj
import pytest

from hrdem.app.crs_choices import find_crs, find_provinces, suggest
from hrdem.app.settings import Settings
from tests.app.conftest import serving

CITIES = {  # longitude, latitude, UTM, the zones and grids of the province that come first
    "Ottawa": (-75.70, 45.42, 2959, [2951], [3162]),
    "Toronto": (-79.38, 43.65, 2958, [2952], [3162]),
    "Sudbury": (-81.00, 46.49, 2958, [26892], [3162]),
    "Québec": (-71.21, 46.81, 2960, [2949], [6622]),
    "Montréal": (-73.57, 45.50, 2959, [2950], [6622]),
    "Vancouver": (-123.12, 49.28, 3157, [], [3005]),
    "Calgary": (-114.07, 51.05, 2955, [3780], [3400, 3402]),
    "Halifax": (-63.57, 44.65, 2961, [8083], []),
    "Fredericton": (-66.64, 45.96, 2960, [], [2953]),
    "Charlottetown": (-63.13, 46.24, 2961, [], [2954]),
    "St. John's": (-52.71, 47.56, 3761, [26898], []),
    "Whitehorse": (-135.06, 60.72, 3155, [], [3579]),
    "Yellowknife": (-114.37, 62.45, 2955, [], [3581]),
    "Regina": (-104.61, 50.45, 2957, [], []),
}


@pytest.mark.parametrize("city", CITIES)
def test_the_usual_crss_of_a_city_are_suggested(city: str) -> None:
    lon, lat, utm, zones, grids = CITIES[city]
    codes = [each.code for each in suggest(lon, lat)]
    assert codes[: 1 + len(zones)] == [f"EPSG:{code}" for code in (utm, *zones)]
    assert {f"EPSG:{code}" for code in grids} <= set(codes)
    assert codes[-2:] == ["EPSG:3979", "EPSG:4617"]
    assert len(codes) == len(set(codes)) <= 12


def test_the_province_of_a_place_comes_before_its_neighbour() -> None:
    assert find_provinces(-75.70, 45.42) == ["ON", "QC"]
    codes = [each.code for each in suggest(-75.70, 45.42)]
    assert codes.index("EPSG:3162") < codes.index("EPSG:6622")


def test_no_zone_of_another_province_is_suggested() -> None:
    assert not any("MTM" in each.name for each in suggest(-104.61, 50.45))


def test_far_from_canada_only_the_crss_of_all_canada_are_left() -> None:
    assert [each.code for each in suggest(7.4, 46.9)] == ["EPSG:3979", "EPSG:4617"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2959", 2959),
        ("EPSG: 6622", 6622),
        ("mtm 9", 2951),
        ("UTM zone 10", 3157),
        ("utm18n", 2959),
        ("NAD83(CSRS) / UTM zone 18N", 2959),
        ("lambert québec", 6622),
        ("bc albers", 3153),
        ("canada atlas", 3979),
    ],
)
def test_crss_are_found_by_number_and_by_words(text: str, code: int) -> None:
    found = find_crs(text)
    assert found[0].code == f"EPSG:{code}"
    assert found[0].name == pyproj.CRS.from_epsg(code).name


@pytest.mark.parametrize("text", ["", "99999", "lambert of nowhere", "9" * 300])
def test_no_crs_is_found_by_what_none_is_called(text: str) -> None:
    assert find_crs(text) == []


def test_the_page_finds_crss_by_name(settings: Settings) -> None:
    with serving(settings) as client:
        found = client.get("/api/crs", params={"q": "mtm zone 7"}).json()["crs_choices"]
    assert found[0] == {"code": "EPSG:2949", "name": "NAD83(CSRS) / MTM zone 7"}
