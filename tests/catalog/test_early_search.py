"""The search of the first call of a process."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

import hrdem
from hrdem.catalog.early_search import bound_area, search_early
from hrdem.catalog.search import search_items
from hrdem.catalog.search_area import trace_search_area
from hrdem.demo import Addresses
from hrdem.errors import CatalogError
from hrdem.http.client import HttpClient
from hrdem.request import area_fields, fields
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.products import get_collection
from hrdem.request.signature import complete
from hrdem.sources.cog import probe_cog
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

OTTAWA = (-75.85, 45.30, -75.60, 45.45)


@pytest.fixture
def first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the next call that of a process in which nothing was called."""
    monkeypatch.delitem(sys.modules, "hrdem.calls", raising=False)


@pytest.mark.usefixtures("first_call")
def test_first_search_is_sent_once(demo: Addresses) -> None:
    with misbehaving(lambda request: forward(request, demo.url, server.url)) as server:
        url = f"{server.url}/stac/api"
        first = hrdem.search(bbox=OTTAWA, stac_url=url, no_cache=True)
        (sent,) = server.requests
        second = hrdem.search(bbox=OTTAWA, stac_url=url, no_cache=True)
    assert [item.id for item in first] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert first == second
    assert server.requests[-1].body != sent.body


def test_headers_of_the_files_found_are_requested_before_they_are_needed(demo: Addresses) -> None:
    with misbehaving(lambda request: forward(request, demo.url, server.url)) as server:
        url = f"{server.url}/stac/api/"
        params = {"bbox": OTTAWA, "product": "chm", "stac_url": url, "output": "a.tif"}
        with search_early(complete(fields.EXTRACT, params)) as http:
            assert http is not None
            wait_for(lambda: len(server.requests) == 5)
            items = search_items(Aoi.from_bbox(OTTAWA), get_collection("1m"), url, http)
            assets = [asset for item in items for asset in item.assets]
            for href in (each.href for each in assets if each.key in ("dsm", "dtm")):
                assert probe_cog(href, http).grid.crs == "EPSG:3979"
        assert len(server.requests) == 5


def test_connection_to_the_catalogue_is_opened_for_other_areas() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        params = {"bbox": OTTAWA, "bbox_crs": "EPSG:2959", "product": "dtm", "stac_url": url}
        with search_early(complete(fields.PLAN, params)):
            server.accept()[0].close()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_search_of_another_area_is_sent_again(demo: Addresses) -> None:
    with (
        misbehaving(lambda request: forward(request, demo.url, server.url)) as server,
        HttpClient(trusted=[server.url]) as http,
    ):
        url = f"{server.url}/stac/api/"
        ring = trace_search_area((0.0, 0.0, 1_000.0, 1_000.0))
        assert ring is not None
        http.metadata.early_searches[url, "hrdem-mosaic-1m"] = ring
        found = hrdem.search(bbox=OTTAWA, stac_url=url, no_cache=True, http=http)
    assert [item.id for item in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


@pytest.mark.usefixtures("first_call")
def test_no_search_hides_a_file_by_its_outline(demo: Addresses) -> None:
    """A first call and a session dropped what `proj:geometry` puts elsewhere: nodata, exit 0."""
    elsewhere = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}

    def script(request: ServerRequest) -> Reply:
        found = json.loads(forward(request, demo.url, server.url).body)
        for item in found["features"]:
            item["properties"]["proj:geometry"] = elsewhere
        return Reply.json(found)

    with misbehaving(script) as server, hrdem.Session() as session:
        url, area = f"{server.url}/stac/api/", {"bbox": OTTAWA, "product": "dtm"}
        with search_early(complete(fields.PLAN, {**area, "stac_url": url})) as early:
            assert early is not None
            for http in (early, session, session):
                found = search_items(Aoi.from_bbox(OTTAWA), get_collection("1m"), url, http)
                assert [item.id for item in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


@pytest.mark.usefixtures("first_call")
def test_refusal_of_the_first_search_is_handled_as_any() -> None:
    def script(request: ServerRequest) -> Reply:
        return Reply(405) if request.method == "POST" else Reply(404)

    with (
        misbehaving(script) as server,
        pytest.raises(CatalogError, match="not a STAC API with item search"),
    ):
        hrdem.search(bbox=OTTAWA, stac_url=server.url, no_cache=True)
    assert [request.method for request in server.requests][:2] == ["POST", "GET"]


@pytest.mark.usefixtures("first_call")
def test_response_to_the_first_search_that_no_parser_takes_is_handled_as_any() -> None:
    nested = Reply(body=100_000 * b"[", headers={"Content-Type": "application/json"})
    with misbehaving(lambda _: nested) as server, pytest.raises(CatalogError, match="nested"):
        hrdem.search(bbox=OTTAWA, stac_url=server.url, no_cache=True)


@pytest.mark.usefixtures("first_call")
def test_what_is_wrong_with_a_request_is_said_as_always() -> None:
    with (
        misbehaving(lambda _: Reply.json({})) as server,
        pytest.raises(hrdem.RequestError, match="EPSG:1"),
    ):
        hrdem.plan(bbox=OTTAWA, product="dtm", crs="EPSG:1", stac_url=server.url, no_cache=True)


@pytest.mark.parametrize(
    "area",
    [
        {"bbox": OTTAWA},
        {"bbox": (-139.0, 60.0, -61.0, 69.5), "bbox_crs": "EPSG:4269", "buffer": 30_000},
        {"bbox": (1.5e6, -2e5, 1.6e6, 1.5e6), "bbox_crs": "EPSG:3979"},
        {"point": (-80.5, 82.9), "radius": 20_000, "buffer": 1_000},
        {"nts": "560D", "buffer": 100},
    ],
)
def test_early_bounds_hold_the_area(area: dict[str, Any]) -> None:
    early = bound_area(complete(area_fields.AREA, area))
    assert early is not None
    left, bottom, right, top = parse_aoi(**area).aoi.bounds
    slack = 0.01
    assert early[0] - slack <= left
    assert early[1] - slack <= bottom
    assert right <= early[2] + slack
    assert top <= early[3] + slack


@pytest.mark.parametrize(
    "area",
    [
        {"bbox": OTTAWA, "bbox_crs": "EPSG:2959"},
        {"bbox": (45.30, -75.85, 45.45, -75.60)},
        {"bbox": (float("nan"), 45.30, -75.60, 45.45)},
        {"point": (-75.0, 45.0)},
    ],
)
def test_other_areas_are_left_to_the_libraries(area: dict[str, Any]) -> None:
    assert bound_area(complete(area_fields.AREA, area)) is None
