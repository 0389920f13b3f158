"""The demonstration WCS 1.1.1: it responds like GeoTrellis Server, not like the standard.

A bare uncompressed GeoTIFF, errors in plain text, pixels stretched over the box, and a raster of
one pixel where there is no data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_bounds

from hrdem.demo.terrain import NODATA, Float32, heights_at

COVERAGES = ("dsm", "dtm")
_SUPPORTED = (3979, 4326, 3857, 3978, 4617)
_GEOGRAPHIC = (4326, 4617)
_URN = "urn:ogc:def:crs:EPSG::"
_FORMATS = ("image/geotiff", "geotiff", "geotif")
_BOUNDS = (-2_500_000.0, -1_000_000.0, 3_000_000.0, 4_000_000.0)  # of all sub-tiles
_METHODS = ("nearest neighbor", "bilinear", "bicubic")  # listed, never used
MAX_COVERAGE_PIXELS = 100_000_000
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Response:
    """Status, media type and body of a response."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Grid:
    epsg: int
    left: float
    top: float
    dx: float
    dy: float
    columns: int
    rows: int


def respond(base: str, query: Mapping[str, str], edition: int = 1) -> Response:
    """Respond to a key-value request.

    Args:
        base: Scheme and host, for the addresses in the capabilities.
        query: Parameters as received; names in any case.
        edition: Edition of the heights.
    """
    kvp = {name.lower(): value for name, value in query.items()}
    request = kvp.get("request", "").lower()
    if kvp.get("service", "wcs").lower() != "wcs":
        return _refuse(f"Parameter 'service' has an invalid value of {kvp['service']}. "
                        "Needs to be one of: wcs")  # fmt: skip
    if "version" in kvp and not kvp["version"].startswith("1.1"):
        return _refuse("layer does not exist")
    if request == "getcapabilities":
        return _make_capabilities(base)
    if request == "describecoverage":
        return _make_descriptions(kvp)
    if request == "getcoverage":
        return _make_coverage(kvp, edition)
    return _refuse("Missing parameter 'request'")


def _refuse(text: str) -> Response:
    return Response(400, "text/plain; charset=UTF-8", text.encode())


def _make_capabilities(base: str) -> Response:
    address = escape(f"{base}/wrapper/ogc/elevation-hrdem-mosaic", {'"': "&quot;"})
    known = _make_parameter("service", "WCS") + _make_parameter("AcceptVersions", "1.1.1")
    parameters = {
        "GetCapabilities": known,
        "DescribeCoverage": known,
        "GetCoverage": known + _make_parameter("InterpolationType", *_METHODS),
    }
    operations = "".join(
        f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href="{address}"/>'
        f"</ows:HTTP></ows:DCP>{described}</ows:Operation>"
        for name, described in parameters.items()
    )
    summaries = "".join(
        f"<CoverageSummary><ows:Title>{name}</ows:Title>{_make_degree_box('WGS84BoundingBox')}"
        f"{_list_formats()}<Identifier>{name}</Identifier></CoverageSummary>"
        for name in COVERAGES
    )
    return _make_xml_response(
        '<Capabilities xmlns="http://www.opengis.net/wcs/1.1.1" '
        'xmlns:ows="http://www.opengis.net/ows/1.1" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1.1">'
        "<ows:ServiceIdentification><ows:Title>hrdem demonstration WCS</ows:Title>"
        "<ows:Abstract>Synthetic terrain</ows:Abstract><ows:Keywords/>"
        "<ows:ServiceType>OGC WCS</ows:ServiceType>"
        "<ows:ServiceTypeVersion>1.1.1</ows:ServiceTypeVersion><ows:Fees>NONE</ows:Fees>"
        "<ows:AccessConstraints>NONE</ows:AccessConstraints></ows:ServiceIdentification>"
        "<ows:ServiceProvider><ows:ProviderName>hrdem</ows:ProviderName><ows:ServiceContact/>"
        f"</ows:ServiceProvider><ows:OperationsMetadata>{operations}</ows:OperationsMetadata>"
        f"<Contents>{summaries}</Contents></Capabilities>"
    )


