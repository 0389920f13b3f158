"""Circles and buffers are measured on the ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.geometry import (
    buffer_geometry,
    extract_polygons,
    make_circle,
)
from tests.projections import to_lonlat, to_xy

LONGITUDES, LATITUDES = st.floats(-141, -52), st.floats(42, 83)


def on_the_ground(points: np.ndarray, longitude: float, latitude: float) -> np.ndarray:
    """Geodesic distances of points in EPSG:3979 from a place, metres."""
    lon, lat = to_lonlat(points, NATIVE_CRS).T
    place = np.full_like(lon, longitude), np.full_like(lat, latitude)
    return np.array(Geod(ellps="GRS80").inv(*place, lon, lat)[2])


def walk(place: np.ndarray, azimuth: float, distance: float) -> shapely.Point:
    """The point in EPSG:3979 at a geodesic distance from longitude and latitude."""
    lon, lat, _ = Geod(ellps="GRS80").fwd(*place, azimuth, distance)
    return shapely.Point(to_xy(np.array([[lon, lat]]), NATIVE_CRS)[0])


def widen(area: shapely.Geometry, metres: float) -> shapely.Geometry:
    """A buffer around an area in degrees, in EPSG:3979."""
    return project_geometry(*buffer_geometry(area, LONLAT, metres), NATIVE_CRS)


@settings(deadline=None, max_examples=50)
@given(LONGITUDES, LATITUDES, st.floats(0.5, 300_000))
def test_circle_is_geodesic(longitude: float, latitude: float, radius: float) -> None:
    """A circle drawn in EPSG:3979 would be off by up to several percent."""
    ring, crs = make_circle(longitude, latitude, radius)
    rim = project_geometry(shapely.segmentize(ring, radius / 100), crs, NATIVE_CRS)
    distances = on_the_ground(shapely.get_coordinates(rim), longitude, latitude)
    assert distances.max() < radius * (1 + 1e-8) + 1e-4
    assert distances.min() > radius * (1 - 1e-5) - 0.003


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(LONGITUDES, LATITUDES, st.floats(0.01, 8), st.floats(1, 50_000), st.floats(0, 360))
def test_buffer_has_all_near_points_and_no_others(
    longitude: float, latitude: float, size: float, metres: float, turn: float
) -> None:
    corners = [(longitude, latitude), (longitude + size, latitude), (longitude, latitude - size)]
    area = project_geometry(shapely.Polygon(corners), LONLAT, NATIVE_CRS)
    wide = widen(shapely.Polygon(corners), metres)
    assert wide.contains(area)
    for corner in corners:  # corners stick out: what lies beyond them is near to nothing else
        inside, outside = (
            walk(np.array(corner), turn, distance)
            for distance in (metres * (1 - 1e-6) - 0.005, metres * 1.02 + 0.005)
        )
        assert wide.contains(inside)
        if outside.distance(area) > 0.999 * outside.distance(
            shapely.Point(to_xy(np.array([corner]), NATIVE_CRS)[0])
        ):
            assert not wide.contains(outside)


@pytest.mark.slow
def test_buffer_of_all_canada_is_at_most_8_percent_too_wide() -> None:
    corners = np.array([[-141.0, 42], [-52, 42], [-75, 83]])
    wide = widen(shapely.Polygon(corners), 10_000)
    for longitude, latitude in corners.tolist():
        azimuth = math.degrees(math.atan2(longitude + 90, 5 if latitude > 60 else -40))
        assert wide.contains(walk(np.array([longitude, latitude]), azimuth, 9_999.9))
        assert not wide.contains(walk(np.array([longitude, latitude]), azimuth, 10_800))


def test_buffer_shrinks_holes() -> None:
    hole = shapely.box(-75.8, 45.2, -75.2, 45.8).exterior.coords
    ring = shapely.Polygon(shapely.box(-76, 45, -75, 46).exterior.coords, [hole])
    area = project_geometry(ring, LONLAT, NATIVE_CRS)
    assert (
        shapely.Polygon(widen(ring, 1_000).interiors[0]).area
        < shapely.Polygon(area.interiors[0]).area
    )


def test_buffer_of_half_the_earth_is_refused() -> None:
    poles = shapely.MultiPoint([(-95, 85), (-95, -60)])
    with pytest.raises(RequestError, match="within Canada"):
        buffer_geometry(poles, LONLAT, 10)


def test_extract_polygons_drops_points_and_lines() -> None:
    box, point = shapely.box(0, 0, 1, 1), shapely.Point(5, 5)
    line = shapely.LineString([(0, 0), (9, 9)])
    mixed = shapely.GeometryCollection([point, shapely.GeometryCollection([box, line])])
    assert extract_polygons(mixed).equals(box)
    assert extract_polygons(box) is box
    assert extract_polygons(line).is_empty
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    assert extract_polygons(bow_tie).is_valid
    assert extract_polygons(bow_tie).area == pytest.approx(0.5)
