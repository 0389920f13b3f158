"""Axis order: names of CRSs and order of coordinates in OGC services."""

from __future__ import annotations

import re

from rasterio.crs import CRS, epsg_treats_as_latlong, epsg_treats_as_northingeasting

from hrdem.geo.grid import Bounds
from hrdem.runtime.gdal_env import pinned_gdal

_EPSG = re.compile(r"(?:^|[:/])EPSG(?:[:/][\d.]*)?[:/](\d{4,6})$", re.IGNORECASE)


def format_crs_urn(crs: str) -> str:
    """Return the URN of a CRS, the only form that all WCS 1.1 servers accept (OGC 07-092r1).

    Args:
        crs: CRS as ``EPSG:n``.
    """
    authority, _, code = crs.partition(":")
    return f"urn:ogc:def:crs:{authority}::{code}"


def parse_crs_name(name: str) -> str:
    """Return ``EPSG:n`` for the name that a service gives a CRS; other names unchanged.

    It reads URNs with and without a version, ``EPSG:n``, and http addresses (OGC 09-048r5).

    Args:
        name: Name of the CRS.
    """
    match = _EPSG.search(name)
    return f"EPSG:{match[1]}" if match else name


def order_axes(crs: str, x: float, y: float) -> tuple[float, float]:
    """Return two coordinates in the axis order of their CRS.

    WCS 1.1 (06-121r3, 10.2, for CRSs named by URN) and WMS 1.3.0 (06-042, 6.7.2) require the order
    of the EPSG register: latitude before longitude, and in a few projections northing before
    easting.

    Args:
        crs: CRS as ``EPSG:n``.
        x: Longitude or easting.
        y: Latitude or northing.
    """
    with pinned_gdal():
        system = CRS.from_user_input(crs)
        swapped = epsg_treats_as_latlong(system) or epsg_treats_as_northingeasting(system)
    return (y, x) if swapped else (x, y)


def order_box_axes(crs: str, bounds: Bounds) -> Bounds:
    """Return the lower and the upper corner of a box, each in the axis order of its CRS.

    Args:
        crs: CRS as ``EPSG:n``.
        bounds: Left, bottom, right, top.
    """
    left, bottom, right, top = bounds
    return *order_axes(crs, left, bottom), *order_axes(crs, right, top)
