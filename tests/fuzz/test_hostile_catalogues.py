"""Test malicious catalogues, which quickly return valid items or an error message."""

from __future__ import annotations

import json
import math
import time

import pytest

from hrdem.catalog.items import Item
from hrdem.catalog.search import list_items
from hrdem.errors import CatalogError, TransferError
from tests.fuzz import catalogues
from tests.fuzz.catalogues import SEPARATOR, URL, attempt_catalogue

FAR_TOO_DEEP = 100_000


def item(name: object = "9_2-mosaic-1m", outline: object = None, **changes: object) -> dict:
    properties = {"proj:epsg": 3979, "proj:geometry": outline}
    usual = {
        "id": name,
        "collection": "hrdem-mosaic-1m",
        "properties": properties,
        "assets": {"dtm": {"href": "http://store.invalid/9_2-dtm.tif"}},
    }
    return usual | changes


def page(*items: object, following: object = None, **more: object) -> bytes:
    links = [{"rel": "next", "href": "search?page=2", **following}] if following else []
    return json.dumps({"features": items, "links": links, **more}).encode()


def searched(*answers: bytes) -> list[Item]:
    body = SEPARATOR.join(answers)
    attempt_catalogue(body)
    http, transport = catalogues._client()
    transport.service = catalogues._Service(body)
    return list_items(catalogues._COLLECTION, URL, http)


def refused(said: str, *answers: bytes) -> str:
    with pytest.raises(CatalogError, match=said) as told:
        searched(*answers)
    return str(told.value)


def test_an_answer_that_is_nested_too_deeply_is_told() -> None:
    refused("nested too deeply", b"[" * FAR_TOO_DEEP)
    refused("nested too deeply", b'{"features":' * FAR_TOO_DEEP + b"}" * FAR_TOO_DEEP)


def test_an_outline_that_crosses_itself_everywhere_is_not_mended() -> None:
    """Guard against slow repairs: 200 corners took 3 s and 500 took 90 s."""
    star = {"type": "Polygon", "coordinates": [catalogues._star(500)]}
    begun = time.process_time()
    (found,) = searched(page(item(outline=star)))
    assert time.process_time() - begun < 2
    assert found.footprint is None


@pytest.mark.parametrize("corner", [(math.nan, 0), (0, math.inf), (1e300, 0), (-1e9, 0)], ids=str)
def test_an_outline_that_lies_nowhere_is_none(corner: tuple[float, float]) -> None:
    ring = [(1_500_000, -170_000), corner, (1_600_000, -170_000), (1_500_000, -170_000)]
    (found,) = searched(page(item(outline={"type": "Polygon", "coordinates": [ring]})))
    assert found.footprint is None


@pytest.mark.parametrize("coordinates", ["", "a", 5, [[0]], {"0": 1}, [["a", "b"]]])
def test_an_outline_of_anything_is_told(coordinates: object) -> None:
    refused("not a STAC item", page(item(outline={"type": "Polygon", "coordinates": coordinates})))


@pytest.mark.parametrize(
    "outline",
    [
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Point", "coordinates": [0, 0]},
        {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
        {"type": "GeometryCollection", "geometries": []},
    ],
    ids=lambda outline: outline["type"],
)
def test_an_item_is_not_left_out_for_an_outline_without_an_area(outline: dict) -> None:
    (found,) = searched(page(item(outline=outline)))
    assert found.footprint is None


@pytest.mark.parametrize("name", ["9\u00b2", "\u0663_2", "9" * 200])
def test_ids_of_strange_digits_are_sorted(name: str) -> None:
    found = searched(page(item(name), item("10_2"), item("9_2")))
    assert [each.id for each in found if each.id != name] == ["9_2", "10_2"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "\x1b[2J"},
        {"name": "a\nb"},
        {"name": "\ud800"},
        {"name": "\u202egnp"},
        {"name": "9" * 20_000},
        {"collection": "\x07"},
        {"assets": {"dtm": {"href": "http://store.invalid/\x1b"}}},
        {"assets": {"dtm": {"href": "http://store.invalid/" + "a" * 9_000}}},
        {"assets": {"dtm": {"href": "http://["}}},
    ],
    ids=str,
)
def test_what_a_terminal_would_obey_is_no_name(change: dict) -> None:
    assert len(refused("not a STAC item", page(item(**change)))) < 700


def test_titles_and_dates_are_shown_in_one_line() -> None:
    asset = {"href": "a.tif", "title": "DTM\x1b[2J\n of Ottawa", "type": "image/tiff\0"}
    said = {"updated": "2026-01-01\x1b[2J"}
    (found,) = searched(page(item(assets={"dtm": asset}, properties=said)))
    assert found.updated == "2026-01-01 [2J"
    assert found.assets[0].title == "DTM [2J of Ottawa"
    assert found.assets[0].media_type == "image/tiff"


@pytest.mark.parametrize("said", ["2", 1.5, -1, math.inf, math.nan, [], {}, "x" * 5_000])
def test_a_number_of_items_that_is_none_is_not_counted(said: object) -> None:
    assert searched(page(item(), numberMatched=said))


def test_a_number_of_items_that_is_huge_is_told_in_short() -> None:
    assert len(refused("9{39}… items match", page(numberMatched=int("9" * 4_000)))) < 200


def test_items_of_many_other_collections_are_told_in_short() -> None:
    others = (item(str(number), collection=f"of {number}" * 20) for number in range(99))
    assert len(refused("answers with items of", page(*others))) < 500


@pytest.mark.parametrize(
    "following",
    [
        {"method": {}},
        {"method": 5},
        {"method": "DELETE"},
        {"headers": "text"},
        {"headers": {"X": {}}},
        {"headers": {"X": "\u00e9"}},
        {"headers": {"X": "a\r\nHost: b"}},
        {"headers": {"X y": "a"}},
        {"method": "POST", "body": "text"},
        {"method": "POST", "body": {"a": math.nan}},
        {"method": "POST", "body": {"a": "\ud800"}},
        {"href": "http://["},
        {"href": "http://a\x00b/"},
        {"href": "http://store.invalid/" + "a" * 9_000},
    ],
    ids=lambda link: str(link)[:40],
)
def test_a_link_that_cannot_be_followed_is_told(following: dict) -> None:
    told = refused("next page that cannot be followed", page(item(), following=following), page())
    assert len(told) < 400


@pytest.mark.parametrize("href", ["http://a:b/", "http://\u2488.invalid/", "http://xn--/"])
def test_an_address_that_no_client_can_use_is_told(href: str) -> None:
    with pytest.raises(TransferError, match="cannot be used"):
        searched(page(item(), following={"href": href}), page())