def _make_descriptions(kvp: Mapping[str, str]) -> Response:
    names = kvp.get("identifiers", kvp.get("identifier", "")).split(",")
    if not set(names) <= set(COVERAGES):
        return _refuse("layer does not exist")
    left, bottom, right, top = _BOUNDS
    boxes = (
        _make_box(
            "BoundingBox", (0.0, 0.0, right - left, top - bottom), "urn:ogc:def:crs:OGC::imageCRS"
        )
        + _make_box("BoundingBox", _BOUNDS, f"{_URN}3979")
        + _make_degree_box("BoundingBox", f"{_URN}4326")
        + _make_degree_box("WGS84BoundingBox")
    )
    methods = "".join(f"<InterpolationMethod>{name}</InterpolationMethod>" for name in _METHODS)
    described = "".join(
        f"<CoverageDescription><ows:Title>{name}</ows:Title><Identifier>{name}</Identifier>"
        f"<Domain><SpatialDomain>{boxes}<GridCRS><GridBaseCRS>{_URN}3979</GridBaseCRS>"
        "<GridType>urn:ogc:def:method:WCS:1.1:2dSimpleGrid</GridType>"
        f"<GridOrigin>{left} {top}</GridOrigin><GridOffsets>1.0 -1.0</GridOffsets>"
        "<GridCS>urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS</GridCS></GridCRS></SpatialDomain></Domain>"
        "<Range><Field><Identifier>contents</Identifier><Definition><ows:AnyValue/></Definition>"
        f"<InterpolationMethods>{methods}<Default>{_METHODS[0]}</Default></InterpolationMethods>"
        f"</Field></Range>{_list_formats()}</CoverageDescription>"
        for name in names
    )
    return _make_xml_response(
        '<CoverageDescriptions xmlns="http://www.opengis.net/wcs/1.1.1" '
        f'xmlns:ows="http://www.opengis.net/ows/1.1">{described}</CoverageDescriptions>'
    )


def _make_parameter(name: str, *values: str) -> str:
    allowed = "".join(f"<ows:Value>{value}</ows:Value>" for value in values)
    return (
        f'<ows:Parameter name="{name}"><ows:AllowedValues>{allowed}</ows:AllowedValues>'
        "</ows:Parameter>"
    )


def _list_formats() -> str:
    """Return the CRSs and formats; picture formats are listed too."""
    crss = "".join(f"<SupportedCRS>{_URN}{epsg}</SupportedCRS>" for epsg in _SUPPORTED)
    formats = ("image/geotiff", "image/jpeg", "image/png")
    return f"<SupportedCRS>urn:ogc:def:crs:OGC::imageCRS</SupportedCRS>{crss}" + "".join(
        f"<SupportedFormat>{name}</SupportedFormat>" for name in formats
    )


def _make_degree_box(element: str, crs: str = "") -> str:
    """Return a box in degrees, latitude first even where that is wrong."""
    west, south, east, north = transform_bounds("EPSG:3979", "EPSG:4617", *_BOUNDS)
    return _make_box(element, (south, west, north, east), crs)


def _make_box(element: str, corners: tuple[float, float, float, float], crs: str = "") -> str:
    first, second, third, fourth = corners
    named = f' crs="{crs}"' if crs else ""
    return (
        f'<ows:{element}{named} dimensions="2"><ows:LowerCorner>{first} {second}</ows:LowerCorner>'
        f"<ows:UpperCorner>{third} {fourth}</ows:UpperCorner></ows:{element}>"
    )


def _make_xml_response(document: str) -> Response:
    return Response(200, "text/xml; charset=UTF-8", f'<?xml version="1.0"?>{document}'.encode())


def _make_coverage(kvp: Mapping[str, str], edition: int) -> Response:
    missing = [name for name in ("identifier", "boundingbox", "format") if name not in kvp]
    if missing:
        return _refuse("; ".join(f"Missing parameter '{name}'" for name in missing))
    if kvp["format"].lower() not in _FORMATS:
        return _refuse(f"Unsupported format: '{kvp['format']}'")
    if kvp["identifier"] not in COVERAGES:
        return _refuse("layer does not exist")
    try:
        grid = _parse_grid(kvp)
    except ValueError as exc:
        return _refuse(str(exc))
    if grid.dx <= 0 or grid.dy <= 0:
        stack = (
            "geotrellis.vector.ExtentRangeError: Invalid Extent: xmin must be less than xmax\n"
            "\tat geotrellis.vector.Extent.<init>(Extent.scala)\n"
        )
        return Response(500, "text/plain; charset=UTF-8", stack.encode())
    if grid.columns * grid.rows > MAX_COVERAGE_PIXELS:
        page = b"<html><head><title>502 Bad Gateway</title></head><body></body></html>"
        return Response(502, "text/html", page)
    if grid.epsg == 3857 and grid.columns > _BLOCK:
        return Response(200, "application/json", b"null")
    pixels = _compute_pixels(grid, kvp["identifier"], edition)
    if (pixels == NODATA).all():
        spans = _Grid(
            grid.epsg, grid.left, grid.top, grid.dx * grid.columns, grid.dy * grid.rows, 1, 1
        )
        return Response(200, "image/tiff", _encode_tiff(spans, np.full((1, 1), NODATA)))
    return Response(200, "image/tiff", _encode_tiff(grid, pixels))


