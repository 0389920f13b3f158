"""WKT with arcs, surfaces, and axes beyond the second."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import shapely

from hrdem.errors import RequestError
from hrdem.request.aoi.vector import read_shape

RADIUS = 2_000.0
CIRCLE = (
    "CIRCULARSTRING(448000 5030000,450000 5028000,452000 5030000,450000 5032000,448000 5030000)"
)
HALF = (
    "COMPOUNDCURVE(CIRCULARSTRING(448000 5030000,450000 5032000,452000 5030000),"
    "(452000 5030000,448000 5030000))"
)
TRIANGLE = shapely.Polygon([(-75.7, 45.4), (-75.6, 45.4), (-75.6, 45.5)])


@pytest.mark.parametrize(
    ("wkt", "area"),
    [
        (f"CURVEPOLYGON({CIRCLE})", math.pi * RADIUS**2),
        (f"CURVEPOLYGON({HALF})", math.pi * RADIUS**2 / 2),
        (f"MULTISURFACE(CURVEPOLYGON({CIRCLE}),((0 0,10 0,10 10,0 0)))", math.pi * RADIUS**2 + 50),
        (f"CURVEPOLYGON({CIRCLE},(449000 5030000,450000 5030000,450000 5031000,449000 5030000))",
         math.pi * RADIUS**2 - 500_000),
    ],
)  # fmt: skip
def test_arcs_become_chords_within_a_100_000th_of_the_radius(wkt: str, area: float) -> None:
    """By hand: a chord of angle a is r (1 - cos(a / 2)) from its arc."""
    for text in (wkt, f"SRID=2959;{wkt}"):
        shape = read_shape(text, "EPSG:2959").geometry
        assert shape.area == pytest.approx(area, rel=2e-5)
    corners = shapely.get_coordinates(shape)
    middles = (corners[1:] + corners[:-1]) / 2
    distance = np.hypot(*(middles - [450_000, 5_030_000]).T)
    on_arc = np.abs(distance - RADIUS) < 1
    assert (np.abs(distance[on_arc] - RADIUS) < RADIUS * 1e-5).all()


def test_arcs_in_a_file() -> None:
    shape = read_shape(f"CURVEPOLYGON({CIRCLE})", "EPSG:2959").geometry
    Path("a.csv").write_text(f'WKT\n"CURVEPOLYGON({CIRCLE})"\n', encoding="utf-8")
    assert read_shape("a.csv", "EPSG:2959").geometry.equals(shape)


def test_line_of_arcs_has_no_polygon() -> None:
    assert read_shape(CIRCLE, "EPSG:2959").geometry.geom_type == "LineString"


@pytest.mark.parametrize(
    ("wkt", "message"),
    [
        (f"GEOMETRYCOLLECTION(CURVEPOLYGON({CIRCLE}))", "has arcs inside a collection"),
        ("TIN(((0 0,1 0,1 1,0 0)))", "surface of three dimensions"),
        ("POLYHEDRALSURFACE Z (((0 0 1,1 0 1,1 1 1,0 0 1)))", "surface of three dimensions"),
        ("GEOMETRYCOLLECTION(TRIANGLE((0 0,1 0,1 1,0 0)))", "surface of three dimensions"),
        ("CURVEPOLYGON((", "is not valid WKT"),
        ("CIRCULARSTRING(0 0,1 1)", "is not valid WKT"),
        ("COMPOUNDCURVE(CIRCULARSTRING(0.1.2 1,1 1,2 0),(2 0,0 0))", "is not valid WKT"),
    ],
)
def test_wkt_that_cannot_be_read_is_refused(wkt: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_shape(wkt, "EPSG:2959")


@pytest.mark.parametrize("axes", ["Z", "M", "ZM", ""])
def test_further_axes_are_left_out(axes: str) -> None:
    more = " 7" * (len(axes) or 1)
    corners = ",".join(f"{x} {y}{more}" for x, y in TRIANGLE.exterior.coords)
    shape = read_shape(f"MULTIPOLYGON {axes} (EMPTY, (({corners})))").geometry
    assert shape.equals(TRIANGLE)
    assert not shape.has_z


def test_srid_0_declares_no_crs() -> None:
    assert read_shape(f"SRID=0;{TRIANGLE.wkt}", "EPSG:4617").crs == "EPSG:4617"


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
