"""Tiles of the map: hillshades in the tiles of Web Mercator, as the services draw them."""

from __future__ import annotations

import functools
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import shapely

import hrdem
from hrdem.app.choices import LAYERS, MAX_ZOOM
from hrdem.app.places import read_data
from hrdem.app.web_mercator import Box, get_bounds, unproject_box
from hrdem.errors import NetworkError, NoDataError, RequestError

TILE_PIXELS = 256
MAX_BASEMAP_BYTES = 2_000_000  # of a tile
MIN_ZOOM = 6  # a tile of a smaller zoom takes seconds where the WMS fails
MARGIN_DEGREES = 0.1  # around the simplified shores of Canada
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class DrawingServices(Protocol):
    """The services that draw pictures."""

    @property
    def drawing(self) -> Mapping[str, Any]:
        """Their addresses, and the cache, as parameters of `hrdem.preview`."""


def draw(
    layer: str, z: int, x: int, y: int, session: hrdem.Session, services: DrawingServices
) -> bytes:
    """Return a tile as a PNG of 256 x 256 pixels, transparent where there is no data.

    Tiles without a part of Canada are not requested from anyone.

    Args:
        layer: One of `hrdem.app.choices.LAYERS`.
        z: Zoom.
        x: Column, from the antimeridian to the east.
        y: Row, from the north.
        session: Client to use.
        services: The WMS, and the catalogue whose files are drawn if it fails.

    Raises:
        RequestError: If there is no such layer or tile.
        NetworkError: If neither the WMS nor the files are available.
    """
    if layer not in LAYERS:
        raise RequestError(f"There is no layer {layer!r}. Choose one of: {', '.join(LAYERS)}.")
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise RequestError(f"There is no tile {z}/{x}/{y}. Zooms go up to {MAX_ZOOM}.")
    bounds = get_bounds(z, x, y)
    if z < MIN_ZOOM or not _is_in_canada(bounds):
        return make_empty_tile()
    with tempfile.TemporaryDirectory(prefix="hrdem-tile-") as folder:
        path = Path(folder) / "tile.png"
        try:
            hrdem.preview(
                bbox=bounds,
                bbox_crs="EPSG:3857",
                product=layer,
                size=(TILE_PIXELS, TILE_PIXELS),
                output=path,
                http=session,
                **services.drawing,
            )
        except NoDataError:
            return make_empty_tile()
        return path.read_bytes()


def fetch_basemap(z: int, x: int, y: int, session: hrdem.Session, address: str) -> bytes:
    """Return a tile of the base map of Natural Resources Canada as a PNG, drawn by its WMS.

    Args:
        z: Zoom.
        x: Column, from the antimeridian to the east.
        y: Row, from the north.
        session: Client to use.
        address: Address of the WMS 1.3.0, whose layer is CBMT.

    Raises:
        NetworkError: If the WMS is not available, or sends something else than a PNG.
    """
    query = {
        "service": "WMS",
        "version": "1.3.0",
        "request": "GetMap",
        "layers": "CBMT",
        "styles": "",
        "crs": "EPSG:3857",
        "bbox": ",".join(map(repr, get_bounds(z, x, y))),
        "width": TILE_PIXELS,
        "height": TILE_PIXELS,
        "format": "image/png",
    }
    body = session.request(
        "GET", address, params=query, max_bytes=MAX_BASEMAP_BYTES, trusted=True
    ).content
    if not body.startswith(_PNG_SIGNATURE):
        raise NetworkError(
            "The WMS of the base map was requested for a picture and sent something else. Switch "
            "the base map off, or try again later."
        )
    return body


@functools.cache
def make_empty_tile() -> bytes:
    """Return a transparent PNG: one palette entry (PNG 1.2, 11.2 and 11.3.2)."""
    header = struct.pack(">IIBBBBB", TILE_PIXELS, TILE_PIXELS, 1, 3, 0, 0, 0)
    rows = bytes(1 + TILE_PIXELS // 8) * TILE_PIXELS  # a filter, and pixels of one bit
    chunks = (
        (b"IHDR", header),
        (b"PLTE", bytes(3)),
        (b"tRNS", bytes(1)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return _PNG_SIGNATURE + b"".join(parts)


def _is_in_canada(bounds: Box) -> bool:
    box = shapely.box(*unproject_box(bounds))
    return bool(shapely.dwithin(_read_provinces(), box, MARGIN_DEGREES).any())


@functools.cache
def _read_provinces() -> list[shapely.Geometry]:
    """Return the shapes of the provinces in degrees."""
    features = read_data("provinces")["features"]
    return [shapely.geometry.shape(feature["geometry"]) for feature in features]
