"""STAC item search: the items of an area, a collection, or an id."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

import shapely
from pystac_client import ItemSearch

from hrdem.catalog.items import MAX_TEXT_CHARACTERS, Item, parse_item
from hrdem.catalog.stac_io import HttpStacIO
from hrdem.errors import CatalogError, NoDataError, NotCachedError, ServerError
from hrdem.http.cache.client import CachingClient
from hrdem.http.protocol import Http
from hrdem.request.aoi.aoi import Aoi, make_search_polygon, measure_search_margin
from hrdem.request.products import COLLECTIONS, Collection
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

log = logging.getLogger(__name__)

_PAGE = 100  # items; a mosaic has 66
_MOST_ITEMS = 10_000
_MOST_PAGES = 1_000
_SLACK = 0.002  # degrees: what rounding does to an outline, and much less than its margin
_POST_UNKNOWN = (404, 405, 501)  # statuses of a catalogue that knows GET only


def search_items(aoi: Aoi, collection: Collection, stac_url: str, http: Http) -> list[Item]:
    """Find every item that may hold a pixel of an area, and some neighbours.

    Args:
        aoi: The area.
        collection: Where to look.
        stac_url: Root of the STAC API, with a slash at its end.
        http: Client to ask with.

    Returns:
        Items sorted by sub-tile, each once. Offline, those of an answer that is kept, to the same
        question or to that for a wider area.

    Raises:
        CatalogError: If the answers are not those of a STAC API.
        NetworkError: If no answer can be had.
        NotCachedError: If no such answer is kept, offline.
    """
    area = make_search_polygon(aoi)
    polygon = shapely.geometry.mapping(area) if area else None
    query = {"collections": [collection.id], "intersects": polygon}
    try:
        return _search(stac_url, http, **query)
    except NotCachedError as exc:
        wider = _asked_before(area, query, stac_url, http)
        if wider is None:
            raise NotCachedError(
                f"What {redact_secrets(stac_url)} lists of {collection.id} in the area "
                f"{aoi.label} is not in the cache. Run the same command once without --offline."
            ) from exc
    margin = measure_search_margin(aoi)
    left, bottom, right, top = aoi.bounds
    reach = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    found = _search(stac_url, http, **wider)
    return [each for each in found if each.footprint is None or each.footprint.intersects(reach)]


def _asked_before(
    area: shapely.Geometry | None, query: Mapping[str, Any], stac_url: str, http: Http
) -> dict[str, Any] | None:
    """A search of the same collection for a wider area, whose answer is kept; None if none is."""
    assert isinstance(http, CachingClient)
    for answer in http.answered(f"{stac_url}search"):
        asked = answer.question.json or answer.question.params or {}
        try:
            collections = asked["collections"]
            place = asked.get("intersects")
            place = json.loads(place) if isinstance(place, str) else place
            covers = place is None or (
                area is not None and shapely.geometry.shape(place).buffer(_SLACK).covers(area)
            )
        except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError):
            continue
        if collections in (query["collections"], ",".join(query["collections"])) and covers:
            return {**query, "intersects": place}
    return None


def list_items(collection: Collection, stac_url: str, http: Http) -> list[Item]:
    """List all items of a collection; arguments and errors are those of `search_items`."""
    return _search(stac_url, http, collections=[collection.id])


def find_intersecting_items(
    aoi: Aoi, collection: Collection, stac_url: str, http: Http
) -> list[Item]:
    """Find the items whose catalogued outline shares an area with the area of interest.

    An item without an outline in EPSG:3979 is kept. Arguments and errors are those of
    `search_items`.
    """
    return [
        item
        for item in search_items(aoi, collection, stac_url, http)
        if item.footprint is None or item.footprint.intersection(aoi.geometry).area > 0
    ]


def get_item(item_id: str, stac_url: str, http: Http) -> Item:
    """Fetch one item of the known collections by its id.

    Raises:
        NoDataError: If there is none of that id.
        NetworkError: If no proper answer can be had.
    """
    ids = [collection.id for collection in COLLECTIONS.values()]
    found = _search(stac_url, http, collections=ids, ids=[item_id])
    if not found:
        raise NoDataError(
            f"There is no item {item_id!r} at {redact_secrets(stac_url)}. Items are named like "
            "9_2-mosaic-1m; hrdem search --bbox … lists those of an area."
        )
    return found[0]


def _search(stac_url: str, http: Http, **query: Any) -> list[Item]:
    address = f"{stac_url}search"
    try:
        found = _pages(address, http, "POST", query)
    except ServerError as exc:
        if exc.status not in _POST_UNKNOWN:
            raise
        try:
            found = _pages(address, http, "GET", query)
        except ServerError as refusal:
            if refusal.status not in _POST_UNKNOWN:
                raise
            raise CatalogError(
                f"{redact_secrets(stac_url)} is no STAC API with item search: {refusal} "
                "Check the address given as --stac-url."
            ) from refusal
    log.info("%s lists %s.", redact_secrets(stac_url), ", ".join(found) or "no item")
    return sorted(found.values(), key=lambda item: _natural(item.id))


def _pages(address: str, http: Http, method: str, query: dict[str, Any]) -> dict[str, Item]:
    """Follow the pages of a search, each ``next`` exactly as it is given."""
    io = HttpStacIO(http)
    search = ItemSearch(address, method=method, limit=_PAGE, stac_io=io, **query)
    found: dict[str, Item] = {}
    matched = 0
    for number, page in enumerate(io.get_pages(address, method, search.get_parameters())):
        fresh = {item.id: item for item in (parse_item(each, address) for each in page["features"])}
        if number and page["features"] and fresh.keys() <= found.keys():
            raise CatalogError(f"{address} leads in a circle: a next page repeats an earlier one.")
        found |= fresh
        if len(found) > _MOST_ITEMS:
            raise CatalogError(f"{address} lists more than {_MOST_ITEMS} items; is the area meant?")
        if number >= _MOST_PAGES:
            raise CatalogError(
                f"{address} gives more than {_MOST_PAGES} pages; a next page may lead in a circle."
            )
        told = page.get("numberMatched")
        matched = max(matched, told if isinstance(told, int) else 0)
    strangers = {item.collection for item in found.values()} - set(query["collections"])
    if strangers:
        others = to_one_line(", ".join(sorted(strangers)), MAX_TEXT_CHARACTERS)
        raise CatalogError(
            f"{address} was asked for {', '.join(query['collections'])} and answers with items of "
            f"{others}. A redirect or a proxy may drop the question."
        )
    if len(found) < matched:
        raise CatalogError(
            f"{address} says that {to_one_line(str(matched), 40)} items match but gives "
            f"{len(found)} and no next page."
        )
    return found


def _natural(name: str) -> tuple[Any, ...]:
    """Sort 10_2 after 9_2."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name))
