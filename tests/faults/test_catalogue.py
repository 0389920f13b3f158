"""Catalogues that are not what they should be."""

from __future__ import annotations

import pytest

from hrdem.catalog import items, search
from hrdem.catalog.search import get_item, search_items
from hrdem.demo import Addresses
from hrdem.errors import CatalogError, NoDataError
from hrdem.http.client import HttpClient
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import AssetKind, get_collection, get_product
from tests.misbehaving import Reply, forward, misbehaving

OTTAWA = Aoi.from_bbox((-75.85, 45.30, -75.60, 45.45))
ONE_METRE = get_collection("1m")


def item(name: str = "9_2-mosaic-1m", **changes) -> dict:
    good = {
        "type": "Feature",
        "id": name,
        "collection": "hrdem-mosaic-1m",
        "geometry": None,
        "properties": {"datetime": None, "updated": "2026-01-01T00:00:00Z"},
        "assets": {"dtm": {"href": "https://store.invalid/9_2-dtm.tif"}},
        "links": [],
    }
    return {**good, **changes}


def page(*items: object, **more) -> Reply:
    return Reply.json({"type": "FeatureCollection", "features": list(items), **more})


def near(server, http: HttpClient) -> list[items.Item]:
    return search_items(OTTAWA, ONE_METRE, f"{server.url}/", http)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            Reply(body=b"<!DOCTYPE html><html>Sign in</html>"),
            "not a STAC API: it answers '<!DOCTYPE",
        ),
        (Reply(body=b""), "not a STAC API: it answers ''"),
        (Reply(body=b'{"type": "Feat'), "not a STAC API"),
        (Reply(body=b"\xff\xfe\x00"), "binary data, not JSON"),
        (Reply.json([1, 2]), "no list of features"),
        (Reply.json({"message": "welcome"}), "no list of features"),
        (Reply.json({"features": "none"}), "no list of features"),
        (Reply(404, b"not here"), "not a STAC API with item search"),
        (Reply(405), "not a STAC API with item search"),
        (page("text"), "not a STAC item"),
        (page({"id": 1}), "not a STAC item"),
        (page(item(assets=None)), "'9_2-mosaic-1m' that is not a STAC item"),
        (page(item(assets={"dtm": {"href": 5}})), "not a STAC item: TypeError: 5 is not a string"),
        (page(item(properties=None)), "not a STAC item"),
        (page(item(properties={"proj:epsg": 3979, "proj:geometry": {"type": "X"}})), "STAC item"),
    ],
)
def test_invalid_response_is_an_error_not_an_empty_result(
    http: HttpClient, reply: Reply, said: str
) -> None:
    with misbehaving(lambda _: reply) as server, pytest.raises(CatalogError, match=said):
        near(server, http)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirected_search_keeps_method_and_body(
    http: HttpClient, demo: Addresses, status: int
) -> None:
    """A POST that became a GET would request the whole catalogue."""

    def script(request):
        if request.path.startswith("/old/"):
            return Reply(status, headers={"Location": request.path.replace("/old/", "/stac/api/")})
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        found = search_items(OTTAWA, ONE_METRE, f"{server.url}/old/", http)
        assert [request.method for request in server.requests] == ["POST", "POST"]
    assert [each.id for each in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


def test_items_of_another_collection_are_rejected(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: page(item(collection="hrdem-lidar"))) as server,
        pytest.raises(CatalogError, match="searched for hrdem-mosaic-1m and answers with items of"),
    ):
        near(server, http)


def test_empty_page_does_not_end_a_search(http: HttpClient) -> None:
    def script(request):
        number = int(request.path.rpartition("=")[2]) if "=" in request.path else 1
        link = {"rel": "next", "method": "POST", "href": f"/search?page={number + 1}"}
        features = {1: [item("8_2-mosaic-1m")], 2: [], 3: [item()]}[number]
        return page(*features, links=[link] if number < 3 else None)

    with misbehaving(script) as server:
        assert [each.id for each in near(server, http)] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


def test_page_with_a_byte_order_mark_is_read(http: HttpClient) -> None:
    reply = page(item())
    reply.body = b"\xef\xbb\xbf" + reply.body
    with misbehaving(lambda _: reply) as server:
        assert [each.id for each in near(server, http)] == ["9_2-mosaic-1m"]


def test_fewer_items_than_matched_is_an_error(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: page(item(), numberMatched=2)) as server,
        pytest.raises(CatalogError, match="2 items match but returns 1"),
    ):
        near(server, http)


@pytest.mark.parametrize(
    "links", [["text"], [{}], [{"rel": "next"}], [{"rel": "next", "href": None}], 5]
)
def test_broken_link_is_a_catalogue_error(http: HttpClient, links: object) -> None:
    with (
        misbehaving(lambda _: page(item(), links=links)) as server,
        pytest.raises(CatalogError, match="next page that cannot be followed"),
    ):
        near(server, http)


