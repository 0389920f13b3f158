"""Bounding boxes as polygons in EPSG:3979."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from rasterio.warp import transform

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.transform import project_points
from hrdem.request.aoi.aoi import Aoi

OTTAWA = (-75.85, 45.30, -75.60, 45.45)


def test_ottawa_box_matches_the_published_coordinates() -> None:
    # printed by the agency's notebook, which transforms densely from EPSG:4617
    printed = (1498068.328271543, -186524.45076723737, 1522103.6826346598, -164429.1884248994)
    assert Aoi.from_bbox(OTTAWA).bounds == pytest.approx(printed, abs=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:4326", "epsg:4326", "OGC:CRS84", "EPSG:4617"])
def test_degrees_are_on_the_datum_of_the_data(crs: str) -> None:
    assert Aoi.from_bbox(OTTAWA, crs).bounds == Aoi.from_bbox(OTTAWA).bounds


def test_native_box_is_unchanged() -> None:
    guide = (1774874, -89162, 1818832, -52305)
    assert Aoi.from_bbox(guide, "EPSG:3979").bounds == guide


def test_box_across_the_central_meridian_keeps_its_bulge() -> None:
    """The corners alone would lose 2.3 km in the south."""
    box = (-97, 49, -93, 50)
    corners = project_points(np.array([[-97, 49], [-93, 49]]), LONLAT, NATIVE_CRS)
    _, y = transform(LONLAT, NATIVE_CRS, [-95], [49])
    bottom = Aoi.from_bbox(box).bounds[1]
    assert corners[:, 1].min() - bottom == pytest.approx(2301, abs=1)
    assert bottom == pytest.approx(y[0], abs=0.003)


@pytest.mark.parametrize("crs", ["EPSG:2959", "EPSG:3857", "EPSG:3978"])
def test_box_in_another_projection(crs: str) -> None:
    x, y = transform(LONLAT, crs, [-75.70], [45.40])
    aoi = Aoi.from_bbox((x[0] - 50, y[0] - 50, x[0] + 50, y[0] + 50), crs)
    centre = project_points(np.array([[-75.70, 45.40]]), LONLAT, NATIVE_CRS)[0]
    assert aoi.geometry.contains(shapely.Point(centre))
    assert aoi.geometry.area == pytest.approx(10_000, rel=0.6)


@pytest.mark.parametrize(
    ("crs", "twin"),
    [
        ("EPSG:26910", "EPSG:3157"),  # NAD83: PROJ 9.8 would shift it by 1.3 m, 9.7 not at all
        ("EPSG:32610", "EPSG:3157"),  # WGS 84
        ("+proj=utm +zone=10 +datum=NAD83", "EPSG:3157"),
        ("EPSG:3005", "EPSG:3153"),
        ("EPSG:3978", "EPSG:3979"),
        ("EPSG:4269", "EPSG:4617"),
        ("OGC:CRS84", "EPSG:4617"),
    ],
)
def test_position_does_not_depend_on_the_proj_version(crs: str, twin: str) -> None:
    x, y = project_points(np.array([[-123.1, 49.3]]), LONLAT, twin)[0]
    size = 0.01 if twin == LONLAT else 1_000
    box = (x - size, y - size, x + size, y + size)
    here, there = Aoi.from_bbox(box, crs).bounds, Aoi.from_bbox(box, twin).bounds
    assert here == pytest.approx(there, abs=1e-6)


@pytest.mark.slow
def test_nad27_is_shifted() -> None:
    """NAD27 is tens of metres away, and without its grid it is refused unless that is allowed."""
    x, y = project_points(np.array([[-123.1, 49.3]]), LONLAT, "EPSG:3157")[0]
    box = (x - 1_000, y - 1_000, x + 1_000, y + 1_000)
    with pytest.raises(RequestError, match=r"ca_nrc_ntv2_0\.tif.*`allow_inaccurate_datum`"):
        Aoi.from_bbox(box, "EPSG:26710")
    here = Aoi.from_bbox(box, "EPSG:26710", allow_inaccurate_datum=True).bounds
    there = Aoi.from_bbox(box, "EPSG:3157").bounds
    assert math.dist(here[:2], there[:2]) > 10


@pytest.mark.parametrize(
    ("box", "crs", "message"),
    [
        (
            (-75, 45, -76, 46),
            "EPSG:4326",
            r"west is greater .*mean `bbox=-76,45,-75,46`\?",
        ),
        (
            (-76, 46, -75, 45),
            "EPSG:4326",
            r"south is greater .*mean `bbox=-76,45,-75,46`\?",
        ),
        ((1000, 0, 500, 900), "EPSG:3979", "west is greater than east"),
        ((-190, 45, -75, 46), "EPSG:4326", "range of degrees"),
        ((-75, 45, -74, 91), "EPSG:4326", "range of degrees"),
        ((math.nan, 45, -75, 46), "EPSG:4326", "not a finite number"),
        ((-76, 45, math.inf, 46), "EPSG:4326", "not a finite number"),
        ((-76, 45, -75), "EPSG:4326", "Give four numbers"),
        ((-76, 45, -75, 46, 0), "EPSG:4326", "Give four numbers"),
        ((-76, 45, -75, 46), "EPSG:3979", "looks like degrees.*`bbox_crs=EPSG:4326`"),
        ((1774874, -89162, 1818832, -52305), "EPSG:4326", "looks like metres.*`bbox_crs="),
        ((-75, 45, -75, 46), "EPSG:4326", "no area"),
        ((-76, 45, -75, 45), "EPSG:4326", "no area"),
        (OTTAWA, "EPSG:99999", "not a coordinate reference system"),
        (OTTAWA, "UTM 18", "not a coordinate reference system"),
        (OTTAWA, "EPSG:4979+", "not a coordinate reference system"),
        ((0, 0, 500, 500), "EPSG:5703", "neither a geographic nor a projected"),
    ],
)
def test_invalid_box_names_the_problem_and_the_fix(box, crs, message) -> None:
    with pytest.raises(RequestError, match=message):
        Aoi.from_bbox(box, crs)


def test_shape_outside_canada_has_no_data() -> None:
    with pytest.raises(NoDataError, match="is near 48.33 N 2.333 E, outside Canada"):
        Aoi.from_shape(shapely.box(2, 48, 2.667, 48.667), LONLAT, "Paris")


def test_shape_of_the_planet_is_refused() -> None:
    with pytest.raises(RequestError, match="The area world covers far more than Canada"):
        Aoi.from_shape(shapely.box(-180, -60, 180, 85), LONLAT, "world")


def test_outline_that_touches_itself_stays_valid_once_projected() -> None:
    """A hole's corner is on the parallel, its neighbours are joined by a chord 2 mm off it."""
    hole = [(-75.43171, 45), (-75.6, 45.5), (-75.4, 45.5)]
    area = shapely.Polygon(shapely.box(-76, 45, -75, 46).exterior.coords, [hole])
    assert area.is_valid
    projected = shapely.transform(
        shapely.segmentize(area, 0.005), lambda lonlat: project_points(lonlat, LONLAT, NATIVE_CRS)
    )
    native = Aoi.from_shape(area, LONLAT, "a").geometry
    assert native.is_valid
    assert native.area == pytest.approx(projected.area, rel=1e-6)
