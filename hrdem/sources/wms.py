"""Pictures from a WMS 1.3.0 (OGC 06-042), whose answers are looked at before they are believed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile

from hrdem.errors import NoDataError, ServerError, SourceError
from hrdem.geo.axis_order import order_box_axes
from hrdem.geo.grid import Grid, Pixels
from hrdem.http.protocol import Http
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.ogc_exceptions import Refusal, read_refusal

_PNG = b"\x89PNG\r\n\x1a\n"


def get_map_params(layer: str, grid: Grid) -> dict[str, Any]:
    """Return the key-value pairs that ask for a picture (06-042, 7.3.2).

    Args:
        layer: Name of the layer.
        grid: The picture's box, CRS and size. Its CRS has to be one of the EPSG register.
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
    """Get a picture and make sure that it is one.

    Returns:
        The PNG as it came.

    Raises:
        NoDataError: If every pixel of the picture is transparent.
        SourceError: If the answer is no picture of that size, or the CRS has no EPSG number.
        NetworkError: If no answer can be had, or it is a refusal.
    """
    if not grid.crs.startswith("EPSG:"):
        raise SourceError(f"A WMS takes CRSs by their EPSG number, and {grid.crs} has none.")
    try:
        answer = http.request("GET", url, params=get_map_params(layer, grid), trusted=True)
    except ServerError as exc:
        refusal = read_refusal(exc.body) if exc.body else None
        if refusal is None:
            raise
        shown = redact_secrets(url)
        raise ServerError(
            f"{shown} answers {exc.status}: {_sentence(refusal)}", exc.status, exc.body
        ) from exc
    _check_picture(answer.content, grid, redact_secrets(answer.url).partition("?")[0])
    return answer.content


def _check_picture(content: bytes, grid: Grid, name: str) -> None:
    if not content.startswith(_PNG):
        refusal = read_refusal(content)
        said = f"says: {_sentence(refusal)}" if refusal else f"begins with {content[:8]!r}."
        raise SourceError(f"{name} gives no PNG; its answer {said}")
    try:
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"),  # its short cut takes what is cut off
            MemoryFile(content) as file,
            file.open(driver="PNG") as picture,
        ):
            size = f"{picture.width} x {picture.height}"
            if (picture.width, picture.height) != (grid.width, grid.height):
                raise SourceError(
                    f"{name} was asked for {grid.width} x {grid.height} pixels and gives {size}."
                )
            seen = _opacity(picture).any()
    except GDAL_ERRORS as exc:
        raise SourceError(
            f"{name} gives a PNG that cannot be decoded: {gdal_message(exc)}"
        ) from exc
    if not seen:
        raise NoDataError(f"{name} gives a picture of {size} wholly transparent pixels.")


def _sentence(refusal: Refusal) -> str:
    return f"{str(refusal).rstrip('.')}."


def _opacity(picture: DatasetReader) -> Pixels:
    """Decode all of a picture; 0 where it is transparent."""
    bands: Pixels = picture.read()
    if ColorInterp.palette in picture.colorinterp:
        opacity = np.zeros(256, np.uint8)
        for index, colour in picture.colormap(1).items():
            opacity[index] = colour[3]
        shown: Pixels = opacity[bands[0]]
    else:
        shown = picture.dataset_mask()
    return shown