def test_search_falls_back_to_get(http: HttpClient, demo: Addresses) -> None:
    def script(request):
        if request.method == "POST":
            return Reply(405)
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        found = search_items(OTTAWA, ONE_METRE, f"{server.url}/stac/api/", http)
        assert [each.method for each in server.requests] == ["POST", "GET"]
    assert [each.id for each in found] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


def test_get_search_stays_below_url_limit(http: HttpClient, demo: Addresses) -> None:
    """Servers reject URLs of more than 8 kB."""

    def script(request):
        if request.method == "POST":
            return Reply(405)
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        for box in ((-79.85, 45.30, -74.60, 49.45), (-139, 45, -55, 80)):
            assert search_items(Aoi.from_bbox(box), ONE_METRE, f"{server.url}/stac/api/", http)
        assert max(len(request.path) for request in server.requests) < 4_000


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_next_link_with_another_prefix_is_followed(
    http: HttpClient, demo: Addresses, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(search, "ITEMS_PER_PAGE", 13)
    canada = Aoi.from_bbox((-2_450_000, -950_000, 2_950_000, 3_950_000), "EPSG:3979")

    def script(request):
        if method == "GET" and request.method == "POST":
            return Reply(405)
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server:
        found = search_items(canada, ONE_METRE, f"{server.url}/stac/api/", http)
        paths = [each.path.partition("?")[0] for each in server.requests if each.method == method]
    assert len(found) == 66
    assert paths == ["/stac/api/search"] + ["/pgstac/api/search"] * 5


def test_items_are_sorted_and_unique(http: HttpClient) -> None:
    names = ["10_2-mosaic-1m", "9_2-mosaic-1m", "8_10-mosaic-1m", "9_2-mosaic-1m"]
    with misbehaving(lambda _: page(*map(item, names))) as server:
        assert [each.id for each in near(server, http)] == [
            "8_10-mosaic-1m",
            "9_2-mosaic-1m",
            "10_2-mosaic-1m",
        ]


def test_endless_next_links_are_detected(http: HttpClient) -> None:
    def script(request):
        again = {"rel": "next", "method": "POST", "href": f"{server.url}/search", "body": {}}
        return page(item(), links=[again])

    with misbehaving(script) as server:
        with pytest.raises(CatalogError, match="returns pages in a loop"):
            near(server, http)
        assert len(server.requests) == 2


@pytest.mark.parametrize("href", ["file:///etc/passwd", "ftp://host/next"])
def test_next_link_to_another_scheme_is_rejected(http: HttpClient, href: str) -> None:
    link = {"rel": "next", "href": href}
    with (
        misbehaving(lambda _: page(item(), links=[link])) as server,
        pytest.raises(CatalogError, match="not an http or https address"),
    ):
        near(server, http)


@pytest.mark.parametrize(
    "host",
    [
        "https://canelevation-dem.s3.ca-central-1.amazonaws.com/hrdem-mosaic-1m",
        "https://datacube-prod-data-public.s3.amazonaws.com/store/elevation/hrdem/hrdem-mosaic-1m",
        "http://datacube-prod-data-public.s3.ca-central-1.amazonaws.com/store/elevation/hrdem",
    ],
)
def test_asset_is_selected_by_key_alone(http: HttpClient, host: str) -> None:
    cog = "image/tiff; application=geotiff; profile=cloud-optimized"
    assets = {
        "hillshade-dtm": {"href": f"{host}/9_2-dtm_hillshade.tif", "type": cog, "roles": ["data"]},
        "dsm": {"href": f"{host}/9_2-dsm.tif", "type": cog, "roles": ["data"]},
        "dtm-vrt": {"href": f"{host}/9_2-dtm.vrt"},
        "dtm": {"href": f"{host}/9_2-dtm.tif"},
    }
    with misbehaving(lambda _: page(item(assets=assets))) as server:
        (found,) = near(server, http)
    dtm, dsm = get_product("dtm"), get_product("dsm")
    assert found.get_asset(dtm, AssetKind.COG).href == f"{host}/9_2-dtm.tif"
    assert found.get_asset(dtm, AssetKind.VRT).href == f"{host}/9_2-dtm.vrt"
    assert found.get_asset(dsm, AssetKind.VRT) is None


def test_relative_href_resolves_against_the_catalogue(http: HttpClient) -> None:
    with misbehaving(lambda _: page(item(assets={"dtm": {"href": "../x/9_2.tif"}}))) as server:
        assert near(server, http)[0].assets[0].href == f"{server.url}/x/9_2.tif"


def test_unknown_item_is_an_error(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: page()) as server,
        pytest.raises(NoDataError, match="no item '9_9-mosaic-1m'"),
    ):
        get_item("9_9-mosaic-1m", f"{server.url}/", http)
