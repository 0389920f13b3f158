"""GetMap of WMS 1.3.0 (OGC 06-042); each response is checked to be the requested PNG."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile

from hrdem.errors import NoDataError, ServerError, SourceError
from hrdem.geo.axis_order import order_box_axes
from hrdem.geo.grid import Grid, Pixels
from hrdem.http.parsed import request_parsed
from hrdem.http.protocol import Http, Response
from hrdem.http.retry import RetryableError
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.ogc_exceptions import Refusal, blames_request, read_refusal

_MAX_IMAGE_BYTES = 64 << 20
_PNG = b"\x89PNG\r\n\x1a\n"


def get_map_params(layer: str, grid: Grid) -> dict[str, Any]:
    """Return the parameters of a GetMap request (06-042, 7.3.2).

    Args:
        layer: Name of the layer.
        grid: Bounds, CRS and size of the image. The CRS must have an EPSG code.
    """
    box = order_box_axes(grid.crs, grid.bounds)
    return {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": layer,
        "STYLES": "",
        "CRS": grid.crs,
        "BBOX": ",".join(f"{edge:.13g}" for edge in box),
        "WIDTH": grid.width,
        "HEIGHT": grid.height,
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }


def get_map(url: str, layer: str, grid: Grid, http: Http) -> bytes:
    """Request an image, and check that the response is a PNG of that size.

    Args:
        url: Address of the WMS.
        layer: Name of the layer.
        grid: Bounds, CRS and size of the image.
        http: HTTP client.

    Returns:
        The PNG, unchanged.

    Raises:
        NoDataError: If every pixel is transparent.
        SourceError: If the response is not a PNG of that size, or the CRS has no EPSG code.
        NetworkError: If the service does not respond, or responds with an error.
    """
    if not grid.crs.startswith("EPSG:"):
        raise SourceError(f"A WMS needs a CRS with an EPSG code, and {grid.crs} has none.")

    def parse(response: Response) -> bytes:
        _check_png(response.content, grid, redact_secrets(response.url).partition("?")[0])
        return response.content

    try:
        return request_parsed(
            http,
            "GET",
            url,
            parse,
            params=get_map_params(layer, grid),
            max_bytes=_MAX_IMAGE_BYTES,
            trusted=True,
        )
    except ServerError as exc:
        refusal = read_refusal(exc.body) if exc.body else None
        if refusal is None:
            raise
        display_url = redact_secrets(url)
        raise ServerError(
            f"{display_url} answers {exc.status}: {_sentence(refusal)}", exc.status, exc.body
        ) from exc


def _check_png(content: bytes, grid: Grid, name: str) -> None:
    if not content.startswith(_PNG):
        refusal = read_refusal(content)
        found = f"reads: {_sentence(refusal)}" if refusal else f"begins with {content[:8]!r}."
        message = f"{name} does not return a PNG; its response {found}"
        if refusal and blames_request(refusal):
            raise SourceError(message)
        raise RetryableError(message, kind=SourceError)
    try:
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            pinned_gdal(),
            MemoryFile(content) as file,
            file.open(driver="PNG") as image,
        ):
            size = f"{image.width} x {image.height}"
            if (image.width, image.height) != (grid.width, grid.height):
                raise SourceError(
                    f"{name} returns {size} pixels instead of {grid.width} x {grid.height}."
                )
            opaque = _opacity(image).any()
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise RetryableError(
            f"{name} returns a PNG that cannot be decoded: {gdal_message(exc)}", kind=SourceError
        ) from exc
    if not opaque:
        raise NoDataError(f"{name} returns an image of {size} pixels, all transparent.")


def _sentence(refusal: Refusal) -> str:
    return f"{str(refusal).rstrip('.')}."


def _opacity(image: DatasetReader) -> Pixels:
    """Decode an image completely; return 0 for transparent pixels."""
    bands: Pixels = image.read()
    if ColorInterp.palette in image.colorinterp:
        opacity = np.zeros(256, np.uint8)
        for index, colour in image.colormap(1).items():
            opacity[index] = colour[3]
        visible: Pixels = opacity[bands[0]]
    else:
        visible = image.dataset_mask()
    return visible
