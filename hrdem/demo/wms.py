"""The demonstration WMS 1.3.0 (OGC 06-042): capabilities, and eight layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform as transform_points

from hrdem.demo.terrain import NODATA, Float32, Float64, heights_at
from hrdem.demo.wcs import Response

LAYERS = tuple(
    f"{surface}{theme}"
    for surface in ("dtm", "dsm")
    for theme in ("", "-hillshade", "-slope", "-aspect")
)
_SUPPORTED = (3979, 4326, 3857, 3978, 4617)
_LATITUDE_FIRST = (4326, 4617)
MAX_EDGE_PIXELS = 4096
_BLOCK = 256
_HIGHEST = 1000.0  # metres, drawn white in the first edition
Box = tuple[float, float, float, float]

_NAMES = 'xmlns="http://www.opengis.net/{}" xmlns:ogc="http://www.opengis.net/ogc"'


class _RefusedError(Exception):
    """A request that gets an exception report: code and message."""


@dataclass(frozen=True, slots=True)
class _Map:
    """A requested map: layer, box (easting or longitude first) and size."""

    layer: str
    epsg: int
    box: Box
    width: int
    height: int


def respond(base: str, query: Mapping[str, str], edition: int = 1) -> Response:
    """Respond to a key-value request.

    Args:
        base: Scheme and host, for the addresses in the capabilities.
        query: Parameters as received; names in any case.
        edition: Edition of the heights.
    """
    kvp = {name.lower(): value for name, value in query.items()}
    try:
        if kvp.get("request", "").lower() == "getcapabilities":
            return _make_xml_response(200, _make_capabilities(base))
        return Response(200, "image/png", _draw(_parse_map(kvp), edition))
    except _RefusedError as exc:
        code, text = exc.args
        return _make_xml_response(
            400,
            f'<ServiceExceptionReport version="1.3.0" {_NAMES.format("ogc")}>'
            f'<ogc:ServiceException locator="noLocator" code="{code}">{escape(text)}'
            "</ogc:ServiceException></ServiceExceptionReport>",
        )


def _make_xml_response(status: int, document: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
    return Response(status, "text/xml; charset=UTF-8", body)


def _make_capabilities(base: str) -> str:
    address = escape(f"{base}/wrapper/ogc/elevation-hrdem-mosaic?", {'"': "&quot;"})
    via = (
        '<DCPType><HTTP><Get><OnlineResource xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xlink:type="simple" xlink:href="{address}"/></Get></HTTP></DCPType>'
    )
    systems = "".join(f"<CRS>EPSG:{epsg}</CRS>" for epsg in _SUPPORTED)
    layers = "".join(
        f'<Layer queryable="0"><Name>{name}</Name><Title>{name}</Title></Layer>' for name in LAYERS
    )
    return (
        f'<WMS_Capabilities version="1.3.0" {_NAMES.format("wms")}>'
        "<Service><Name>WMS</Name><Title>hrdem demonstration WMS</Title></Service><Capability>"
        f"<Request><GetCapabilities><Format>text/xml</Format>{via}</GetCapabilities>"
        f"<GetMap><Format>image/png</Format>{via}</GetMap></Request>"
        f"<Exception><Format>XML</Format></Exception><Layer><Title>Synthetic terrain</Title>"
        f"{systems}<EX_GeographicBoundingBox><westBoundLongitude>-151</westBoundLongitude>"
        "<eastBoundLongitude>-50</eastBoundLongitude><southBoundLatitude>38</southBoundLatitude>"
        "<northBoundLatitude>77</northBoundLatitude></EX_GeographicBoundingBox>"
        f"{layers}</Layer></Capability></WMS_Capabilities>"
    )


def _parse_map(kvp: Mapping[str, str]) -> _Map:
    request = kvp.get("request", "")
    if request.lower() != "getmap":
        raise _RefusedError("OperationNotSupported", f"There is no request '{request}'")
    needed = ("version", "layers", "crs", "bbox", "width", "height", "format")
    if missing := [name for name in needed if name not in kvp]:
        raise _RefusedError("MissingParameterValue", f"Missing parameter '{missing[0]}'")
    if kvp["version"] != "1.3.0":
        raise _RefusedError("VersionNegotiationFailed", "Only version 1.3.0 is served")
    if kvp["layers"] not in LAYERS:
        raise _RefusedError("LayerNotDefined", f"Layers List({kvp['layers']}) not found")
    authority, _, number = kvp["crs"].partition(":")
    if authority != "EPSG" or not number.isdigit() or int(number) not in _SUPPORTED:
        raise _RefusedError("InvalidCRS", f"{kvp['crs']} is not among the supported systems")
    if kvp["format"] != "image/png":
        raise _RefusedError("InvalidFormat", f"Unsupported format: '{kvp['format']}'")
    return _Map(kvp["layers"], int(number), *_parse_extent(kvp, int(number)))


def _parse_extent(kvp: Mapping[str, str], epsg: int) -> tuple[Box, int, int]:
    """Return box, width and height."""
    try:
        first, second, third, fourth = map(float, kvp["bbox"].split(","))
        width, height = int(kvp["width"]), int(kvp["height"])
    except ValueError as exc:
        raise _RefusedError("InvalidParameterValue", "Cannot parse BBOX, WIDTH or HEIGHT") from exc
    if not (0 < width <= MAX_EDGE_PIXELS and 0 < height <= MAX_EDGE_PIXELS):
        raise _RefusedError("InvalidParameterValue", f"At most {MAX_EDGE_PIXELS} pixels an edge")
    if first >= third or second >= fourth:
        raise _RefusedError("InvalidParameterValue", "The corners of the BBOX are swapped")
    if epsg in _LATITUDE_FIRST:
        return (second, first, fourth, third), width, height
    return (first, second, third, fourth), width, height


def _draw(requested: _Map, edition: int) -> bytes:
    """Draw a layer in grey, transparent where there is no data."""
    surface, _, theme = requested.layer.partition("-")
    heights, pixel = _compute_heights(requested, surface, edition)
    east = (heights[1:-1, 2:] - heights[1:-1, :-2]) / (2 * pixel)
    north = (heights[:-2, 1:-1] - heights[2:, 1:-1]) / (2 * pixel)
    if theme == "slope":
        light = 1 - np.arctan(np.hypot(east, north)) / (np.pi / 2)
    elif theme == "aspect":
        light = np.arctan2(-east, -north) % (2 * np.pi) / (2 * np.pi)
    elif theme == "hillshade":  # the sun in the north-west, half way up
        light = (math.sqrt(0.5) + (east - north) / 2) / np.sqrt(1 + east**2 + north**2)
    else:
        light = np.clip(heights[1:-1, 1:-1] / (_HIGHEST * edition), 0, 1)
    seen = ~np.isnan(light)
    grey = np.where(seen, 255 * np.clip(light, 0, 1), 0).astype(np.uint8)
    bands = np.stack([grey, np.where(seen, 255, 0).astype(np.uint8)])
    size = {"width": requested.width, "height": requested.height, "transform": Affine.scale(2, -2)}
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile(ext=".png") as file:
        with file.open(driver="PNG", count=2, dtype="uint8", **size) as picture:
            picture.write(bands)
        return bytes(file.getbuffer())


def _compute_heights(requested: _Map, surface: str, edition: int) -> tuple[Float32, float]:
    """Return heights with a border of one pixel, NaN without data, and the pixel size.

    The size is measured on the ground in the middle of the picture, metres.
    """
    left, bottom, right, top = requested.box
    x = left + (np.arange(-1, requested.width + 1) + 0.5) * (right - left) / requested.width
    y = top - (np.arange(-1, requested.height + 1) + 0.5) * (top - bottom) / requested.height
    middle = x[requested.width // 2 : requested.width // 2 + 2], y[requested.height // 2]
    ends_x, ends_y = _project_to_native(requested.epsg, middle[0], np.full(2, middle[1]))
    pixel = float(np.hypot(np.diff(ends_x), np.diff(ends_y))[0])
    level = 2.0 ** max(0, math.floor(math.log2(pixel)))
    heights = np.empty((y.size, x.size), np.float32)
    for row in range(0, y.size, _BLOCK):
        for column in range(0, x.size, _BLOCK):
            block = heights[row : row + _BLOCK, column : column + _BLOCK]
            points = np.meshgrid(x[column : column + _BLOCK], y[row : row + _BLOCK])
            easting, northing = _project_to_native(
                requested.epsg, *(axis.ravel() for axis in points)
            )
            nearest = heights_at(easting, northing, level, product=surface, edition=edition)
            block[:] = nearest.reshape(block.shape)
    heights[heights == NODATA] = np.nan
    return heights, pixel


def _project_to_native(epsg: int, x: Float64, y: Float64) -> tuple[Float64, Float64]:
    """Return points in EPSG:3979; longitude and latitude are taken as NAD83(CSRS)."""
    if epsg == 3979:
        return x, y
    source = "EPSG:4617" if epsg in _LATITUDE_FIRST else f"EPSG:{epsg}"
    easting, northing = transform_points(source, "EPSG:3979", x, y)
    return np.asarray(easting), np.asarray(northing)
