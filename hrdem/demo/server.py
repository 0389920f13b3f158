"""The demonstration service: STAC, COG ranges, WCS and WMS on one local port."""

from __future__ import annotations

import email.utils
import json
import re
import socket
import sys
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from hrdem.demo import catalog, projects, wcs, wms
from hrdem.demo.cog import DemoCog
from hrdem.demo.editions import published_at
from hrdem.demo.projects import StoredFile
from hrdem.demo.tiles import Tile, list_tiles

_STAC_PREFIXES = ("/stac/api", catalog.LINKS_PREFIX)
_OGC_PATH = "/wrapper/ogc/elevation-hrdem-mosaic"


class DemoServer(ThreadingHTTPServer):
    """Serve the demonstration on 127.0.0.1.

    Args:
        listening: From `hrdem.demo.listen.listen`; closed with the server.
        edition: Edition of the files to serve, from 1.
    """

    daemon_threads = True

    def __init__(self, listening: socket.socket, edition: int = 1) -> None:
        super().__init__(listening.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()  # which the base has made
        self.socket = listening
        self.server_name, self.server_port = listening.getsockname()
        self.edition = edition

    @property
    def url(self) -> str:
        """Scheme and host."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a defect; a client that is gone, as a job that was cancelled, is none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    protocol_version = "HTTP/1.1"
    server_version = "hrdem-demo"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        for prefix in _STAC_PREFIXES:
            if path == prefix or path.startswith(f"{prefix}/"):
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                return self._stac("GET", path.removeprefix(prefix).strip("/"), _parse_query(query))
        if path.startswith(f"{catalog.STORE_PREFIX}/"):
            return self._store(path.removeprefix(f"{catalog.STORE_PREFIX}/"))
        if path == "/ows/elevation":
            target = f"{self._base}{_OGC_PATH}?{parts.query}"
            return self._send(HTTPStatus.PERMANENT_REDIRECT, "text/plain", b"", Location=target)
        if path == _OGC_PATH:
            reply = _respond_ogc(self._base, dict(parse_qsl(parts.query)), self.server.edition)
            return self._send(reply.status, reply.media_type, reply.body)
        return self._json(HTTPStatus.NOT_FOUND, {"detail": "Not Found"})

    do_HEAD = do_GET  # noqa: N815 (the name of the base)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for prefix in _STAC_PREFIXES:
            if self.path == f"{prefix}/search":
                try:
                    query = json.loads(body)
                except ValueError:
                    return self._json(HTTPStatus.BAD_REQUEST, {"detail": "JSON decode error"})
                return self._stac("POST", "search", query)
        return self._json(HTTPStatus.METHOD_NOT_ALLOWED, {"detail": "Method Not Allowed"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (of the base)
        """Log nothing: the terminal belongs to the user's command."""

    @property
    def _base(self) -> str:
        return f"http://{self.headers.get('Host') or '127.0.0.1'}"

    def _stac(self, method: str, path: str, query: dict[str, Any]) -> None:
        if path == "":
            return self._json(HTTPStatus.OK, catalog.make_landing_page(self._base))
        if path == "search":
            return self._search(query, method)
        match path.split("/"):
            case ["collections"]:
                found = catalog.list_collections(self._base)
                return self._json(HTTPStatus.OK, {"collections": found, "links": []})
            case ["collections", name] if found := catalog.list_collections(self._base, name):
                return self._json(HTTPStatus.OK, found[0])
            case ["collections", name, "items"]:
                return self._search({**query, "collections": [name]}, method)
            case ["collections", name, "items", item_id]:
                wanted = {"collections": [name], "ids": [item_id]}
                page = catalog.search(self._base, wanted, method, self.server.edition)
                if features := page["features"]:
                    return self._json(HTTPStatus.OK, features[0], "application/geo+json")
        return self._json(
            HTTPStatus.NOT_FOUND,
            {"code": "NotFoundError", "description": f"{path} does not exist."},
        )

    def _search(self, query: dict[str, Any], method: str) -> None:
        try:
            page = catalog.search(self._base, query, method, self.server.edition)
        except catalog.BadQueryError as exc:
            return self._json(HTTPStatus.BAD_REQUEST, {"detail": str(exc)})
        return self._json(HTTPStatus.OK, page, "application/geo+json")

    def _store(self, path: str) -> None:
        tile, key = _assets_by_path().get(path, (None, ""))
        product = key.removeprefix("hillshade-").removesuffix("-vrt")
        edition = self.server.edition
        match tile, key:
            case Tile(), "dtm" | "dsm":
                return self._range(DemoCog(tile, product, edition=edition))
            case Tile(), "hillshade-dtm" | "hillshade-dsm":
                return self._range(DemoCog(tile, product, shaded=True, edition=edition))
            case Tile(), "dtm-vrt" | "dsm-vrt":
                stored = catalog.list_file_paths(tile)[product]
                href = f"{self._base}{catalog.STORE_PREFIX}/{stored}"
                document = _make_vrt(DemoCog(tile, product), href)
                return self._send(HTTPStatus.OK, "application/xml", document.encode())
            case Tile(), "coverage":
                return self._range(projects.make_coverage_file(tile, edition))
            case Tile(), "extent":
                return self._range(projects.make_extent_file(tile, edition))
        error = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'
        return self._send(HTTPStatus.NOT_FOUND, "application/xml", error.encode())

    def _range(self, file: DemoCog | StoredFile) -> None:
        """Respond like S3: one range gives 206, several or none give the whole object."""
        if self.headers.get("If-Match") not in (None, "*", file.etag):
            return self._send(HTTPStatus.PRECONDITION_FAILED, "application/xml", b"")
        start, stop, status = 0, file.size, HTTPStatus.OK
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if wanted and (wanted[1] or wanted[2]):
            status = HTTPStatus.PARTIAL_CONTENT
            if wanted[1]:
                start = int(wanted[1])
                stop = min(int(wanted[2] or file.size) + 1, file.size)
            else:
                start = max(file.size - int(wanted[2]), 0)
            if start >= stop:
                unsatisfied = {"Content-Range": f"bytes */{file.size}"}
                return self._send(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                    "application/xml",
                    b"",
                    **unsatisfied,
                )
        self.send_response(status)
        self.send_header("Content-Type", file.media_type)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", file.etag)
        when = published_at(self.server.edition)
        self.send_header("Last-Modified", email.utils.format_datetime(when, usegmt=True))
        if status is HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{file.size}")
        self.end_headers()
        if self.command == "GET":
            self._stream(file.read(start, stop))
        return None

    def _stream(self, pieces: Iterator[bytes]) -> None:
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except ConnectionError:  # the client closed the connection
            self.close_connection = True

    def _json(self, status: int, document: object, media_type: str = "application/json") -> None:
        self._send(status, media_type, json.dumps(document).encode())

    def _send(self, status: int, media_type: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _respond_ogc(base: str, query: dict[str, str], edition: int) -> wcs.Response:
    """Respond as the requested service: WCS and WMS share one address."""
    service = {name.lower(): value.lower() for name, value in query.items()}.get("service")
    respond = wms.respond if service == "wms" else wcs.respond
    return respond(base, query, edition)


def _parse_query(query: dict[str, str]) -> dict[str, Any]:
    """Convert the parameters of a GET search to the types of a POST body."""
    typed: dict[str, Any] = dict(query)
    for name in ("collections", "ids"):
        if name in query:
            typed[name] = query[name].split(",")
    try:
        if "bbox" in query:
            typed["bbox"] = [float(number) for number in query["bbox"].split(",")]
        if "intersects" in query:
            typed["intersects"] = json.loads(query["intersects"])
    except ValueError:
        typed["bbox"] = []
    return typed


@lru_cache(maxsize=1)
def _assets_by_path() -> dict[str, tuple[Tile, str]]:
    """Return tile and asset key of each listed file, by its path in the store."""
    return {
        path: (tile, key)
        for tile in list_tiles()
        for key, path in catalog.list_file_paths(tile).items()
    }


def _make_vrt(cog: DemoCog, href: str) -> str:
    tile = cog.tile
    size = f'xSize="{tile.width}" ySize="{tile.height}"'
    return (
        f'<VRTDataset rasterXSize="{tile.width}" rasterYSize="{tile.height}">'
        "<SRS>EPSG:3979</SRS>"
        f"<GeoTransform>{tile.left}, {tile.resolution}, 0, {tile.top}, 0, -{tile.resolution}"
        '</GeoTransform><VRTRasterBand dataType="Float32" band="1">'
        "<NoDataValue>-32767</NoDataValue><SimpleSource>"
        f'<SourceFilename relativeToVRT="0">/vsicurl/{href}</SourceFilename>'
        "<SourceBand>1</SourceBand>"
        f'<SourceProperties RasterXSize="{tile.width}" RasterYSize="{tile.height}" '
        'DataType="Float32" BlockXSize="512" BlockYSize="512"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="0" yOff="0" {size}/>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
