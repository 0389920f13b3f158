"""Single surveys by name and year; the ids are those of recorded items."""

from __future__ import annotations

import re

import pytest
import shapely

from hrdem.catalog.items import Item
from hrdem.catalog.survey_items import find_survey_year, list_survey_names, select_surveys
from hrdem.errors import NoDataError
from hrdem.request.aoi.aoi import Aoi

AOI = Aoi.from_bbox((-2_000_000, 460_000, -1_990_000, 470_000), "EPSG:3979")
FAR = shapely.box(0, 0, 1_000, 1_000)


def make_item(name: str, date: str, footprint: shapely.Geometry | None = None) -> Item:
    return Item(name, "hrdem-lidar", "", date, footprint, ())


ISLAND = make_item("BC-Vancouver_Island_Sunshine_Coast_2018-1m", "2019-10-01T12:00:00Z")
MAINLAND = make_item("BC-Lower_Mainland_2016-1m", "2016-09-12T12:00:00Z")
LATER = make_item("BC-Lower_Mainland_2022-1m", "2022-09-12T12:00:00Z")
CITY = make_item("VILLE_VANCOUVER-VILLE_VANCOUVER-1m", "2013-02-19T12:00:00Z")
ELSEWHERE = make_item("BC-Far_2020-1m", "2020-09-12T12:00:00Z", FAR)
ALL = [ISLAND, MAINLAND, LATER, CITY, ELSEWHERE]


def test_the_year_is_that_of_the_name_or_else_of_the_item() -> None:
    """A survey of 2018 was delivered in 2019."""
    assert [find_survey_year(item) for item in ALL] == [2018, 2016, 2022, 2013, 2020]
    assert find_survey_year(make_item("BC-X-1m", "")) is None


@pytest.mark.parametrize(
    ("project", "year", "found"),
    [
        ("BC-Lower_Mainland_2016-1m", None, [MAINLAND]),
        ("bc-lower_mainland_2016", None, [MAINLAND]),
        ("Lower Mainland 2016", None, [MAINLAND]),
        ("Lower_Mainland", None, [MAINLAND, LATER]),
        ("Lower_Mainland", 2022, [LATER]),
        ("VILLE_VANCOUVER", None, [CITY]),
        (None, 2018, [ISLAND]),
        (None, None, ALL),
    ],
)
def test_a_survey_is_found_by_its_name_with_and_without_its_parts(
    project: str | None, year: int | None, found: list[Item]
) -> None:
    assert select_surveys(ALL, project, year, AOI) == found


@pytest.mark.parametrize(
    ("project", "year", "message"),
    [
        (None, 2017, "is of 2017. There are surveys of 2013, 2016, 2018, 2022. Give one of these"),
        ("Lower_Mainland", 2017, "'Lower_Mainland' was not flown in 2017, but in 2016, 2022."),
        ("Lower_Mainlan_2016", None, "Did you mean"),
        ("nowhere", None, "There are: BC-Vancouver_Island_Sunshine_Coast_2018, BC-Lower_Main"),
    ],
)
def test_a_survey_that_is_not_there_lists_those_under_the_area(
    project: str | None, year: int | None, message: str
) -> None:
    with pytest.raises(NoDataError, match=re.escape(message)) as caught:
        select_surveys(ALL, project, year, AOI)
    assert "Far" not in str(caught.value)
    assert "2020" not in str(caught.value)


def test_names_of_an_item_are_in_lower_case() -> None:
    assert list_survey_names(MAINLAND) == {
        "bc-lower_mainland_2016-1m",
        "bc-lower_mainland_2016",
        "bc-lower_mainland",
        "lower_mainland_2016",
        "lower_mainland",
    }
