"""Outlines of areas: in degrees, and as large as geodesy has them."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from pyproj import Geod

import hrdem

GRS80 = Geod(ellps="GRS80")


@pytest.mark.parametrize(
    "area",
    [
        {"bbox": (-75.72, 45.40, -75.66, 45.44)},
        {"nts": "031G05"},
        {"bbox": (443_000, 5_027_000, 448_000, 5_032_000), "bbox_crs": "EPSG:2959"},
        {"bbox": (-140, 42, -53, 83)},
    ],
)
def test_area_is_that_of_the_ellipsoid(area: dict) -> None:
    """Geodesics are longer than parallels, so that edges are cut into pieces for the oracle."""
    outline = hrdem.outline(**area)
    west, south, east, north = outline.bbox
    fine = shapely.segmentize(outline.geometry, max(east - west, north - south) / 10_000)
    expected = abs(GRS80.geometry_area_perimeter(fine)[0]) / 1e6
    assert outline.area_km2 == pytest.approx(expected, rel=1e-6)


def test_a_circle_has_the_area_of_its_radius() -> None:
    outline = hrdem.outline(point=(-75.7, 45.4), radius=500)
    assert outline.area_km2 == pytest.approx(0.785_398, rel=1e-4)
    assert outline.label == "500 m around -75.7,45.4"


def test_shape_keeps_the_coordinates_that_were_given() -> None:
    corners = [(443_000.1, 5_027_000.2), (448_000.3, 5_027_000.4), (445_000.5, 5_032_000.6)]
    outline = hrdem.outline(aoi=shapely.Polygon(corners), aoi_crs=2959)
    assert outline.crs == "EPSG:2959"
    assert list(outline.shape.exterior.coords)[:3] == corners
    assert outline.__geo_interface__["type"] == "Polygon"
    x, y = np.array(corners).T
    lon, lat = pyproj.Transformer.from_crs(2959, 4617, always_xy=True).transform(x, y)
    expected = (lon.min(), lat.min(), lon.max(), lat.max())
    assert outline.bbox == pytest.approx(expected, abs=1e-6)
