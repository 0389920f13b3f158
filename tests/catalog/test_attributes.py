"""Projects from outlines, whatever the names of their fields."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from hrdem.catalog.surveys.attributes import Outline, find_dates, find_name, find_projects

AREA = shapely.box(0, 0, 100, 100)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"Project": "A"}, "A"),
        ({"OBJECTID": 3, "Name": "B", "Project_Name": "A"}, "A"),
        ({"Nom_du_projet": "A", "Nom": "B"}, "A"),
        ({"PROJET": "A", "projectId": 7}, "A"),
        ({"projectName": "A"}, "A"),
        ({"titre": "A"}, "A"),
        ({"Project_ID": 12}, "12"),
        ({"Project": "  ", "Title": "A"}, "A"),
        ({"Project_Year": 2019, "Date_projet": "2019"}, None),
        ({"nominal_density": 8}, None),
        ({}, None),
    ],
)
def test_name_fields(attributes, name) -> None:
    assert find_name(attributes) == name


@pytest.mark.parametrize(
    ("attributes", "dates"),
    [
        ({"Year": 2019}, ("2019", "2019")),
        ({"Year": 2019.0}, ("2019", "2019")),
        ({"ANNÉE": "2019"}, ("2019", "2019")),
        ({"Date_début": "2019/05/03", "Date_fin": "2019/06/30"}, ("2019-05-03", "2019-06-30")),
        ({"START": 20190503, "END": 201906}, ("2019-05-03", "2019-06")),
        ({"acquisition": "May 2018 - June 2019"}, ("2018", "2019")),
        ({"Years": "2018-2019"}, ("2018", "2019")),
        ({"Flight_Date": "2019-05-03T12:00:00Z"}, ("2019-05-03", "2019-05-03")),
        ({"Acquisition_Date": "2018-09", "Date": "2020-01-01"}, ("2018-09", "2018-09")),
        ({"Acquisition_Date": "unknown", "Date": "2020"}, ("2020", "2020")),
        ({"Publication_Date": "2021-01-01", "date_updated": "2022-01-01"}, (None, None)),
        ({"Year": "n/a", "Density": 2019, "Collection": "2005"}, (None, None)),
        ({"date": "03/05/2019"}, ("2019", "2019")),
        ({"date": 1234567890123}, (None, None)),
    ],
)
def test_date_fields(attributes, dates) -> None:
    assert find_dates(attributes) == dates


def test_overlapping_projects_both_count_their_share() -> None:
    old = Outline(shapely.box(-50, -50, 150, 150), {"Project": "old", "Year": 2012})
    new = Outline(shapely.box(50, 0, 900, 100), {"Project": "new", "Year": 2020})
    beside = Outline(shapely.box(100, 0, 200, 100), {"Project": "beside", "Year": 2021})
    found = find_projects(AREA, [old, new, beside])
    assert [(each.name, each.first, each.share) for each in found] == [
        ("new", "2020", 0.5),
        ("old", "2012", 1.0),
    ]


def test_overlaps_within_a_project_count_once() -> None:
    parts = [
        Outline(shapely.box(0, 0, 60, 100), {"Project": "A", "Year": 2020, "Part": 1}),
        Outline(shapely.box(40, 0, 80, 100), {"Project": "A", "Year": 2020, "Part": 2}),
        Outline(shapely.box(0, 0, 10, 100), {"Project": "A", "Year": 2014, "Part": 3}),
    ]
    twenty, fourteen = find_projects(AREA, parts)
    assert twenty.share == pytest.approx(0.8)
    assert twenty.attributes == {"Project": "A", "Year": 2020, "Part": [1, 2]}
    assert (fourteen.first, fourteen.share) == ("2014", 0.1)


def test_outline_without_attributes_has_a_share() -> None:
    (found,) = find_projects(AREA, [Outline(shapely.box(0, 0, 100, 25), {})])
    assert (found.name, found.first, found.last, found.share) == (None, None, None, 0.25)


def test_invalid_outline_is_repaired() -> None:
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    (found,) = find_projects(AREA, [Outline(bow, {})])
    assert found.share == pytest.approx(0.5)


def test_outline_that_is_not_finite_is_refused() -> None:
    with np.errstate(invalid="ignore"):
        nowhere = shapely.Polygon([(0, 0), (np.nan, 10), (10, 10)])
    with pytest.raises(ValueError, match="not finite"):
        find_projects(AREA, [Outline(nowhere, {})])


def test_attributes_are_json_ready() -> None:
    attributes = {
        "text": "x" * 600,
        "count": np.int32(7),
        "density": np.float32(2.5),
        "when": np.datetime64("2019-05-03"),
        "at": np.datetime64("2019-05-03T10:11:12.000"),
        "never": np.datetime64("NaT", "s"),
        "unknown": np.nan,
        "nothing": None,
        "picture": b"\x89PNG",
        "flag": np.True_,
    }
    (found,) = find_projects(AREA, [Outline(AREA, attributes)])
    values = json.loads(json.dumps(found.attributes))
    assert values.pop("text") == "x" * 500 + "…"
    assert values == {
        "count": 7,
        "density": 2.5,
        "when": "2019-05-03",
        "at": "2019-05-03T10:11:12.000",
        "flag": True,
    }


@pytest.mark.long
@pytest.mark.slow
def test_attributes_are_bounded() -> None:
    wide = Outline(AREA, {f"field {number}": number for number in range(5_000)})
    many = [Outline(AREA, {"Name": "A", "Part": number}) for number in range(50)]
    assert len(find_projects(AREA, [wide])[0].attributes) == 100
    assert len(find_projects(AREA, many)[0].attributes["Part"]) == 10
    endless = {f"field {number}": "x" * 10_000 for number in range(200)}
    with pytest.raises(ValueError, match="more than 16777216 characters"):
        find_projects(AREA, [Outline(AREA, endless)] * 400)
