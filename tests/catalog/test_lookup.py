"""Surveys under an area, compared with the projects of the demonstration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shapely

from hrdem.catalog.search import find_intersecting_items
from hrdem.catalog.surveys import lookup as surveys
from hrdem.catalog.surveys.lookup import find_surveys
from hrdem.demo import Addresses
from hrdem.demo.projects import list_projects
from hrdem.demo.tiles import list_tiles
from hrdem.http.client import HttpClient
from hrdem.http.timeouts import Timeouts
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import get_collection, get_product


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """A client that waits while the demonstration builds its coverage files."""
    with HttpClient(timeouts=Timeouts(read=60, total=60), trusted=["http://127.0.0.1"]) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("collection", "product", "box"),
    [
        pytest.param(
            "1m", "dtm", (1_440_000, -210_000, 1_560_000, -120_000), marks=pytest.mark.long
        ),
        ("2m", "dsm", (1_440_000, -210_000, 1_560_000, -120_000)),
        pytest.param("1m", "dsm", (-1_010_000, 490_000, -990_000, 510_000), marks=pytest.mark.long),
        pytest.param(
            "30m", "dtm", (1_499_400, -170_600, 1_540_600, -140_000), marks=pytest.mark.long
        ),
    ],
)
def test_surveys_match_the_demonstration(
    demo: Addresses, http: HttpClient, collection: str, product: str, box: tuple
) -> None:
    aoi = Aoi.from_bbox(box, "EPSG:3979")
    items = find_intersecting_items(aoi, get_collection(collection), demo.stac, http)
    found = find_surveys(items, aoi, get_product(product), http)
    by_item = {tile.item_id: tile for tile in list_tiles()}
    expected = {
        (item.id, project.name): (
            str(project.last.year),
            shapely.area(project.outline.intersection(aoi.geometry)) / aoi.geometry.area,
        )
        for item in items
        for project in list_projects(by_item[item.id])
        if project.outline.intersection(aoi.geometry).area > 0
    }
    shares = {
        (survey.item, survey.project.name): (survey.project.last[:4], survey.project.share)
        for survey in found.found
    }
    assert found.unknown == ()
    assert len(found.versions) == len(items)
    assert shares.keys() == expected.keys()
    for key, (year, share) in expected.items():
        assert shares[key] == (year, pytest.approx(share, abs=1e-9))


@pytest.mark.slow
def test_small_area_reads_little_of_a_large_file(demo: Addresses, http: HttpClient) -> None:
    aoi = Aoi.from_bbox((-75.72, 45.40, -75.66, 45.44))
    items = find_intersecting_items(aoi, get_collection("30m"), demo.stac, http)
    found = find_surveys(items, aoi, get_product("dtm"), http)
    assert found.versions[0].size > surveys.MAX_WHOLE_FILE_BYTES
    assert [survey.asset for survey in found.found] == ["coverage"] * len(found.found)
    assert sum(survey.project.share for survey in found.found) >= 1
