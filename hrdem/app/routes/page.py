"""The page, its files, and what it has to know first."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import hrdem
from hrdem.app import choices
from hrdem.app.problems import unknown
from hrdem.app.state import keep_owner, owner_or_new, state_of

STATIC = Path(__file__).parents[1] / "static"
MEDIA_TYPES = {  # not those of the system, which may call a script plain text
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HASHED = re.compile(r"-[0-9a-f]{10}\.[a-z]+$")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page.

    Attributes:
        content: Its content.
        etag: Strong validator: a digest of the content.
        media_type: Its media type.
        is_immutable: Whether its name has a digest, so that it never changes.
    """

    content: bytes
    etag: str
    media_type: str
    is_immutable: bool


async def get_page(request: Request) -> Response:
    """Serve the page in the language that was chosen, or else in that of the browser."""
    language = request.query_params.get("lang")
    if language not in choices.LANGUAGES:
        language = choose_language(request.headers.get("accept-language", ""))
    response = _serve(request, "index.fr.html" if language == "fr" else "index.html")
    response.headers["vary"] = "accept-language"
    return response


async def get_static(request: Request) -> Response:
    """Serve a file of the page."""
    return _serve(request, request.path_params["name"])


async def get_config(request: Request) -> Response:
    """Serve what the page has to know first; give a new browser its id."""
    state = state_of(request)
    settings = state.settings
    content = {
        "version": hrdem.__version__,
        "demo": settings.services.is_demo,
        "languages": choices.LANGUAGES,
        "products": [
            {"name": each.name, "title": each.title, "unit": each.unit} for each in hrdem.products()
        ],
        "collections": [
            {"name": each.name, "title": each.title, "resolution": each.resolution}
            for each in hrdem.collections()
            if not each.by_survey
        ],
        "formats": choices.FORMATS,
        "resampling": choices.RESAMPLING,
        "vertical_datums": choices.VERTICAL_DATUMS,
        "limits": {
            "upload_bytes": settings.max_upload,
            "download_bytes": settings.max_download,
            "jobs": settings.max_jobs,
            "keep_days": settings.keep_days,
        },
        "map": {
            "layers": choices.LAYERS,
            "has_basemap": settings.services.basemap_url is not None,
        },
    }
    return keep_owner(request, JSONResponse(content), owner_or_new(request))


def choose_language(accepted: str) -> str:
    """Return the language of the page that a browser prefers.

    Args:
        accepted: Its header Accept-Language, such as ``fr-CA,fr;q=0.9,en;q=0.8``.
    """
    best, language = 0.0, choices.LANGUAGES[0]
    for part in accepted.split(","):
        name, _, weight = part.partition(";q=")
        known = name.strip().partition("-")[0].lower()
        try:
            value = float(weight or 1)
        except ValueError:
            continue
        if known in choices.LANGUAGES and value > best:
            best, language = value, known
    return language


def _serve(request: Request, name: str) -> Response:
    file = _read_static(name)
    headers = {
        "etag": file.etag,
        "cache-control": "public, max-age=31536000, immutable" if file.is_immutable else "no-cache",
    }
    if file.etag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


@functools.cache
def _list_static() -> dict[str, Path]:
    """Return the files of the page by name: a request can name no other."""
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): path for path in files}


@functools.lru_cache(maxsize=256)
def _read_static(name: str) -> StaticFile:
    path = _list_static().get(name)
    if path is None:
        raise unknown()
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    media_type = MEDIA_TYPES[path.suffix]
    return StaticFile(content, etag, media_type, _HASHED.search(path.name) is not None)


ROUTES = [
    Route("/", get_page),
    Route("/static/{name:path}", get_static),
    Route("/api/config", get_config),
]
