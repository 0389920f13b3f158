"""Search a catalogue before the libraries are loaded that plan and read: they take half a second.

Where the area is a box or a circle in degrees or in EPSG:3979, a search of an area that is a little
wider is sent at once. `hrdem.catalog.search` takes its response in place of its own request, if
that area covers its own.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from hrdem.catalog.search_area import (
    MAX_PAGE_BYTES,
    Box,
    bound_lonlat_box,
    make_polygon,
    make_search,
    trace_search_area,
    widen_box,
)
from hrdem.errors import RequestError
from hrdem.http.client import HttpClient
from hrdem.request.endpoints import normalize_stac_url
from hrdem.request.options import Via
from hrdem.request.products import get_collection

SLACK_METRES = 1_000.0  # how much wider than that of the search itself the area is
_MAX_SCALE = 1.1  # of EPSG:3979 in Canada: metres on the map by metres on the ground
_LONLAT = {"EPSG:4326", "EPSG:4269", "EPSG:4617", "OGC:CRS84", "OGC:CRS83"}
_NATIVE = "EPSG:3979"
_MIN_LATITUDE = 35.0  # a few degrees beyond Canada


@contextlib.contextmanager
def search_early(values: Mapping[str, Any]) -> Iterator[HttpClient | None]:
    """Yield a client that already searches for the items of a call; None if it cannot know them.

    What is wrong with the parameters is for the call to report.

    Args:
        values: Parameters of the call, complete.
    """
    bounds = bound_area(values)
    ring = bounds and trace_search_area(widen_box(bounds, SLACK_METRES))
    if not ring or values["offline"] or values.get("via") is Via.WCS:
        yield None
        return
    try:
        stac_url = normalize_stac_url(values["stac_url"])
        collection = get_collection(values["collection"])
    except RequestError:
        yield None
        return
    with HttpClient() as client:
        client.metadata.early_searches[stac_url, collection.id] = ring
        client.send_early(
            "POST",
            f"{stac_url}search",
            json=make_search([collection.id], make_polygon(ring)),
            max_bytes=MAX_PAGE_BYTES,
        )
        yield client


def bound_area(values: Mapping[str, Any]) -> Box | None:
    """Return left, bottom, right, top of an area in EPSG:3979, metres, or of a little more.

    Args:
        values: Parameters of the area, complete.

    Returns:
        None for an area that is in another CRS, in a file, or invalid.
    """
    bbox, point, crs = values["bbox"], values["point"], str(values["bbox_crs"] or "EPSG:4326")
    try:
        distance = float(values["buffer"] or 0)
        if bbox is not None:
            west, south, east, north = map(float, bbox)
        else:
            (west, south), distance = map(float, point), distance + float(values["radius"])
            east, north = west, south
    except (TypeError, ValueError):
        return None
    box = west, south, east, north
    if not (west <= east and south <= north and all(map(math.isfinite, (*box, distance)))):
        return None
    if crs.upper() in _LONLAT:
        if not (west >= -180 and east <= 180 and south >= _MIN_LATITUDE and north < 90):
            return None
        box = bound_lonlat_box(box)
    elif crs.upper() != _NATIVE:
        return None
    return widen_box(box, distance * _MAX_SCALE)
