"""Looks at an area before it is extracted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import hrdem
from hrdem.app import equivalents
from hrdem.app.bodies import read_object
from hrdem.app.choices import KEYS, check_line, check_position, check_reading, check_request
from hrdem.app.estimates import estimate
from hrdem.app.heights import read_height, read_profile
from hrdem.app.job_queue import AREA_FILE
from hrdem.app.limits import Lane
from hrdem.app.pictures import draw_area
from hrdem.app.settings import Services
from hrdem.app.state import owner_of, state_of
from hrdem.app.surveys import key_of_surveys, list_surveys

MAX_VERTICES = 1_000  # of a profile's line


async def post_estimate(request: Request) -> Response:
    """Estimate what an extraction reads and writes, with the surveys if they are known."""
    state = state_of(request)
    chosen, area_file = await _read_request(request)
    found = state.estimates.get(key_of(chosen))
    if found is None:
        stored = None
        if area_file is not None:
            stored = state.get_area(owner_of(request), chosen["area"]["upload"]).description
        found = await _look(
            request,
            state.looks,
            lambda *reading: {
                **estimate(chosen, area_file, *reading),
                **_measure(chosen["area"], stored),
                **equivalents.to_texts(chosen, AREA_FILE, state.settings.services),
            },
        )
        state.estimates.put(key_of(chosen), found)
    unknown = {"surveys": None, "surveys_unknown": True}
    return JSONResponse({**found, **(state.surveys.get(key_of_surveys(chosen)) or unknown)})


async def post_surveys(request: Request) -> Response:
    """List the surveys under an area, which takes longer than an estimate."""
    state = state_of(request)
    chosen, area_file = await _read_request(request)
    found = state.surveys.get(key_of_surveys(chosen))
    if found is None:
        found = await _look(
            request, state.slow_looks, lambda *reading: list_surveys(chosen, area_file, *reading)
        )
        state.surveys.put(key_of_surveys(chosen), found)
    return JSONResponse(found)


async def post_preview(request: Request) -> Response:
    """Draw an area."""
    state = state_of(request)
    chosen, area_file = await _read_request(request)
    picture = await _look(
        request, state.slow_looks, lambda *reading: draw_area(chosen, area_file, *reading)
    )
    return Response(picture, media_type="image/png")


async def post_height(request: Request) -> Response:
    """Read the value at a point."""
    state = state_of(request)
    found = await read_object(request, ("lon", "lat", "product", "collection", "fill"))
    position, what = check_position(found.get("lon"), found.get("lat")), check_reading(found)
    height = await _look(
        request, state.slow_looks, lambda *reading: read_height(*position, what, *reading)
    )
    return JSONResponse(height)


async def post_profile(request: Request) -> Response:
    """Read the values along a line."""
    state = state_of(request)
    found = await read_object(request, ("line", "product", "collection", "fill"))
    line, what = check_line(found.get("line"), MAX_VERTICES), check_reading(found)
    profile = await _look(
        request, state.slow_looks, lambda *reading: read_profile(line, what, *reading)
    )
    return JSONResponse(profile)


def key_of(chosen: Mapping[str, Any]) -> str:
    """Return a checked request as a key."""
    return json.dumps(chosen, sort_keys=True)


async def _read_request(request: Request) -> tuple[dict[str, Any], Path | None]:
    """Return the checked request, and the file of its area if it was uploaded."""
    chosen = check_request(await read_object(request, KEYS))
    return chosen, state_of(request).find_area_file(owner_of(request), chosen["area"])


async def _look(
    request: Request, lane: Lane, function: Callable[[hrdem.Session, Services], Any]
) -> Any:
    """Call a function in a thread, with the session and the services."""
    state = state_of(request)
    return await lane.run(request, lambda: function(state.session.get(), state.settings.services))


def _measure(area: Mapping[str, Any], stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the size of an area, and the CRSs for its place.

    Args:
        area: The area.
        stored: Description of an uploaded one; None for other areas.
    """
    from hrdem.app import areas, crs_choices

    found = stored or areas.describe(area).as_dict()
    west, south, east, north = found["bbox"]
    suggested = crs_choices.suggest((west + east) / 2, (south + north) / 2)
    return {
        "area_km2": found["area_km2"],
        "crs_choices": [{"code": each.code, "name": each.name} for each in suggested],
    }


ROUTES = [
    Route("/api/estimate", post_estimate, methods=["POST"]),
    Route("/api/surveys", post_surveys, methods=["POST"]),
    Route("/api/preview", post_preview, methods=["POST"]),
    Route("/api/height", post_height, methods=["POST"]),
    Route("/api/profile", post_profile, methods=["POST"]),
]