def _parse_grid(kvp: Mapping[str, str]) -> _Grid:
    """Return the grid: corners of the box are pixel centres, pixels stretch to fill it."""
    *corners, crs = kvp["boundingbox"].split(",", 4)
    if not crs.startswith(_URN) or not crs.removeprefix(_URN).isdigit():
        raise ValueError(f"Cannot parse CRS from '{crs}'")
    epsg = int(crs.removeprefix(_URN))
    if epsg not in _SUPPORTED:
        raise ValueError(f"Cannot parse CRS from '{crs}'")
    x0, y0, x1, y1 = _parse_numbers(corners, "boundingbox")
    offsets = kvp.get("gridoffsets")
    if epsg in _GEOGRAPHIC:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if offsets is None:  # no half-cell border then, and the native pixel size
        step, buffer = 1.0 if epsg not in _GEOGRAPHIC else 1 / 111_320, 0.0
    else:
        numbers = _parse_numbers(offsets.split(","), "gridoffsets")
        step = abs(numbers[-1] if epsg in _GEOGRAPHIC else numbers[0])
        buffer = step / 2
    if step <= 0:
        raise ValueError(f"Cannot parse value '{offsets}' for parameter 'gridoffsets'")
    columns = max(int((x1 - x0) / step) + (1 if buffer else 0), 1)
    rows = max(int((y1 - y0) / step) + (1 if buffer else 0), 1)
    dx = (x1 - x0 + 2 * buffer) / columns if x1 >= x0 else -1.0
    dy = (y1 - y0 + 2 * buffer) / rows if y1 >= y0 else -1.0
    return _Grid(epsg, x0 - buffer, y1 + buffer, dx, dy, columns, rows)


def _parse_numbers(texts: list[str], parameter: str) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError as exc:
        raise ValueError(f"Cannot parse value '{texts}' for parameter '{parameter}'") from exc


def _compute_pixels(grid: _Grid, product: str, edition: int) -> Float32:
    """Return the source pixel nearest to each pixel centre, from a level fine enough."""
    size = max(1.0, 2.0 ** math.floor(math.log2(grid.dx)) if grid.epsg not in _GEOGRAPHIC else 1.0)
    out = np.empty((grid.rows, grid.columns), np.float32)
    for top in range(0, grid.rows, _BLOCK):
        for left in range(0, grid.columns, _BLOCK):
            block = out[top : top + _BLOCK, left : left + _BLOCK]
            rows, columns = np.indices(block.shape)
            x = grid.left + (left + columns.ravel() + 0.5) * grid.dx
            y = grid.top - (top + rows.ravel() + 0.5) * grid.dy
            if grid.epsg != 3979:
                here = 4617 if grid.epsg in _GEOGRAPHIC else grid.epsg
                x, y = map(np.asarray, transform_points(f"EPSG:{here}", "EPSG:3979", x, y))
            nearest = heights_at(x, y, size, product=product, edition=edition)
            block[:] = nearest.reshape(block.shape)
    return out


def _encode_tiff(grid: _Grid, pixels: Float32) -> bytes:
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": 1,
        "width": grid.columns, "height": grid.rows, "crs": CRS.from_epsg(grid.epsg),
        "transform": Affine(grid.dx, 0, grid.left, 0, -grid.dy, grid.top), "tiled": True,
        "blockxsize": _BLOCK, "blockysize": _BLOCK, "ENDIANNESS": "BIG",
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(pixels, 1)
        # set last: GDAL (to 3.12) does not swap the bytes of blocks that it knows to be empty
        with rasterio.open(memory.name, "r+") as dataset:
            dataset.nodata = float(NODATA)
        return bytes(memory.getbuffer())
