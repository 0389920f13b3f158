"""The layer of surveys, compared with the projects of the demonstration; and the page about it."""

from __future__ import annotations

import json
from pathlib import Path

import pyogrio
import pytest
import shapely
from pyogrio import raw
from pyogrio.errors import FeatureError

import hrdem
from hrdem.catalog.surveys.attributes import Project
from hrdem.catalog.surveys.layer import write_layer
from hrdem.catalog.surveys.lookup import Survey, Surveys
from hrdem.demo import Addresses
from hrdem.demo.projects import list_projects
from hrdem.demo.tiles import list_tiles
from hrdem.jobs import list_surveys
from hrdem.request.aoi.aoi import Aoi
from tests.pages import run_commands


def test_a_layer_has_the_outlines_and_what_is_known_of_each_survey(tmp_path: Path) -> None:
    square, line = shapely.box(0, 0, 10, 10), shapely.LineString([(10, 0), (20, 0)])
    mixed = shapely.GeometryCollection([square, line])
    surveys = [
        Survey("9_2", "coverage", Project("Île", "2019", "2020-06", 0.5, {"a": [1, 2]}, square)),
        Survey("9_2", "extent", Project(None, None, None, 1.0, {}, mixed)),
    ]
    path = tmp_path / "surveys.gpkg"
    write_layer(surveys, 1, path)
    meta, _, shapes, columns = raw.read(path, layer="surveys")
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert meta["crs"] == "EPSG:3979"
    assert [shapely.from_wkb(each).area for each in shapes] == [100, 100]
    assert rows["project"].tolist() == ["Île", None]
    assert rows["year"][0] == 2020
    assert rows["year"][1] != rows["year"][1]  # NULL
    assert rows["share"].tolist() == [0.5, 1.0]
    assert json.loads(rows["attributes"][0]) == {"a": [1, 2]}


def test_a_full_folder_of_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told as a defect of hrdem."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise FeatureError("Could not add feature to layer at index 0")

    project = Project("Île", "2019", "2020-06", 0.5, {}, shapely.box(0, 0, 10, 10))
    found = Surveys((Survey("9_2", "coverage", project),), (), ())
    monkeypatch.setattr(list_surveys, "find_intersecting_items", lambda *args: ["an item"])
    monkeypatch.setattr(list_surveys, "find_surveys", lambda *args: found)
    monkeypatch.setattr(raw, "write", refuse)
    output = tmp_path / "surveys.gpkg"
    bbox = -75.72, 45.40, -75.71, 45.41
    with pytest.raises(hrdem.OutputError, match=r"cannot take temporary files: Could .* TMPDIR to"):
        hrdem.surveys(bbox=bbox, output=output, no_cache=True)
    assert not output.exists()


@pytest.mark.slow
def test_outlines_are_those_of_the_projects_within_the_area(
    demo: Addresses, tmp_path: Path
) -> None:
    bbox = -75.72, 45.40, -75.66, 45.44
    path = tmp_path / "surveys.gpkg"
    listed = hrdem.surveys(bbox=bbox, output=path, stac_url=demo.stac, no_cache=True)
    (tile,) = (each for each in list_tiles() if each.item_id == "9_2-mosaic-1m")
    area = Aoi.from_bbox(bbox).geometry
    expected = {
        project.name: (project.last.year, project.outline.intersection(area))
        for project in list_projects(tile)
        if project.outline.intersection(area).area > 0
    }
    meta, _, shapes, columns = raw.read(path)
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert sorted(rows["project"]) == sorted(expected)
    for name, year, shape in zip(rows["project"], rows["year"], shapes, strict=True):
        assert year == expected[name][0]
        assert shapely.from_wkb(shape).symmetric_difference(expected[name][1]).area < 1e-3
    document = listed.as_dict()
    assert [each["year"] for each in document["surveys"]] == rows["year"].tolist()
    assert document["output"] == str(path)


@pytest.mark.slow
@pytest.mark.long
def test_the_commands_of_the_page_work(on_demo: Path) -> None:
    assert run_commands("surveys.md")
    assert pyogrio.list_layers(on_demo / "surveys.gpkg").tolist() == [["surveys", "MultiPolygon"]]


def test_output_that_is_no_geopackage_is_refused_before_any_request(tmp_path: Path) -> None:
    with pytest.raises(hrdem.RequestError, match=r"does not end in \.gpkg\. Give .*a\.gpkg"):
        hrdem.surveys(
            bbox=(-76, 45, -75, 46), output=tmp_path / "a.tif", stac_url="http://127.0.0.1:1"
        )


def test_unreadable_surveys_are_an_error_and_leave_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from hrdem.catalog.surveys.lookup import Surveys, UnknownSurvey
    from hrdem.jobs import list_surveys

    unknown = UnknownSurvey("9_2", "it broke off.", failed=True)
    monkeypatch.setattr(list_surveys, "find_intersecting_items", lambda *_: ["9_2"])
    monkeypatch.setattr(list_surveys, "find_surveys", lambda *_: Surveys((), (unknown,), ()))
    with pytest.raises(hrdem.TransferError, match="surveys of 9_2 cannot be read: it broke off"):
        hrdem.surveys(bbox=(-76, 45, -75, 46), output=tmp_path / "a.gpkg", no_cache=True)
    assert list(tmp_path.iterdir()) == []
