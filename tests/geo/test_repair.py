"""Repair of invalid polygons, with GDAL's rasterizer as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from hrdem.geo.repair import repair_geometry

SIDE, SIZE = 12, 300  # in units of the corners, and in pixels
GRID = Affine(SIDE / SIZE, 0, 0.00123, 0, -SIDE / SIZE, SIDE + 0.00321)  # no centre is on an edge


def fill(geometry: BaseGeometry) -> np.ndarray:
    return rasterize([geometry], (SIZE, SIZE), transform=GRID) == 1


@pytest.mark.parametrize("holes", [0, 2])
@pytest.mark.parametrize("places", ["whole", "any"])
def test_insides_are_those_of_gdal(holes: int, places: str) -> None:
    """With whole numbers, edges lie on each other, and rings touch and reach beyond each other."""
    rng = np.random.default_rng(holes)
    for corners in (4, 5, 7, 10, 15, 40):
        rings = rng.uniform(0, SIDE, (1 + holes, corners, 2))
        shell, *inner = np.rint(rings) if places == "whole" else rings
        polygon = shapely.Polygon(shell, inner)
        repaired = repair_geometry(polygon)
        assert repaired.is_valid
        np.testing.assert_array_equal(fill(repaired), fill(polygon))


def test_a_hole_at_the_edge_stays_a_hole() -> None:
    """It was filled, with the pixels in it."""
    hole = shapely.box(5, 0, 10, 5)
    polygon = shapely.Polygon(shapely.box(0, 0, 10, 10).exterior, [hole.exterior])
    assert repair_geometry(polygon).equals(shapely.box(0, 0, 10, 10) - hole)


def test_parts_that_overlap_are_united() -> None:
    parts = [shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]
    assert repair_geometry(shapely.MultiPolygon(parts)).equals(shapely.union_all(parts))


def test_edges_that_enclose_nothing_are_a_line() -> None:
    repaired = repair_geometry(shapely.Polygon([(0, 0), (2, 2), (1, 1)]))
    assert repaired.equals(shapely.LineString([(0, 0), (2, 2)]))


def test_too_many_crossings_are_refused() -> None:
    """Their number grows with the square of that of the corners, and so does the time."""
    corners = np.random.default_rng(0).uniform(0, SIDE, (1_000, 2))
    with pytest.raises(ValueError, match=r"its edges cross in about 1[0-3]\d,000 places"):
        repair_geometry(shapely.Polygon(corners))
