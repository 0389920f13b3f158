"""Areas and places."""

from __future__ import annotations

import functools
import shutil

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hrdem.app import areas, find
from hrdem.app.bodies import read_body, read_object
from hrdem.app.choices import AREAS, check_area, check_language
from hrdem.app.job import make_id
from hrdem.app.job_store import StoredArea
from hrdem.app.security import make_owner, set_owner
from hrdem.app.settings import MAX_AREAS_OF_BROWSER
from hrdem.app.state import owner_of, state_of

MAX_QUERY_CHARACTERS = 100


async def get_find(request: Request) -> Response:
    """Find map sheets, coordinates and places."""
    text = request.query_params.get("q", "")[:MAX_QUERY_CHARACTERS]
    language = check_language(request.query_params.get("lang", "en"))
    found = await state_of(request).looks.run(functools.partial(find.find, text, language))
    return JSONResponse({"candidates": [each.as_dict() for each in found]})


async def post_area(request: Request) -> Response:
    """Return outline and size of an area."""
    state = state_of(request)
    area = check_area(await read_object(request, (*AREAS, "radius")))
    if "upload" in area:
        return JSONResponse(dict(state.get_area(owner_of(request), area["upload"]).description))
    described = await state.looks.run(functools.partial(areas.describe, area))
    return JSONResponse(described.as_dict())


async def post_upload(request: Request) -> Response:
    """Keep the area of a file."""
    state, owner = state_of(request), owner_of(request) or make_owner()
    name, layer = request.query_params.get("name", ""), request.query_params.get("layer")
    data = await read_body(request, state.settings.max_upload)
    id_ = make_id()
    folder = state.area_folder(id_)
    folder.mkdir(parents=True)
    try:
        uploaded = await state.pictures.run(
            functools.partial(areas.read_upload, data, name, layer, folder)
        )
        description = {"id": id_, **uploaded.as_dict()}
        state.store.add_area(StoredArea(id_, owner, description))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for old in state.store.drop_areas(owner, MAX_AREAS_OF_BROWSER):
        shutil.rmtree(state.area_folder(old), ignore_errors=True)
    response = JSONResponse(description, 201)
    if request.state.owner is None:
        set_owner(response, owner)
    return response


ROUTES = [
    Route("/api/find", get_find),
    Route("/api/area", post_area, methods=["POST"]),
    Route("/api/areas", post_upload, methods=["POST"]),
]
