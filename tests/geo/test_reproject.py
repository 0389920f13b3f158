"""Reprojected geometries: edges stay in place, parts and holes survive."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from hrdem.errors import NoDataError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.reproject import project_geometry
from hrdem.geo.transform import project_points

LONGITUDES, LATITUDES = st.floats(-141, -52), st.floats(42, 83)


def farthest_from(outline, edges: np.ndarray, crs: str) -> float:
    """Return the largest distance of points on straight edges from an outline in EPSG:3979."""
    points = shapely.points(project_points(edges, crs, NATIVE_CRS))
    return float(shapely.distance(points, outline).max())


@pytest.mark.slow
@pytest.mark.long
@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(LONGITUDES, LATITUDES), min_size=3, max_size=3, unique=True))
def test_edges_stay_within_millimetres(corners) -> None:
    line = shapely.LineString(corners)
    places = shapely.line_interpolate_point(line, np.linspace(0, 1, 31), normalized=True)
    there = project_geometry(line, LONLAT, NATIVE_CRS)
    assert farthest_from(there, shapely.get_coordinates(places), LONLAT) < 0.003


def test_an_s_shaped_edge_is_densified() -> None:
    """Its midpoint is on the chord: it runs 5 degrees to each side of the central meridian."""
    line = shapely.LineString([(-100, 45), (-90, 55)])
    assert shapely.get_num_coordinates(project_geometry(line, LONLAT, NATIVE_CRS)) > 100


def test_edges_stay_within_millimetres_of_degrees_too() -> None:
    """A row of EPSG:3979, taken by PROJ to longitudes and latitudes."""
    edge = np.column_stack([np.linspace(1_500_000, 1_600_000, 2_001), np.full(2_001, 5.0)])
    there = project_geometry(shapely.LineString(edge[[0, -1]]), NATIVE_CRS, LONLAT)
    lonlat = Transformer.from_crs(NATIVE_CRS, "EPSG:4617", always_xy=True).transform(*edge.T)
    assert shapely.distance(shapely.points(*lonlat), there).max() < 0.003 / 110_000
    assert shapely.get_num_coordinates(there) < 2_000


def test_an_edge_across_a_seam_of_the_target_is_refused() -> None:
    """The antimeridian, where longitudes go on at the other end."""
    ends = project_points(np.array([[179.0, 75], [-179, 75]]), LONLAT, NATIVE_CRS)
    with pytest.raises(NoDataError):
        project_geometry(shapely.LineString(ends), NATIVE_CRS, LONLAT)


def test_short_edges_are_not_densified() -> None:
    """A detailed outline does not grow by a fixed factor."""
    angle = np.linspace(0, 2 * math.pi, 20_001)[:-1]
    points = np.column_stack([-75 + 0.1 * np.cos(angle), 45 + 0.1 * np.sin(angle)])
    there = project_geometry(shapely.Polygon(points), LONLAT, NATIVE_CRS)
    assert shapely.get_num_coordinates(there) == 20_001


def test_the_same_crs_changes_nothing() -> None:
    box = shapely.box(1_000, 2_000, 900_000, 800_000)
    assert project_geometry(box, NATIVE_CRS, NATIVE_CRS).equals_exact(box, tolerance=0)


def test_holes_and_parts_survive() -> None:
    hole = shapely.box(-75.9, 45.1, -75.6, 45.8).exterior.coords
    parts = [
        shapely.Polygon(shapely.box(-76, 45, -75.5, 46).exterior.coords, [hole]),
        shapely.box(-75, 45, -74, 46),
    ]
    there = project_geometry(shapely.MultiPolygon(parts), LONLAT, NATIVE_CRS)
    assert there.is_valid
    assert [len(part.interiors) for part in there.geoms] == [1, 0]
    for whole, part in zip(parts, there.geoms, strict=True):
        assert project_geometry(whole, LONLAT, NATIVE_CRS).equals(part)


def test_a_collection_is_projected_part_by_part() -> None:
    parts = [
        shapely.Point(-75, 45),
        shapely.MultiPoint([(-75, 45), (-74, 46)]),
        shapely.LineString([(-75, 45), (-70, 45)]),
        shapely.box(-75, 45, -74, 46),
    ]
    there = project_geometry(shapely.GeometryCollection(parts), LONLAT, NATIVE_CRS)
    assert [part.geom_type for part in there.geoms] == [part.geom_type for part in parts]
    assert len(there.geoms[2].coords) > 100


def test_an_empty_outline_stays_empty() -> None:
    assert project_geometry(shapely.Polygon(), LONLAT, NATIVE_CRS).is_empty
