"""The tiles of the map, and what it shows of a collection."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hrdem.app.choices import LAYERS, MAX_ZOOM
from hrdem.app.problems import unknown
from hrdem.app.state import AppState, state_of

BASEMAP = "basemap"  # of Natural Resources Canada: pages need no host but this one
MAX_DIGITS = 9  # of a number in the address of a tile
KEPT = {"cache-control": "private, max-age=600"}  # by the browser


async def get_tile(request: Request) -> Response:
    """Draw a tile of the map."""
    state = state_of(request)
    layer = request.path_params["layer"]
    z, x, y = (_parse_number(request.path_params[name]) for name in "zxy")
    layers = [*LAYERS, *([BASEMAP] if state.settings.services.basemap_url else [])]
    if layer not in layers or z > MAX_ZOOM or max(x, y) >= 1 << z:
        raise unknown()
    key = f"{layer}/{z}/{x}/{y}"
    tile = state.drawn.get(key)
    if tile is None:
        tile = await state.tiles.run(request, lambda: _draw_tile(state, layer, z, x, y))
        state.drawn.put(key, tile)
    return Response(tile, media_type="image/png", headers=KEPT)


async def get_outlines(request: Request) -> Response:
    """Return the sub-tiles of a collection, and where it has data."""
    state, collection = state_of(request), request.query_params.get("collection", "1m")
    found = state.outlines.get(collection)
    if found is None:
        found = await state.slow_looks.run(request, lambda: _outline(state, collection))
        state.outlines.put(collection, found)
    return Response(found, media_type="application/geo+json", headers=KEPT)


def _parse_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
        raise unknown()
    return int(text)


def _draw_tile(state: AppState, layer: str, z: int, x: int, y: int) -> bytes:
    from hrdem.app.map_tiles import draw, fetch_basemap

    session, services = state.session.get(), state.settings.services
    if layer == BASEMAP and services.basemap_url is not None:
        return fetch_basemap(z, x, y, session, services.basemap_url)
    return draw(layer, z, x, y, session, services)


def _outline(state: AppState, collection: str) -> bytes:
    from hrdem.app.outlines import outlines

    found = outlines(collection, state.session.get(), state.settings.services)
    return json.dumps(found, separators=(",", ":")).encode()


ROUTES = [
    Route("/map/{layer}/{z}/{x}/{y}.png", get_tile),
    Route("/api/outlines", get_outlines),
]
