"""STAC item search: the items of an area, a collection, or an id."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

import shapely

from hrdem.catalog.items import MAX_TEXT_CHARACTERS, Item, parse_item
from hrdem.catalog.search_area import (
    ITEMS_PER_PAGE,
    STEP_METRES,
    Box,
    make_polygon,
    make_search,
    snap_box,
    trace_search_area,
)
from hrdem.catalog.stac_io import fetch_pages
from hrdem.errors import CatalogError, NoDataError, NotCachedError, ServerError
from hrdem.http.protocol import Http
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import COLLECTIONS, Collection
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

log = logging.getLogger(__name__)

MAX_ITEMS = 10_000
MAX_PAGES = 1_000
POLYGON_TOLERANCE_DEGREES = 0.002  # rounding of a search polygon, much less than its margin
_GET_ONLY_STATUSES = (404, 405, 501)  # of a catalogue that does not support POST


def search_items(
    aoi: Aoi, collection: Collection, stac_url: str, http: Http, *, as_of_now: bool = False
) -> list[Item]:
    """Find every item that may have a pixel in an area, and some neighbours.

    Args:
        aoi: Area of interest.
        collection: Collection to search.
        stac_url: Root of the STAC API, with a trailing slash.
        http: Client to use.
        as_of_now: Whether to ask the catalogue also where the client recalls its answer.

    Returns:
        Items sorted by sub-tile, without duplicates. Offline, the items of a cached response to
        the same search or to one with a wider area.

    Raises:
        CatalogError: If a response is not that of a STAC API.
        NetworkError: If a request fails.
        NotCachedError: If no such response is cached, offline.
    """
    if as_of_now or not http.metadata.recalls:
        return _search(aoi, aoi.bounds, collection, stac_url, http)
    bounds = snap_box(aoi.bounds, STEP_METRES)  # neighbours have the same answer
    key = stac_url, collection.id, bounds
    found = http.metadata.recall(key)
    if found is None:
        found = _search(aoi, bounds, collection, stac_url, http)
        http.metadata.remember(key, found)
    return _filter_near(aoi, found)


def _search(aoi: Aoi, bounds: Box, collection: Collection, stac_url: str, http: Http) -> list[Item]:
    """Return the items of an area within a box in EPSG:3979, and some neighbours."""
    ring = trace_search_area(bounds)
    area = ring and shapely.Polygon(ring)
    query: dict[str, Any] = {
        "collections": [collection.id],
        "intersects": ring and make_polygon(ring),
    }
    early = http.metadata.early_searches.pop((stac_url, collection.id), None)
    if early and area and shapely.Polygon(early).covers(area):
        sent = {**query, "intersects": make_polygon(early)}
        return _filter_near(aoi, _fetch_items(stac_url, http, sent_early=True, **sent))
    try:
        return _fetch_items(stac_url, http, **query)
    except NotCachedError as exc:
        wider = _find_cached_query(area, query, stac_url, http)
        if wider is None:
            raise NotCachedError(
                f"The search of {collection.id} at {redact_secrets(stac_url)} for the area "
                f"{aoi.label} is not in the cache. Run the same command once without `offline`."
            ) from exc
    return _filter_near(aoi, _fetch_items(stac_url, http, **wider))


def _filter_near(aoi: Aoi, found: list[Item]) -> list[Item]:
    """Return the items that a search of the area itself finds, of those of a wider one."""
    ring = trace_search_area(aoi.bounds)
    if ring is None:
        return found
    area = shapely.Polygon(ring)
    return [item for item in found if item.geometry is None or item.geometry.intersects(area)]


def _find_cached_query(
    area: shapely.Polygon | None, query: Mapping[str, Any], stac_url: str, http: Http
) -> dict[str, Any] | None:
    """Return a search of the same collection for a wider area that is cached; None if none is."""
    for answer in http.cached_responses(f"{stac_url}search"):
        cached = answer.request.json or answer.request.params or {}
        try:
            collections = cached["collections"]
            searched = cached.get("intersects")
            searched = json.loads(searched) if isinstance(searched, str) else searched
            covers = searched is None or (
                area is not None
                and shapely.geometry.shape(searched).buffer(POLYGON_TOLERANCE_DEGREES).covers(area)
            )
        except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError):
            continue
        if collections in (query["collections"], ",".join(query["collections"])) and covers:
            return {**query, "intersects": searched}
    return None


def list_items(collection: Collection, stac_url: str, http: Http) -> list[Item]:
    """Return all items of a collection; arguments and errors as for `search_items`."""
    return _fetch_items(stac_url, http, collections=[collection.id])


def find_intersecting_items(
    aoi: Aoi, collection: Collection, stac_url: str, http: Http
) -> list[Item]:
    """Find the items whose footprint overlaps an area.

    Items without a footprint are included. Arguments and errors as for `search_items`.
    """
    return [
        item
        for item in search_items(aoi, collection, stac_url, http)
        if item.footprint is None or item.footprint.intersection(aoi.geometry).area > 0
    ]


def find_items_by_id(
    ids: Iterable[str], collection_id: str, stac_url: str, http: Http
) -> list[Item]:
    """Return the items of a collection that have one of some ids.

    The address comes from a file, so that it has to be public, or one that the client trusts.

    Raises:
        BlockedAddressError: If it is neither.
        CatalogError: If a response is not that of a STAC API.
        NetworkError: If a request fails.
    """
    wanted = sorted(set(ids))
    found = _fetch_items(stac_url, http, trusted=False, collections=[collection_id], ids=wanted)
    return [item for item in found if item.id in wanted]


def get_item(item_id: str, stac_url: str, http: Http) -> Item:
    """Return the item with an id from any of the known collections.

    Raises:
        NoDataError: If there is none with that id.
        CatalogError: If the catalogue answers with other items, or with several of that id.
        NetworkError: If it cannot be read.
    """
    ids = [collection.id for collection in COLLECTIONS.values()]
    found = _fetch_items(stac_url, http, collections=ids, ids=[item_id])
    matching = [each for each in found if each.id == item_id]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise CatalogError(
            f"{redact_secrets(stac_url)} has the item {item_id!r} in several collections, "
            f"{', '.join(sorted(each.collection for each in matching))}. hrdem search lists those "
            "of one collection."
        )
    if found:
        others = to_one_line(", ".join(each.id for each in found), MAX_TEXT_CHARACTERS)
        raise CatalogError(
            f"{redact_secrets(stac_url)} was searched for the item {item_id!r} and answers with "
            f"{others}. It may ignore ids: hrdem search lists the items of an area."
        )
    raise NoDataError(
        f"There is no item {item_id!r} at {redact_secrets(stac_url)}. Give an id like "
        "9_2-mosaic-1m; hrdem search lists the items of an area."
    )


def _fetch_items(
    stac_url: str, http: Http, *, sent_early: bool = False, trusted: bool = True, **query: Any
) -> list[Item]:
    """Run a search by POST, or by GET if the catalogue does not support POST.

    Args:
        stac_url: Root of the STAC API, with a trailing slash.
        http: Client to use.
        sent_early: Whether `hrdem.catalog.early_search` has sent the POST already.
        trusted: Whether the user supplied the address.
        **query: Parameters of `pystac_client.ItemSearch`.
    """
    address = f"{stac_url}search"
    collections: list[str] = query["collections"]
    try:
        search = make_search(**query) if sent_early else _write(address, "POST", query)
        found = _fetch_pages(address, http, "POST", search, collections, trusted=trusted)
    except ServerError as exc:
        if exc.status not in _GET_ONLY_STATUSES:
            raise
        try:
            search = _write(address, "GET", query)
            found = _fetch_pages(address, http, "GET", search, collections, trusted=trusted)
        except ServerError as refusal:
            if refusal.status not in _GET_ONLY_STATUSES:
                raise
            raise CatalogError(
                f"{redact_secrets(stac_url)} is not a STAC API with item search: {refusal} "
                "Check `stac_url`."
            ) from refusal
    ids = ", ".join(item.id for item in found)
    log.info("%s lists %s.", redact_secrets(stac_url), ids or "no item")
    return sorted(found, key=lambda item: _natural_sort_key(item.id))


def _write(address: str, method: str, query: dict[str, Any]) -> dict[str, Any]:
    """Write the parameters of a search."""
    # a search that was sent early does without the 0.1 s that this import takes
    from pystac_client import ItemSearch  # noqa: PLC0415

    written: dict[str, Any] = ItemSearch(
        address, method=method, limit=ITEMS_PER_PAGE, **query
    ).get_parameters()
    return written


def _fetch_pages(
    address: str,
    http: Http,
    method: str,
    search: dict[str, Any],
    collections: list[str],
    *,
    trusted: bool,
) -> list[Item]:
    """Return the items on all pages of a search, each once."""
    found: dict[tuple[str, str], Item] = {}
    matched = 0
    for number, page in enumerate(fetch_pages(address, method, search, http, trusted=trusted)):
        features = page.content["features"]
        items = [parse_item(feature, page.url) for feature in features]
        on_page = {(item.collection, item.id): item for item in items}
        if number and features and on_page.keys() <= found.keys():
            raise CatalogError(
                f"{address} returns pages in a loop: a next page repeats an earlier one."
            )
        found |= on_page
        if len(found) > MAX_ITEMS:
            raise CatalogError(
                f"{address} lists more than {MAX_ITEMS} items. Request a smaller area."
            )
        if number >= MAX_PAGES:
            raise CatalogError(
                f"{address} returns more than {MAX_PAGES} pages; next pages may form a loop."
            )
        count = page.content.get("numberMatched")
        matched = max(matched, count if isinstance(count, int) else 0)
    unrequested = {item.collection for item in found.values()} - set(collections)
    if unrequested:
        others = to_one_line(", ".join(sorted(unrequested)), MAX_TEXT_CHARACTERS)
        raise CatalogError(
            f"{address} was searched for {', '.join(collections)} and answers with items "
            f"of {others}. A redirect or a proxy may have dropped the query."
        )
    if len(found) < matched:
        raise CatalogError(
            f"{address} reports that {to_one_line(str(matched), 40)} items match but returns "
            f"{len(found)} and no next page."
        )
    return list(found.values())


def _natural_sort_key(name: str) -> tuple[Any, ...]:
    """Return a key that sorts 10_2 after 9_2."""
    return tuple(int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name))
