"""Jobs: queue, cancel, download, view."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hrdem.app.bodies import read_object
from hrdem.app.choices import KEYS, check_language, check_request
from hrdem.app.pictures import describe_raster, draw_raster
from hrdem.app.problems import unknown
from hrdem.app.routes.looks import key_of
from hrdem.app.state import keep_owner, owner_of, owner_or_new, state_of


async def post_job(request: Request) -> Response:
    """Queue an extraction."""
    state, owner = state_of(request), owner_or_new(request)
    chosen = check_request(await read_object(request, KEYS))
    area_file = state.find_area_file(owner, chosen["area"])
    estimate = state.estimates.get(key_of(chosen)) or {}
    if area_file is not None:
        label = str(state.get_area(owner, chosen["area"]["upload"]).description["label"])
    else:
        label = await state.local.run(request, lambda: _name_area(chosen["area"]))
    job = state.queue.add(owner, chosen, label, area_file, estimate.get("transfer_bytes"))
    return keep_owner(request, _respond_with_new(state.queue.describe(job)), owner)


async def get_jobs(request: Request) -> Response:
    """List the jobs of the browser, the newest first."""
    return JSONResponse(state_of(request).queue.list_of(owner_of(request)))


async def get_job(request: Request) -> Response:
    """Tell of a job."""
    queue = state_of(request).queue
    return JSONResponse(queue.describe(queue.get(owner_of(request), request.path_params["id"])))


async def delete_job(request: Request) -> Response:
    """Remove a job and its files."""
    await state_of(request).queue.delete(owner_of(request), request.path_params["id"])
    return Response(status_code=204)


async def cancel_job(request: Request) -> Response:
    """Cancel a job."""
    await read_object(request, (), is_optional=True)
    queue = state_of(request).queue
    job = queue.cancel(owner_of(request), request.path_params["id"])
    return JSONResponse(queue.describe(job), 202)


async def repeat_job(request: Request) -> Response:
    """Queue the request of a job once more, with the newest data."""
    await read_object(request, ("newest",), is_optional=True)
    queue = state_of(request).queue
    job = queue.again(owner_of(request), request.path_params["id"])
    return _respond_with_new(queue.describe(job))


async def get_file(request: Request) -> Response:
    """Send a file of a job, or a range of it."""
    id_, name = request.path_params["id"], request.path_params["name"]
    path, file = state_of(request).queue.find_file(owner_of(request), id_, name)
    if not path.is_file():
        raise unknown()
    return FileResponse(
        path,
        media_type=file["media_type"],
        headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(path.name)}"},
    )


async def get_view(request: Request) -> Response:
    """Tell statistics and histogram of a raster of a job."""
    state = state_of(request)
    id_, product = request.path_params["id"], request.path_params["product"]
    raster = state.queue.find_raster(owner_of(request), id_, product)
    job = state.queue.get(owner_of(request), id_)
    counted = job.result["summary"][product]["statistics"]
    found = await state.slow_looks.run(request, lambda: describe_raster(raster, counted))
    return JSONResponse(found)


async def get_view_picture(request: Request) -> Response:
    """Draw a raster of a job."""
    state = state_of(request)
    id_, product = request.path_params["id"], request.path_params["product"]
    language = check_language(request.query_params.get("lang", "en"))
    raster = state.queue.find_raster(owner_of(request), id_, product)
    picture = await state.slow_looks.run(request, lambda: draw_raster(raster, language))
    return Response(picture, media_type="image/png")


async def get_events(request: Request) -> Response:
    """Send the jobs of the browser as they change."""
    state, owner = state_of(request), owner_of(request)
    stream = state.hub.subscribe(owner, lambda: state.queue.list_of(owner))
    return StreamingResponse(stream, media_type="text/event-stream")


def _name_area(area: dict[str, Any]) -> str:
    from hrdem.app.areas import describe

    return describe(area).label


def _respond_with_new(job: dict[str, Any]) -> Response:
    return JSONResponse(job, 201, headers={"location": f"/api/jobs/{job['id']}"})


ROUTES = [
    Route("/api/jobs", get_jobs),
    Route("/api/jobs", post_job, methods=["POST"]),
    Route("/api/jobs/{id}", get_job),
    Route("/api/jobs/{id}", delete_job, methods=["DELETE"]),
    Route("/api/jobs/{id}/cancel", cancel_job, methods=["POST"]),
    Route("/api/jobs/{id}/again", repeat_job, methods=["POST"]),
    Route("/api/jobs/{id}/files/{name}", get_file),
    Route("/api/jobs/{id}/view/{product}.png", get_view_picture),
    Route("/api/jobs/{id}/view/{product}", get_view),
    Route("/api/events", get_events),
]
