"""Polygons that a catalogue is searched with."""

from __future__ import annotations

import json

import pytest
import shapely
from pystac_client import ItemSearch

from hrdem.catalog.search_area import (
    ITEMS_PER_PAGE,
    bound_lonlat_box,
    make_polygon,
    make_search,
    trace_search_area,
)
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.transform import project_points
from hrdem.request.aoi.aoi import Aoi

OTTAWA = (-75.85, 45.30, -75.60, 45.45)


@pytest.mark.parametrize(
    ("column", "row"), [(8, 1), (9, 2), (1, 3), (11, 5), (6, 10), (4, 9), (2, 8)]
)
def test_search_area_reaches_four_corner_footprints(column: int, row: int) -> None:
    """An area just inside a tile edge, where a four-corner footprint is farthest off."""
    left, bottom = (column - 6) * 500_000, (row - 3) * 500_000
    corners = shapely.get_coordinates(shapely.box(left, bottom, left + 500_000, bottom + 500_000))
    footprint = shapely.Polygon(project_points(corners, NATIVE_CRS, LONLAT))
    middle_x, middle_y = left + 250_000, bottom + 250_000
    for x, y in (
        (left + 60, middle_y),
        (left + 499_940, middle_y),
        (middle_x, bottom + 60),
        (middle_x, bottom + 499_940),
    ):
        ring = trace_search_area((x - 50, y - 50, x + 50, y + 50))
        assert ring is None or shapely.Polygon(ring).intersects(footprint)


def test_early_search_is_what_pystac_client_sends() -> None:
    collections = ["hrdem-mosaic-1m"]
    polygon = make_polygon([(-76.5, 45.0), (-75.0, 45.0), (-75.0, 46.25), (-76.5, 45.0)])
    search = ItemSearch(
        "https://example.com/search",
        limit=ITEMS_PER_PAGE,
        collections=collections,
        intersects=polygon,
    )
    assert json.dumps(make_search(collections, polygon)) == json.dumps(search.get_parameters())


def test_search_area_stays_close_in_the_south() -> None:
    ring = trace_search_area(Aoi.from_bbox(OTTAWA).bounds)
    assert ring is not None
    west, south, east, north = shapely.Polygon(ring).bounds
    assert west > OTTAWA[0] - 0.25
    assert east < OTTAWA[2] + 0.25
    assert south > OTTAWA[1] - 0.2
    assert north < OTTAWA[3] + 0.2


@pytest.mark.parametrize("box", [OTTAWA, (-141.0, 60.0, -60.0, 75.0), (-139.0, 81.0, -138.9, 83.0)])
def test_box_in_degrees_has_the_bounds_of_its_curved_edges(
    box: tuple[float, float, float, float],
) -> None:
    assert bound_lonlat_box(box) == pytest.approx(Aoi.from_bbox(box).bounds, abs=0.01)
