"""Catalogues that are not what they should be."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from hrdem.catalog import items, search
from hrdem.catalog.search import get_item, search_items
from hrdem.demo import Addresses
from hrdem.errors import CatalogError, NoDataError
from hrdem.http.client import HttpClient
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import AssetKind, get_collection, get_product
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

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


@pytest.mark.parametrize("status", [404, 405])
def test_wrong_next_link_is_not_a_wrong_catalogue(http: HttpClient, status: int) -> None:
    """A server behind a proxy may link to its internal address; stac_url is right."""

    def script(request: ServerRequest) -> Reply:
        if request.path.startswith("/search"):
            return page(item(), links=[{"rel": "next", "href": "/internal/search?token=2"}])
        return Reply(status)

    with (
        misbehaving(script) as server,
        pytest.raises(CatalogError, match=rf"next page, but .*internal.* {status}.*smaller area"),
    ):
        near(server, http)


def test_next_links_of_a_search_by_get_may_be_right(http: HttpClient) -> None:
    def script(request: ServerRequest) -> Reply:
        if "token" in request.path:
            return page(item("8_2-mosaic-1m")) if request.method == "GET" else Reply(405)
        return page(
            item(), links=[{"rel": "next", "href": "/search?token=2", "method": request.method}]
        )

    with misbehaving(script) as server:
        assert [each.id for each in near(server, http)] == ["8_2-mosaic-1m", "9_2-mosaic-1m"]


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


@pytest.mark.slow
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


@pytest.mark.slow
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


SELF = "https://catalogue.example/stac/items/9_2.json"


@pytest.mark.parametrize(
    ("href", "resolved"),
    [
        ("x.tif", "https://catalogue.example/stac/items/x.tif"),
        ("./x.tif", "https://catalogue.example/stac/items/x.tif"),
        ("../x.tif", "https://catalogue.example/stac/x.tif"),
        ("/x.tif", "https://catalogue.example/x.tif"),
        ("//store.example/x.tif", "https://store.example/x.tif"),
        ("http://store.example/x.tif", "http://store.example/x.tif"),
        ("s3://bucket/my x.tif", "s3://bucket/my x.tif"),
        (" a b/ñ.tif?sig=a%2Fb+c ", "https://catalogue.example/stac/items/a%20b/%C3%B1.tif?sig=a%2Fb+c"),
        ("a%20b/%C3%B1.tif", "https://catalogue.example/stac/items/a%20b/%C3%B1.tif"),
        ("100%.tif", "https://catalogue.example/stac/items/100%25.tif"),
        ("https://bücher.example/x?é#é", "https://xn--bcher-kva.example/x?%C3%A9#%C3%A9"),
    ],
)  # fmt: skip
def test_relative_href_resolves_against_the_items_own_link(href: str, resolved: str) -> None:
    """STAC 1.1, Relative links; what no address can contain is encoded, once."""
    links = [{"rel": "root", "href": "https://elsewhere.example/"}, {"rel": "self", "href": SELF}]
    feature = item(assets={"dtm": {"href": href}}, links=links)
    assert items.parse_item(feature, "http://127.0.0.1/search").assets[0].href == resolved


@pytest.mark.parametrize("href", ["a b/ñ.tif?sig=a%2Fb+c", "a%20b/%C3%B1.tif?sig=a%2Fb+c"])
def test_href_is_requested_as_written(http: HttpClient, href: str) -> None:
    with misbehaving(lambda _: Reply(body=b"II*\0")) as server:
        feature = item(assets={"dtm": {"href": href}})
        http.request("GET", items.parse_item(feature, f"{server.url}/search").assets[0].href)
        assert server.requests[0].path == "/a%20b/%C3%B1.tif?sig=a%2Fb+c"


@pytest.mark.parametrize(
    ("links", "resolved"),
    [
        ([], "http://a.ca/api/x.tif"),
        (None, "http://a.ca/api/x.tif"),
        ([5, {"rel": "self"}, {"rel": "self", "href": 7}], "http://a.ca/api/x.tif"),
        ([{"rel": "self", "href": "/data/9_2.json"}], "http://a.ca/data/x.tif"),
        ([{"rel": "self", "href": "s3://bucket/items/9_2.json"}], "http://a.ca/api/x.tif"),
        ([{"rel": "self", "href": "file:///data/9_2.json"}], "http://a.ca/api/x.tif"),
        ([{"rel": "self", "href": "C:\\data\\9_2.json"}], "http://a.ca/api/x.tif"),
        ([{"rel": "self", "href": "http://["}], "http://a.ca/api/x.tif"),
    ],
)
def test_without_such_a_link_it_resolves_against_the_response(links: object, resolved: str) -> None:
    feature = item(assets={"dtm": {"href": "x.tif"}}, links=links)
    assert items.parse_item(feature, "http://a.ca/api/search?page=2").assets[0].href == resolved


def test_relative_addresses_follow_the_redirect_of_their_page(http: HttpClient) -> None:
    """Of assets without a link of their item, and of the next page."""

    def script(request):
        if request.path == "/search":
            return Reply(308, headers={"Location": "/new/root/search"})
        one = item("8_2-mosaic-1m" if "page" in request.path else "9_2-mosaic-1m")
        links = [] if "page" in request.path else [{"rel": "next", "href": "?page=2"}]
        return page({**one, "assets": {"dtm": {"href": "x.tif"}}}, links=links)

    with misbehaving(script) as server:
        hrefs = {each.assets[0].href for each in near(server, http)}
        assert hrefs == {f"{server.url}/new/root/x.tif"}
        assert [each.path for each in server.requests][1:] == [
            "/new/root/search",
            "/new/root/search?page=2",
        ]


def test_item_without_optional_parts_is_read() -> None:
    feature = item(
        assets={"dtm": {"href": "https://a.ca/x.tif", "type": "IMAGE/TIFF; Application=GeoTIFF"}},
        bbox=[-76, 45, 0, -75, 46, 900],
    )
    del feature["links"], feature["type"]
    parsed = items.parse_item(feature, "http://a.ca/search")
    assert parsed.get_asset(get_product("dtm"), AssetKind.COG).href == "https://a.ca/x.tif"


@pytest.mark.parametrize(
    ("key", "asset"),
    [
        ("thumbnail", {"href": "data:image/png;base64," + "A" * 10_000}),
        ("metadata", {"href": None}),
        ("metadata", {"title": "to come"}),
        ("metadata", None),
        ("metadata", {"href": "http://["}),
        ("meta\x1bdata", {"href": "http://a.ca/"}),
        ("", {"href": "http://a.ca/"}),
    ],
    ids=repr,
)
def test_invalid_asset_that_is_never_read_is_left_out(key: str, asset: object) -> None:
    feature = item(assets={key: asset, "dtm": {"href": "http://a.ca/x.tif"}})
    assert [each.key for each in items.parse_item(feature, "http://a.ca/").assets] == ["dtm"]


def test_collection_in_place_of_an_item_is_an_error() -> None:
    with pytest.raises(CatalogError, match="not a STAC item: .*its type is 'Collection'"):
        items.parse_item(item(type="Collection"), "http://a.ca/search")


def test_unknown_item_is_an_error(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: page()) as server,
        pytest.raises(NoDataError, match="no item '9_9-mosaic-1m'"),
    ):
        get_item("9_9-mosaic-1m", f"{server.url}/", http)


def test_other_items_are_not_taken_for_the_requested_one(http: HttpClient) -> None:
    answer = [item("8_2-mosaic-1m"), item("9_2-mosaic-1m")]
    with misbehaving(lambda _: page(*answer)) as server:
        with pytest.raises(CatalogError, match="item '9_9-mosaic-1m' and answers with 8_2-.*, 9_2"):
            get_item("9_9-mosaic-1m", f"{server.url}/", http)
        assert get_item("9_2-mosaic-1m", f"{server.url}/", http).id == "9_2-mosaic-1m"


def test_item_of_another_collection_is_not_taken_for_it(http: HttpClient) -> None:
    with (
        misbehaving(lambda _: page(item(collection="landsat"))) as server,
        pytest.raises(CatalogError, match="answers with items of landsat"),
    ):
        get_item("9_2-mosaic-1m", f"{server.url}/", http)


def test_id_in_two_collections_is_ambiguous(http: HttpClient) -> None:
    answer = [item("tile"), item("tile", collection="hrdem-mosaic-2m")]
    with (
        misbehaving(lambda _: page(*answer)) as server,
        pytest.raises(CatalogError, match="in several collections, hrdem-mosaic-1m, hrdem-mosaic-"),
    ):
        get_item("tile", f"{server.url}/", http)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("name", ["a/b", "a b", "é&x=1", "100%"])
def test_any_id_is_sent_as_it_is(http: HttpClient, method: str, name: str) -> None:
    def script(request):
        if request.method != method:
            return Reply(405)
        sent = json.loads(request.body)["ids"] if method == "POST" else [query(request)["ids"]]
        return page(*map(item, sent))

    def query(request):
        return dict(parse_qsl(urlsplit(request.path).query))

    with misbehaving(script) as server:
        assert get_item(name, f"{server.url}/", http).id == name
