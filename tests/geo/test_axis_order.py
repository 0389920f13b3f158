"""Axis order of the EPSG register: swapped corners would return plausible but wrong pixels."""

from __future__ import annotations

import pytest

from hrdem.geo.axis_order import format_crs_urn, order_axes, order_box_axes


@pytest.mark.parametrize("crs", ["EPSG:3979", "EPSG:3978", "EPSG:2961", "EPSG:3857", "EPSG:26918"])
def test_projected_systems_are_east_then_north(crs: str) -> None:
    assert order_axes(crs, 1.5, 2.5) == (1.5, 2.5)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4617", "EPSG:4269"])
def test_geographic_systems_are_latitude_then_longitude(crs: str) -> None:
    assert order_axes(crs, -75.7, 45.4) == (45.4, -75.7)


@pytest.mark.parametrize("crs", ["EPSG:2193", "EPSG:31467"])
def test_some_projected_systems_are_north_then_east(crs: str) -> None:
    assert order_axes(crs, 1.5, 2.5) == (2.5, 1.5)


def test_a_longitude_first_crs_keeps_its_order() -> None:
    assert order_axes("OGC:CRS84", -75.7, 45.4) == (-75.7, 45.4)


def test_box_corners_stay_lower_and_upper() -> None:
    assert order_box_axes("EPSG:4326", (-76, 45, -75, 46)) == (45, -76, 46, -75)
    assert order_box_axes("EPSG:3979", (1, 2, 3, 4)) == (1, 2, 3, 4)


def test_the_urn_has_an_empty_version() -> None:
    assert format_crs_urn("EPSG:3979") == "urn:ogc:def:crs:EPSG::3979"
