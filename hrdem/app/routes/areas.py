"""Areas, places and CRSs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from hrdem.app.bodies import read_body, read_object
from hrdem.app.choices import AREAS, check_area, check_language
from hrdem.app.job import make_id
from hrdem.app.job_queue import AREA_FILE
from hrdem.app.job_store import StoredArea
from hrdem.app.problems import RefusedError, no_area
from hrdem.app.settings import MAX_AREAS_OF_BROWSER
from hrdem.app.state import keep_owner, owner_of, owner_or_new, state_of

if TYPE_CHECKING:
    from hrdem.app.map_area import UploadedArea

MAX_QUERY_CHARACTERS = 100


async def get_find(request: Request) -> Response:
    """Find map sheets, coordinates and places."""
    text = request.query_params.get("q", "")[:MAX_QUERY_CHARACTERS]
    language = check_language(request.query_params.get("lang", "en"))
    return JSONResponse(
        {"candidates": await state_of(request).local.run(request, lambda: _find(text, language))}
    )


async def get_crs(request: Request) -> Response:
    """Find CRSs by number or by name."""
    text = request.query_params.get("q", "")[:MAX_QUERY_CHARACTERS]
    found = await state_of(request).local.run(request, lambda: _find_crs(text))
    return JSONResponse({"crs_choices": found})


async def post_area(request: Request) -> Response:
    """Return outline and size of an area."""
    state = state_of(request)
    area = check_area(await read_object(request, (*AREAS, "radius")))
    if "upload" in area:
        return JSONResponse(dict(state.get_area(owner_of(request), area["upload"]).description))
    return JSONResponse(await state.local.run(request, lambda: _describe(area)))


async def post_upload(request: Request) -> Response:
    """Keep the area of a file."""
    state, owner = state_of(request), owner_or_new(request)
    name, layer = request.query_params.get("name", ""), request.query_params.get("layer")
    id_ = make_id()
    async with state.uploads.turn(request):
        data = await read_body(request, state.settings.max_upload)
        uploaded = await state.slow_looks.run(
            request, lambda: _read_upload(data, name, layer, state.area_folder(id_))
        )
    description = {"id": id_, **uploaded.as_dict()}
    state.store.add_area(StoredArea(id_, owner, description))
    old = [state.area_folder(each) for each in state.store.drop_areas(owner, MAX_AREAS_OF_BROWSER)]
    if old:
        await anyio.to_thread.run_sync(_remove, old)
    return keep_owner(request, JSONResponse(description, 201), owner)


async def get_area_file(request: Request) -> Response:
    """Send the area of a file, or a drawn one: the commands that the page shows read it."""
    area = {"upload": request.path_params["id"]}
    path = state_of(request).find_area_file(owner_of(request), area)
    if path is None or not path.is_file():
        raise no_area()
    return FileResponse(path, media_type="application/geo+json", filename=AREA_FILE)


def _find(text: str, language: str) -> list[dict[str, Any]]:
    from hrdem.app.find import find

    return [each.as_dict() for each in find(text, language)]


def _find_crs(text: str) -> list[dict[str, str]]:
    from hrdem.app.crs_choices import find_crs

    return [each.as_dict() for each in find_crs(text)]


def _describe(area: dict[str, Any]) -> dict[str, Any]:
    from hrdem.app.areas import describe

    return describe(area).as_dict()


def _read_upload(data: bytes, name: str, layer: str | None, folder: Path) -> UploadedArea:
    from hrdem.app.areas import read_upload
    from hrdem.app.read_area import ChooseLayerError

    folder.mkdir()
    try:
        return read_upload(data, name, layer, folder)
    except BaseException as exc:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(exc, ChooseLayerError):
            raise RefusedError(
                400, type(exc).__name__, str(exc), "layer", layers=[*exc.layers]
            ) from exc
        raise


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


ROUTES = [
    Route("/api/find", get_find),
    Route("/api/crs", get_crs),
    Route("/api/area", post_area, methods=["POST"]),
    Route("/api/areas", post_upload, methods=["POST"]),
    Route(f"/api/areas/{{id}}/{AREA_FILE}", get_area_file),
]
