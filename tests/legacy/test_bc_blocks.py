"""Blocks of BC Gridded DEM: extents, north and mask, against figures computed elsewhere."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyproj
import pytest

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.legacy.bc.blocks import BLOCK_LETTERS, Block, Projection, get_block, parse_blocks
from hrdem.request.aoi.nts import parse_sheet

UTM, ALBERS = Projection.UTM, Projection.ALBERS


def parse_block(name: str) -> Block:
    return get_block(parse_sheet(name))


@pytest.mark.parametrize(
    ("name", "projection", "south_west", "north_east", "size"),
    [
        ("104P", UTM, (442275, 6539800), (557725, 6652100), (4619, 4493)),
        ("104P", ALBERS, (769775, 1558675), (888375, 1675125), (4745, 4659)),
        ("92B", UTM, (425150, 5316050), (574850, 5428200), (5989, 4487)),
        ("92B", ALBERS, (1146250, 333500), (1299425, 451175), (6128, 4708)),
        ("114O", UTM, (555525, 6540225), (672575, 6655475), (4683, 4611)),
        ("114O", ALBERS, (199700, 1615425), (332075, 1746000), (5296, 5224)),
    ],
)
def test_extents_are_those_of_an_independent_computation(
    name: str,
    projection: Projection,
    south_west: tuple[int, int],
    north_east: tuple[int, int],
    size: tuple[int, int],
) -> None:
    grid = parse_block(name).make_grid(projection)
    assert grid.centre(0, grid.height - 1) == south_west
    assert grid.centre(grid.width - 1, 0) == north_east
    assert (grid.width, grid.height) == size


def test_the_edge_between_the_corners_counts() -> None:
    """The southern edge of 82C is lowest in its middle: by four corners it would be 5316525."""
    grid = parse_block("82C").make_grid(UTM)
    assert grid.centre(0, grid.height - 1)[1] == 5316050


@pytest.mark.parametrize("projection", Projection)
@pytest.mark.parametrize("name", ["104P", "92B", "82G", "114O", "93L"])
def test_every_edge_is_250_metres_inside_and_centres_are_at_multiples_of_25(
    name: str, projection: Projection
) -> None:
    block = parse_block(name)
    zones = {7: 26907, 8: 26908, 9: 26909, 10: 26910, 11: 26911}
    system = 3005 if projection is ALBERS else zones[block.zone]
    to_plane = pyproj.Transformer.from_crs(4269, system, always_xy=True)
    west, south, east, north = block.sheet.bounds
    step = np.linspace(0, 1, 5001)
    lon = np.concatenate([west + 2 * step, west + 2 * step, 0 * step + west, 0 * step + east])
    lat = np.concatenate([0 * step + south, 0 * step + north, south + step, south + step])
    x, y = to_plane.transform(lon, lat)
    grid = block.make_grid(projection)
    left, bottom = grid.centre(0, grid.height - 1)
    right, top = grid.centre(grid.width - 1, 0)
    assert not any(edge % 25 for edge in (left, bottom, right, top))
    for distance in (x.min() - left, y.min() - bottom, right - x.max(), top - y.max()):
        assert 249.99 < distance < 275.01


@pytest.mark.parametrize(
    ("name", "projection", "degrees"),
    [
        ("104P", UTM, 0),
        ("104P", ALBERS, 2.4281),
        ("82G", UTM, -1.5211),
        ("82G", ALBERS, -8.9029),
        ("92B", ALBERS, -2.4281),
        ("114O", UTM, -1.7234),
        ("114O", ALBERS, 10.5216),
    ],
)
def test_north_is_that_of_an_independent_computation(
    name: str, projection: Projection, degrees: float
) -> None:
    assert parse_block(name).compute_north(projection) == pytest.approx(degrees, abs=5e-5)


def test_north_is_the_convergence_of_proj() -> None:
    for name, lon, lat in (("93L", -127, 54.5), ("103F", -133, 53.5)):
        factors = pyproj.Proj(3005).get_factors(lon, lat)
        north = parse_block(name).compute_north(ALBERS)
        assert north == pytest.approx(-factors.meridian_convergence, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "pixels"), [("104P", 20_191_390), ("92B", 26_296_743), ("114O", 20_191_387)]
)
def test_the_mask_has_as_many_pixels_as_an_independent_count(name: str, pixels: int) -> None:
    block = parse_block(name)
    grid = block.make_grid(ALBERS)
    assert block.make_mask(grid).count(grid.window) == pixels


def test_a_pixel_on_the_edge_is_in_both_blocks() -> None:
    """126 W is straight in BC Albers, and its easting, 1,000,000, is one of pixel centres."""
    for name, is_west in (("93L", True), ("93K", False)):
        block = parse_block(name)
        grid = block.make_grid(ALBERS)
        column = round((1_000_000 - grid.centre(0, 0)[0]) / 25)
        inside = block.make_mask(grid).rasterize(Window(column - 1, grid.height // 2, 3, 1))
        assert inside.tolist() == [[is_west, True, not is_west]]


def test_blocks_by_zone() -> None:
    names = [f"{series}{letter}" for series, row in BLOCK_LETTERS.items() for letter in row]
    assert len(set(names)) == 112
    zones = Counter(parse_block(name).zone for name in set(names) - {"82A", "82H"})
    assert zones == {7: 2, 8: 14, 9: 33, 10: 39, 11: 22}


def test_names() -> None:
    assert [block.name for block in parse_blocks("092b, 104/P,104p")] == ["92b", "104p"]
    assert [block.name for block in parse_blocks(["114O"])] == ["114o"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("82A", "082A lies in UTM zone 12"),
        ("82H", "082H lies in UTM zone 12"),
        ("31G", "031G is outside British Columbia"),
        ("104P,82I", "082I is outside British Columbia"),
        ("104P05", "Give the block that it lies in: 104P"),
        ("31G05", "031G05 is outside British Columbia"),
        ("82A01", "082A lies in UTM zone 12"),
        ("-123.2,49.5", "'-123.2,49.5' is a point"),
        ("104", "'104' is not the name of an NTS sheet"),
    ],
)
def test_other_blocks_are_refused(text: str, found: str) -> None:
    with pytest.raises(RequestError, match=found):
        parse_blocks(text)
