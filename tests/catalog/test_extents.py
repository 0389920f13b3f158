"""Where a collection has data, compared with the projects of the demonstration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

import hrdem
from hrdem.catalog.search import find_intersecting_items
from hrdem.catalog.surveys.extents import TOLERANCE_METRES, find_coverage
from hrdem.demo import Addresses
from hrdem.demo.projects import list_projects
from hrdem.demo.tiles import list_tiles
from hrdem.http.client import HttpClient
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import get_collection

BOX = (1_440_000, -210_000, 1_560_000, -120_000)  # on both sides of the edge of two sub-tiles


@pytest.mark.slow
def test_coverage_is_the_ground_of_all_projects(demo: Addresses) -> None:
    found = hrdem.coverage(bbox=BOX, bbox_crs=3979, stac_url=demo.stac, no_cache=True)
    by_item = {tile.item_id: tile for tile in list_tiles()}
    projects = [project for item in found.items for project in list_projects(by_item[item.id])]
    expected = shapely.union_all([project.outline for project in projects])
    expected = expected.intersection(shapely.box(*BOX))
    assert (len(found.items), found.unknown) == (2, ())
    assert found.outline.buffer(TOLERANCE_METRES).contains(expected)
    assert expected.buffer(TOLERANCE_METRES).contains(found.outline)


@pytest.mark.slow
def test_items_that_do_not_tell_are_listed(demo: Addresses, http: HttpClient) -> None:
    aoi = Aoi.from_bbox(BOX, "EPSG:3979")
    first, second = find_intersecting_items(aoi, get_collection("1m"), demo.stac, http)
    extent = next(asset for asset in second.assets if asset.key == "extent")
    gone = replace(extent, href=f"{demo.url}/nothing.geojson")
    items = [replace(first, assets=()), replace(second, assets=(gone,))]
    found = find_coverage(items, aoi, http)
    assert found.outline.is_empty
    assert [(each.item, each.failed) for each in found.unknown] == [
        (first.id, False),
        (second.id, True),
    ]
