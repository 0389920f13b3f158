"""What a STAC API of the live one's kind was recorded to answer, and what we make of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from hrdem.catalog.search import find_intersecting_items, get_item, search_items
from hrdem.demo.tiles import list_tiles
from hrdem.errors import CatalogError, NoDataError
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Response
from hrdem.http.retry import Retries
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import COLLECTIONS, HEIGHT_PRODUCTS, PRODUCTS, AssetKind

pytestmark = [pytest.mark.vcr, pytest.mark.block_network]

OTTAWA = Aoi.from_bbox((-75.85, 45.30, -75.60, 45.45))
CANADA = Aoi.from_bbox((-2_400_000, -900_000, 2_900_000, 3_900_000), "EPSG:3979")
ARCTIC = Aoi.from_bbox((-300_000, 1_800_000, 300_000, 2_200_000), "EPSG:3979")
ONE_METRE = COLLECTIONS["1m"]


class Noting:
    """A client that notes what it is asked for: method and path of each request."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.asked: list[tuple[str, str]] = []
        self.metadata = http.metadata

    def request(self, method: str, url: str, **settings: Any) -> Response:
        self.asked.append((method, urlsplit(url).path))
        return self._http.request(method, url, **settings)


def test_ottawa_box_lies_on_two_tiles(stac: str, http: HttpClient) -> None:
    found = find_intersecting_items(OTTAWA, ONE_METRE, stac, http)
    assert [item.id for item in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    for item, left in zip(found, (1_000_000, 1_500_000), strict=True):
        assert item.collection == "hrdem-mosaic-1m"
        assert item.footprint is not None
        assert item.footprint.bounds == (left, -500_000, left + 500_000, 0)
        for key, kind, ending in (("dtm", AssetKind.COG, "tif"), ("dtm", AssetKind.VRT, "vrt")):
            asset = item.get_asset(PRODUCTS[key], kind)
            assert asset is not None
            assert asset.href.endswith(f"/hrdem-mosaic-1m/{item.id}-dtm.{ending}")


def test_post_search_reads_every_page(
    stac: str, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next links have another root than the search."""
    monkeypatch.setattr("hrdem.catalog.search.ITEMS_PER_PAGE", 10)
    noting = Noting(http)
    found = search_items(CANADA, ONE_METRE, stac, noting)
    assert {item.id for item in found} == {t.item_id for t in list_tiles() if t.collection == "1m"}
    assert [item.id for item in found][-2:] == ["11_4-mosaic-1m", "11_5-mosaic-1m"]
    assert noting.asked == [("POST", "/stac/api/search"), *[("POST", "/pgstac/api/search")] * 6]


def test_get_search_reads_every_page(
    stand_in: str, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.catalog.search.ITEMS_PER_PAGE", 1)
    noting = Noting(http)
    found = search_items(ARCTIC, ONE_METRE, f"{stand_in}/get-only/stac/api/", noting)
    assert [item.id for item in found] == [
        "5_6-mosaic-1m",
        "5_7-mosaic-1m",
        "6_6-mosaic-1m",
        "6_7-mosaic-1m",
    ]
    assert noting.asked == [
        ("POST", "/get-only/stac/api/search"),
        ("GET", "/get-only/stac/api/search"),
        *[("GET", "/pgstac/api/search")] * 3,
    ]


def test_api_without_post_finds_the_same_items(stand_in: str, http: HttpClient) -> None:
    """It answers 405; the search is repeated by GET."""
    found = search_items(OTTAWA, ONE_METRE, f"{stand_in}/get-only/stac/api/", http)
    assert found == search_items(OTTAWA, ONE_METRE, f"{stand_in}/stac/api/", http)
    assert [item.id for item in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


def test_item_is_found_by_id(stac: str, http: HttpClient) -> None:
    item = get_item("10_3-mosaic-2m", stac, http)
    assert item.collection == "hrdem-mosaic-2m"
    assert item.updated.startswith("20")
    assert item.footprint is not None
    assert item.footprint.bounds == (2_000_000, 0, 2_500_000, 500_000)
    dsm = item.get_asset(PRODUCTS["dsm"], AssetKind.COG)
    assert dsm is not None
    assert dsm.href.endswith("/hrdem-mosaic-2m/10_3-mosaic-2m-dsm.tif")


def test_unknown_item_is_no_data(stac: str, http: HttpClient) -> None:
    with pytest.raises(NoDataError, match="no item '99_99-mosaic-1m'"):
        get_item("99_99-mosaic-1m", stac, http)


def test_northern_item_has_a_dsm_but_no_dtm(stac: str, http: HttpClient) -> None:
    item = get_item("4_8-mosaic-2m", stac, http)
    held = {
        (name, kind)
        for name, product in HEIGHT_PRODUCTS.items()
        for kind in AssetKind
        if item.get_asset(product, kind)
    }
    assert held == {("dsm", AssetKind.COG), ("dsm", AssetKind.VRT)}


def test_store_url_is_no_catalogue(stand_in: str, http: HttpClient) -> None:
    """A store answers with HTML and 404."""
    with pytest.raises(CatalogError, match="canelevation-dem/ is not a STAC API.*`stac_url`"):
        search_items(OTTAWA, ONE_METRE, f"{stand_in}/canelevation-dem/", http)


def test_login_page_is_no_catalogue(stand_in: str) -> None:
    """A captive portal answers 200 to everything."""
    with (
        HttpClient(trusted=[stand_in], retries=Retries(attempts=1)) as http,
        pytest.raises(CatalogError, match="'<html><body>Sign in.* where JSON was expected"),
    ):
        search_items(OTTAWA, ONE_METRE, f"{stand_in}/portal/", http)
