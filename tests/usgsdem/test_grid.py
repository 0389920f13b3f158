"""The CRS of a USGS DEM by the codes of its header, and the place of its nodes."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.usgsdem.grid import find_crs, place_profiles
from hrdem.usgsdem.header import Header, parse_header
from hrdem.usgsdem.profiles import Profile
from tests.usgs_dems import (
    ALBERS,
    BC_ALBERS,
    BC_ALBERS_DEGREES,
    GEOGRAPHIC,
    UTM,
    TextDem,
)


def parse(header: dict, projection=()) -> Header:
    return parse_header(TextDem(header, [(0, 0, [1])], projection).make_header().encode())


def make_profile(x: float, y: float, points: int) -> Profile:
    return Profile(1, 1, points, 1, x, y, 0.0, None, None)


@pytest.mark.parametrize(
    ("header", "projection", "crs"),
    [
        (GEOGRAPHIC | {"datum": 1}, (), "EPSG:4267"),
        (GEOGRAPHIC | {"datum": 2}, (), "EPSG:4322"),
        (GEOGRAPHIC | {"datum": 3}, (), "EPSG:4326"),
        (UTM, (), "EPSG:26909"),
        (UTM | {"datum": 1, "zone": 10}, (), "EPSG:26710"),
        (UTM | {"datum": 2, "zone": 60}, (), "EPSG:32260"),
        (UTM | {"datum": 3}, (), "EPSG:32609"),
        (ALBERS, BC_ALBERS, "EPSG:3005"),
        (ALBERS, BC_ALBERS_DEGREES, "EPSG:3005"),
    ],
)
def test_the_crs_is_that_of_system_zone_and_datum(header: dict, projection, crs: str) -> None:
    assert find_crs(parse(header, projection), "a.dem") == crs
    assert find_crs(parse(header, projection), "a.dem", "EPSG:2955") == crs


@pytest.mark.parametrize(
    ("header", "projection", "found"),
    [
        (UTM | {"datum": ""}, (), r"element 27 \(horizontal datum\) is blank"),
        (UTM | {"datum": 0}, (), r"element 27 \(horizontal datum\) is 0"),
        (UTM | {"zone": 24}, (), r"element 6 \(UTM zone\) is 24"),
        (UTM | {"zone": ""}, (), r"element 6 \(UTM zone\) is blank"),
        (UTM | {"system": 2}, (), r"element 5 \(reference system\) is 2"),
        (ALBERS, (0,) * 15, r"elements 7 and 27 \(Albers projection\) are not those of BC"),
        (ALBERS | {"datum": 1}, BC_ALBERS, r"elements 7 and 27"),
        (ALBERS, (*BC_ALBERS[:6], 0, 0), r"elements 7 and 27"),
    ],
)
def test_without_a_known_crs_it_has_to_be_given(header: dict, projection, found: str) -> None:
    parsed = parse(header, projection)
    with pytest.raises(RequestError, match=f"^a.dem does not say its CRS: in its header, {found}"):
        find_crs(parsed, "a.dem")
    assert find_crs(parsed, "a.dem", "EPSG:26710") == "EPSG:26710"


def test_the_nodes_are_the_centres_of_pixels() -> None:
    """Area C at 1:50 000: 3 x 0.75 arc seconds."""
    header = parse(GEOGRAPHIC | {"dx": 3, "dy": 0.75})
    profiles = [make_profile(-230_400 + 3 * number, 295_200, 1201) for number in range(3)]
    placement = place_profiles(header, profiles, "a.dem")
    assert placement.bottoms == (0, 0, 0)
    assert placement.grid.crs == "EPSG:4269"
    assert (placement.grid.width, placement.grid.height) == (3, 1201)
    assert placement.grid.resolution == pytest.approx((3 / 3600, 0.75 / 3600), abs=1e-15)
    assert placement.grid.centre(0, 1200) == pytest.approx((-64, 82), abs=1e-12)
    assert placement.grid.centre(2, 0) == pytest.approx((-64 + 6 / 3600, 82.25), abs=1e-12)


def test_the_edges_of_a_bc_block_are_half_a_pixel_outside() -> None:
    """104P in BC Albers, whose lower left corner in the ASCII grid is 769762.5, 1558662.5."""
    profiles = [make_profile(769_775 + 25 * number, 1_558_675, 4659) for number in range(4745)]
    grid = place_profiles(parse(ALBERS, BC_ALBERS), profiles, "a.dem").grid
    assert grid.crs == "EPSG:3005"
    assert grid.bounds == (769_762.5, 1_558_662.5, 888_387.5, 1_675_137.5)


def test_rows_are_counted_from_the_southernmost_node() -> None:
    header = parse(UTM | {"dx": 30, "dy": 30})
    profiles = [make_profile(0, 100, 2), make_profile(30, 40, 5), make_profile(60, 70, 1)]
    placement = place_profiles(header, profiles, "a.dem")
    assert placement.bottoms == (2, 0, 1)
    assert placement.grid.bounds == (-15, 25, 75, 175)
