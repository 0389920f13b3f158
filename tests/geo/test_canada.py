"""Where Canada is, in degrees and in any projection."""

from __future__ import annotations

import pytest

from hrdem.geo.canada import (
    describe_place,
    is_far_more_than_canada,
    is_in_canada,
    is_outside,
    reaches_beyond,
    sample_lonlat,
)
from hrdem.geo.grid import Bounds

OTTAWA = (-75.72, 45.40, -75.66, 45.44)


@pytest.mark.parametrize(
    "corner", [(-141.0, 60.3), (-82.68, 41.68), (-52.62, 47.52), (-69.95, 83.11)]
)
def test_the_ends_of_canada_are_in_it(corner: tuple[float, float]) -> None:
    """Beaver Creek, Middle Island, Cape Spear, Cape Columbia."""
    assert is_in_canada((*corner, *corner), "EPSG:4326")


@pytest.mark.parametrize(
    ("bounds", "crs"),
    [
        ((1_509_508, -172_668, 1_509_990, -172_226), "EPSG:3979"),
        ((449_978, 5_029_300, 450_978, 5_030_300), "EPSG:2959"),
        ((-8_427_000, 5_680_000, -8_426_000, 5_681_000), "EPSG:3857"),
        (OTTAWA, "EPSG:4267"),
    ],
)
def test_ottawa_is_in_canada_in_any_crs(bounds: Bounds, crs: str) -> None:
    assert is_in_canada(bounds, crs)
    lonlat = sample_lonlat(bounds, crs)
    assert lonlat is not None
    assert not is_outside(lonlat)
    assert describe_place(lonlat).startswith("45.")
    assert describe_place(lonlat).endswith(" W")


@pytest.mark.parametrize(
    ("bounds", "crs"),
    [
        ((2, 48, 2.1, 48.1), "EPSG:4326"),
        ((75.6, 45.4, 75.7, 45.5), "EPSG:4326"),
        ((84, 50, 86, 51), "EPSG:4326"),  # across the seam of EPSG:3979
        ((151.1, -33.9, 151.2, -33.8), "EPSG:4326"),
        ((449_978, 5_029_300, 450_978, 5_030_300), "EPSG:3979"),  # of UTM
    ],
)
def test_other_places_are_outside(bounds: Bounds, crs: str) -> None:
    lonlat = sample_lonlat(bounds, crs)
    assert lonlat is not None
    assert is_outside(lonlat)
    assert not is_in_canada(bounds, crs)


def test_a_tile_beyond_the_border_is_not_outside() -> None:
    """Vermont is in a tile; only the catalogue can say that it has no data there."""
    lonlat = sample_lonlat((-73, 43.5, -72.9, 43.6), "EPSG:4326")
    assert lonlat is not None
    assert not is_outside(lonlat)


@pytest.mark.parametrize(
    ("bounds", "crs", "expected"),
    [
        ((-180, -90, 180, 90), "EPSG:4326", True),
        ((-180, 40, 180, 85), "EPSG:4326", True),
        ((-20_037_508, -20_037_508, 20_037_508, 20_037_508), "EPSG:3857", True),
        ((-141, 41, -52, 84), "EPSG:4326", False),
        ((-2_500_000, -1_000_000, 3_050_000, 4_000_000), "EPSG:3979", False),
        ((-100_000, -100_000, 100_000, 100_000), "EPSG:3995", False),  # around the pole
    ],
)
def test_the_planet_is_far_more_than_canada(bounds: Bounds, crs: str, expected: bool) -> None:
    lonlat = sample_lonlat(bounds, crs)
    assert lonlat is not None
    assert is_far_more_than_canada(lonlat, crs) is expected


def test_coordinates_without_a_place_are_none() -> None:
    """A projection has finite longitudes for them, which lead elsewhere on the way back."""
    assert sample_lonlat((449_978, 5_029_300, 450_978, 5_030_300), "EPSG:3005") is None


def test_distance_from_canada_is_in_degrees() -> None:
    lonlat = sample_lonlat((-145, 60, -140, 61), "EPSG:4326")
    assert lonlat is not None
    assert reaches_beyond(lonlat, 3.8)
    assert not reaches_beyond(lonlat, 4.0)
