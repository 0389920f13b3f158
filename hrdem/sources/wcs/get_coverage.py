"""GetCoverage parameters of WCS 1.1.1 for exactly the pixels of a grid."""

from __future__ import annotations

from hrdem.geo.axis_order import format_crs_urn, order_axes, order_box_axes
from hrdem.geo.grid import Grid

GEOTIFF = "image/geotiff"  # media type of the reference servers and of the live one


def get_coverage_params(identifier: str, media_type: str, grid: Grid) -> dict[str, str]:
    """Return the GetCoverage parameters for the pixels of a grid.

    All coordinates are centres of pixels: servers take the corners of BOUNDINGBOX and GRIDORIGIN
    as such (OGC 07-067r5, GridCRS), and a request with corners of pixels returns a raster that is
    half a pixel off. On the coverage's own grid the server does not resample.

    Args:
        identifier: Identifier of the coverage.
        media_type: Media type that the service uses for GeoTIFF.
        grid: The pixels; its CRS has to be ``EPSG:n``.
    """
    left, bottom, right, top = grid.bounds
    dx, dy = grid.resolution
    centres = left + dx / 2, bottom + dy / 2, right - dx / 2, top - dy / 2
    urn = format_crs_urn(grid.crs)
    return {
        "SERVICE": "WCS",
        "VERSION": "1.1.1",
        "REQUEST": "GetCoverage",
        "IDENTIFIER": identifier,
        "FORMAT": media_type,
        "BOUNDINGBOX": f"{_join_numbers(*order_box_axes(grid.crs, centres))},{urn}",
        "GRIDBASECRS": urn,
        "GRIDTYPE": "urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
        "GRIDCS": "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS",
        "GRIDORIGIN": _join_numbers(*order_axes(grid.crs, centres[0], centres[3])),
        "GRIDOFFSETS": _join_numbers(*order_axes(grid.crs, dx, -dy)),
    }


def _join_numbers(*values: float) -> str:
    return ",".join(repr(float(value)) for value in values)
