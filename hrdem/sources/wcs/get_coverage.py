"""GetCoverage of WCS 1.1.1 for exactly the pixels of a grid."""

from __future__ import annotations

from hrdem.geo.axis_order import format_crs_urn, order_axes, order_box_axes
from hrdem.geo.grid import Grid

GEOTIFF = "image/geotiff"  # as the standard's servers and the live one call it


def get_coverage_params(identifier: str, media_type: str, grid: Grid) -> dict[str, str]:
    """Return the key-value pairs that ask for the pixels of a grid.

    All that is said about places are centres of pixels: servers take the corners of BOUNDINGBOX
    and GRIDORIGIN as such (OGC 07-067r5, GridCRS), and a request that gives corners of pixels
    comes back half a pixel off. On the grid of the coverage itself pixels come unresampled.

    Args:
        identifier: Name of the coverage.
        media_type: What the service calls a GeoTIFF.
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
        "BOUNDINGBOX": f"{_numbers(*order_box_axes(grid.crs, centres))},{urn}",
        "GRIDBASECRS": urn,
        "GRIDTYPE": "urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
        "GRIDCS": "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS",
        "GRIDORIGIN": _numbers(*order_axes(grid.crs, centres[0], centres[3])),
        "GRIDOFFSETS": _numbers(*order_axes(grid.crs, dx, -dy)),
    }


def _numbers(*values: float) -> str:
    return ",".join(repr(float(value)) for value in values)
