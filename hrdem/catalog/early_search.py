"""Search a catalogue before the libraries are loaded that plan and read: they take half a second.

Where the area is a sheet, or a box or a circle in degrees or in EPSG:3979, a search of an area that
is a little wider is sent at once. `hrdem.catalog.search` takes its response in place of its own
request, if that area covers its own. The headers of the files that it lists are requested as soon
as it is there, and connections are opened for their pixels.

For other areas a connection to the catalogue is opened.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

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
from hrdem.http.first_request import send_first
from hrdem.request.endpoints import normalize_stac_url
from hrdem.request.options import Engine, Via
from hrdem.request.products import Theme, get_collection, get_product
from hrdem.runtime.limits import HEADER_READ_BYTES

if TYPE_CHECKING:
    from hrdem.http.client import HttpClient
    from hrdem.http.protocol import Response

SLACK_METRES = 1_000.0  # how much wider than that of the search itself the area is
MAX_EARLY_FILES = 4  # of a longer list some may not be read
USUAL_TILE_PIXELS = 512
_MAX_SCALE = 1.1  # of EPSG:3979 in Canada: metres on the map by metres on the ground
_LONLAT = {"EPSG:4326", "EPSG:4269", "EPSG:4617", "OGC:CRS84", "OGC:CRS83"}
_NATIVE = "EPSG:3979"
_MIN_LATITUDE = 35.0  # a few degrees beyond Canada


@contextlib.contextmanager
def search_early(values: Mapping[str, Any]) -> Iterator[HttpClient | None]:
    """Yield a client that already searches for the items of a call, or connects to search.

    What is wrong with the parameters is for the call to report.

    Args:
        values: Parameters of the call, complete.

    Yields:
        The client; None offline, and where the parameters are wrong.
    """
    try:
        stac_url = normalize_stac_url(values["stac_url"])
        collection = get_collection(values["collection"])
        bounds = bound_area(values)
        surfaces = _list_surfaces(values)
    except RequestError:
        yield None
        return
    if values["offline"]:
        yield None
        return
    ring = bounds and trace_search_area(widen_box(bounds, SLACK_METRES))
    search, sent = None, None
    if bounds and ring and values.get("via") is not Via.WCS:
        search = make_search([collection.id], make_polygon(ring))
        sent = send_first(f"{stac_url}search", search)
    from hrdem.http.client import HttpClient  # noqa: PLC0415 (takes as long as all above)

    with HttpClient(trusted=[stac_url]) as client:
        if not bounds or not ring or search is None:
            client.open_connections(stac_url, 1)
            yield client
            return
        client.metadata.early_searches[stac_url, collection.id] = ring
        tiles = count_tiles(bounds, collection.resolution) if "output" in values else 0
        client.send_early(
            "POST",
            f"{stac_url}search",
            json=search,
            max_bytes=MAX_PAGE_BYTES,
            trusted=True,
            sent=sent,
            then=functools.partial(_request_headers, surfaces, tiles, client),
        )
        yield client


def count_tiles(box: Box, pixel_size: float) -> int:
    """Return how many tiles a box may touch, if they have the usual size.

    Args:
        box: Left, bottom, right, top.
        pixel_size: Size of a pixel, in the same unit.
    """
    left, bottom, right, top = box
    tile = USUAL_TILE_PIXELS * pixel_size
    return (int((right - left) / tile) + 2) * (int((top - bottom) / tile) + 2)


def _list_surfaces(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of the assets that a call reads from COGs; none if it may read others."""
    if values.get("via") not in (Via.AUTO, Via.COG) or values["engine"] is not Engine.AUTO:
        return ()
    if values.get("project") is not None or values.get("year") is not None:
        return ()  # most of the surveys that are found are not read
    product = get_product(values["product"])
    return () if product.theme is Theme.HILLSHADE else product.surfaces


def _request_headers(
    surfaces: tuple[str, ...], tiles: int, client: HttpClient, found: Response
) -> None:
    """Request the headers of the files that a search has found, and connect for their tiles.

    What is wrong with the response is for its reader to report.
    """
    from hrdem.http.ranges import first_bytes_headers  # noqa: PLC0415 (imports httpx)

    try:
        assets = [feature["assets"] for feature in json.loads(found.content)["features"]]
        files = [each[key]["href"] for each in assets for key in surfaces if key in each]
    except (LookupError, TypeError, ValueError, RecursionError):
        return
    if not 0 < len(files) <= MAX_EARLY_FILES or not all(isinstance(each, str) for each in files):
        return
    for url in files:
        headers = first_bytes_headers(HEADER_READ_BYTES)
        with contextlib.suppress(RuntimeError):  # the system allows no more threads
            client.send_early("GET", url, headers=headers, max_bytes=HEADER_READ_BYTES)
    if tiles > len(files):
        client.open_connections(files[0], tiles - len(files))


def bound_area(values: Mapping[str, Any]) -> Box | None:
    """Return left, bottom, right, top of an area in EPSG:3979, metres, or of a little more.

    Args:
        values: Parameters of the area, complete.

    Returns:
        None for an area that is in another CRS, in a file, or invalid.

    Raises:
        RequestError: If there is no such sheet.
    """
    bbox, point, crs = values["bbox"], values["point"], str(values["bbox_crs"] or "EPSG:4326")
    try:
        distance = float(values["buffer"] or 0)
        if bbox is not None:
            west, south, east, north = map(float, bbox)
        elif values["nts"] is not None:
            from hrdem.request.aoi.nts import parse_sheet  # noqa: PLC0415 (few areas are sheets)

            west, south, east, north = parse_sheet(values["nts"]).bounds
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
