"""Looks at an area before it is extracted."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hrdem.app import areas, crs_choices, equivalents
from hrdem.app.bodies import read_object
from hrdem.app.choices import KEYS, check_line, check_position, check_reading, check_request
from hrdem.app.job_queue import AREA_FILE
from hrdem.app.state import AppState, owner_of, state_of

MAX_VERTICES = 1_000  # of a profile's line


async def post_estimate(request: Request) -> Response:
    """Estimate what an extraction reads and writes."""
    state, owner = state_of(request), owner_of(request)
    chosen = check_request(await read_object(request, KEYS))
    area_file = state.find_area_file(owner, chosen["area"])
    found = state.estimated.get(key_of(chosen))
    if found is None:
        described = None
        if area_file is not None:
            described = state.get_area(owner, chosen["area"]["upload"]).description
        look = functools.partial(_estimate, state, chosen, area_file, described)
        found = await state.looks.run(look)
        if found["surveys"] is not None:  # else it is asked for again
            state.estimated.put(key_of(chosen), found)
    return JSONResponse(found)


async def post_surveys(request: Request) -> Response:
    """List the surveys under an area: an estimate does not wait for them."""
    state = state_of(request)
    chosen = check_request(await read_object(request, KEYS))
    area_file = state.find_area_file(owner_of(request), chosen["area"])
    look = functools.partial(state.looker.list_surveys, chosen, area_file)
    return JSONResponse(await state.looks.run(look))


async def post_preview(request: Request) -> Response:
    """Draw an area."""
    state = state_of(request)
    chosen = check_request(await read_object(request, KEYS))
    area_file = state.find_area_file(owner_of(request), chosen["area"])
    picture = await state.pictures.run(functools.partial(state.looker.draw, chosen, area_file))
    return Response(picture, media_type="image/png")


async def post_height(request: Request) -> Response:
    """Read the value at a point."""
    state = state_of(request)
    found = await read_object(request, ("lon", "lat", "product", "collection", "fill"))
    lon, lat = check_position(found.get("lon"), found.get("lat"))
    look = functools.partial(state.looker.sample, lon, lat, check_reading(found))
    return JSONResponse(await state.looks.run(look))


async def post_profile(request: Request) -> Response:
    """Read the values along a line."""
    state = state_of(request)
    found = await read_object(request, ("line", "product", "collection", "fill"))
    line = check_line(found.get("line"), MAX_VERTICES)
    look = functools.partial(state.looker.profile, line, check_reading(found))
    return JSONResponse(await state.looks.run(look))


def key_of(chosen: Mapping[str, Any]) -> str:
    """Return a checked request as a key."""
    return json.dumps(chosen, sort_keys=True)


def _estimate(
    state: AppState,
    chosen: dict[str, Any],
    area_file: Path | None,
    described: Mapping[str, Any] | None,
) -> dict[str, Any]:
    found = state.looker.estimate(chosen, area_file)
    area = described or areas.describe(chosen["area"]).as_dict()
    west, south, east, north = area["bbox"]
    choices = crs_choices.suggest((west + east) / 2, (south + north) / 2)
    return {
        **found,
        "area_km2": area["area_km2"],
        "crs_choices": [{"code": each.code, "name": each.name} for each in choices],
        "command_line": equivalents.to_command_line(
            chosen, AREA_FILE, demo=state.settings.services.is_demo
        ),
        "python": equivalents.to_python(chosen, AREA_FILE),
    }


ROUTES = [
    Route("/api/estimate", post_estimate, methods=["POST"]),
    Route("/api/surveys", post_surveys, methods=["POST"]),
    Route("/api/preview", post_preview, methods=["POST"]),
    Route("/api/height", post_height, methods=["POST"]),
    Route("/api/profile", post_profile, methods=["POST"]),
]
