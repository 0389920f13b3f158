"""Tiles by hand: squares of kilometres, and sheets by their bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Window
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.request import Request
from hrdem.tiling.features import Feature
from hrdem.tiling.schemes import Scheme, TileArea, parse_scheme

OUTLINE = "POLYGON ((-40000 20000, 30000 20000, 30000 -20000, -40000 20000))"
BOX = (1_500_000, -170_000, 1_501_000, -169_000)


def make_request(**params: Any) -> Request:
    area = {} if {"aoi", "nts"} & params.keys() else {"bbox": BOX, "bbox_crs": NATIVE_CRS}
    return Request.of(**{"product": "dtm", **area, **params})


def cut(scheme: str | Scheme, request: Request, grid: Grid) -> dict[str, TileArea]:
    scheme = parse_scheme(scheme) if isinstance(scheme, str) else scheme
    return {area.name: area for area in scheme.cut(request, grid)}


def make_grid(left: float, top: float, pixel: float, width: int, height: int) -> Grid:
    return Grid(NATIVE_CRS, Affine(pixel, 0, left, 0, -pixel, top), width, height)


def test_squares_start_at_multiples_of_their_edge() -> None:
    """By hand: 5 km on each side of the origin, pixels of 1 m, squares of 4 km."""
    tiles = cut("4km", make_request(), make_grid(-5000, 5000, 1, 10_000, 10_000))
    assert tiles["E0000N0000"].window == Window(5000, 1000, 4000, 4000)
    assert tiles["W0004S0004"].window == Window(1000, 5000, 4000, 4000)
    assert tiles["W0008N0004"].window == Window(0, 0, 1000, 1000)
    assert tiles["E0004S0008"].window == Window(9000, 9000, 1000, 1000)
    assert len(tiles) == 16


def test_a_centre_on_an_edge_belongs_to_the_square_on_the_east_and_the_north() -> None:
    """Pixels of 2 m from odd corners have their centres on even metres."""
    tiles = cut("1km", make_request(), make_grid(-3, 3, 2, 3, 3))
    # centres at -2, 0 and 2
    assert tiles["E0000N0000"].window == Window(1, 0, 2, 2)
    assert tiles["W0001N0000"].window == Window(0, 0, 1, 2)
    assert tiles["E0000S0001"].window == Window(1, 2, 2, 1)
    assert tiles["W0001S0001"].window == Window(0, 2, 1, 1)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    left=st.floats(-3e4, 3e4), top=st.floats(-3e4, 3e4),
    pixel=st.sampled_from([0.7, 1, 2.3, 30, 63.996, 999.9, 3000]),
    width=st.integers(1, 40), height=st.integers(1, 40),
    edge=st.sampled_from([1, 2, 5, 20]),
)  # fmt: skip
def test_squares_partition_the_grid(
    left: float, top: float, pixel: float, width: int, height: int, edge: int
) -> None:
    grid = make_grid(left, top, pixel, width, height)
    count = np.zeros((height, width), np.int64)
    for name, area in cut(f"{edge}km", make_request(), grid).items():
        count[area.window.slices] += 1
        x, y = grid.centre(area.window.column, area.window.row)
        signs = {"E": 1, "W": -1, "N": 1, "S": -1}
        west, south = signs[name[0]] * int(name[1:5]), signs[name[5]] * int(name[6:])
        assert west * 1000 - 1e-4 <= x <= (west + edge) * 1000 + 1e-4
        assert south * 1000 - 1e-4 <= y <= (south + edge) * 1000 + 1e-4
    assert (count == 1).all()


def test_squares_without_a_part_of_the_shape_are_left_out() -> None:
    """By hand: a triangle in seven columns and four rows of squares of 10 km."""
    request = make_request(aoi=OUTLINE, aoi_crs=NATIVE_CRS)
    grid = make_grid(-40_000, 20_000, 1000, 70, 40)
    tiles = cut("10km", request, grid)
    assert {"W0040N0010", "E0020N0010", "E0020S0020", "W0010S0010"} <= tiles.keys()
    assert not {"W0040S0020", "W0040N0000", "W0030S0010", "E0000S0020"} & tiles.keys()
    assert len(cut("10km", make_request(aoi=OUTLINE, aoi_crs=NATIVE_CRS, crop=False), grid)) == 28


def test_squares_need_metres() -> None:
    request = make_request(crs="EPSG:4617", resolution=0.001)
    grid = Grid("EPSG:4617", Affine(0.001, 0, -75, 0, -0.001, 45), 10, 10)
    with pytest.raises(RequestError, match="squares of metres, and the unit of EPSG:4617"):
        cut("50km", request, grid)


@pytest.mark.parametrize("text", ["", "50", "km", "50 m", "nts", "0km", "-5km", "nts25k"])
def test_an_unknown_scheme_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="`scheme` cannot be"):
        parse_scheme(text)


def test_an_edge_that_does_not_divide_a_source_file_is_refused() -> None:
    with pytest.raises(RequestError, match=r"does not divide the 500 km.* Give 25km, or"):
        parse_scheme("30km")


def test_sheets_of_a_series_are_its_own() -> None:
    """031G has 16 sheets at 1:50,000, and no neighbour counts that shares only an edge."""
    request = make_request(nts="031G")
    grid = Grid(NATIVE_CRS, Affine(1, 0, 0, 0, -1, 0), 1, 1)
    left, bottom, right, top = request.aoi.bounds
    grid = make_grid(np.floor(left), np.ceil(top), 1, int(right - left) + 2, int(top - bottom) + 2)
    tiles = cut("nts50k", request, grid)
    assert sorted(tiles) == [f"031G{number:02}" for number in range(1, 17)]
    assert list(cut("nts250k", request, grid)) == ["031G"]
    assert all(area.aoi is None for area in tiles.values())
    alone = Request.of(product="dtm", nts="031G05")
    sheet = parse_sheet("031G05")
    assert sheet.bounds == (-76, 45.25, -75.5, 45.5)
    left, bottom, right, top = grid.crop(tiles["031G05"].window).bounds
    expected = alone.aoi.bounds
    assert np.abs(np.subtract((left, bottom, right, top), expected)).max() < 1


@pytest.mark.parametrize(("latitude", "width"), [(45.1, 0.5), (70.1, 1), (81.1, 2)])
def test_sheets_widen_to_the_north(latitude: float, width: float) -> None:
    """From 68 degrees they are twice as wide, from 80 four times; a box is in two of them."""
    box = (-80 - width / 2, latitude - 0.05, -80 + width / 2, latitude + 0.05)
    request = Request.of(product="dtm", bbox=box, collection="30m")
    left, bottom, right, top = request.aoi.bounds
    grid = make_grid(left, top, 30, int((right - left) / 30) + 1, int((top - bottom) / 30) + 1)
    found = [parse_sheet(name).bounds for name in cut("nts50k", request, grid)]
    south = latitude - 0.1
    assert found == [
        (-80 - width, south, -80, pytest.approx(south + 0.25)),
        (-80, south, -80 + width, pytest.approx(south + 0.25)),
    ]


def test_a_sheet_is_cropped_to_what_the_area_has_of_it() -> None:
    request = Request.of(product="dtm", nts="031G05", crop=True)
    left, bottom, right, top = request.aoi.bounds
    grid = make_grid(left, top, 10, int((right - left) / 10) + 1, int((top - bottom) / 10) + 1)
    (tile,) = cut("nts50k", request, grid).values()
    assert tile.aoi is not None
    assert tile.aoi.crs == "EPSG:4617"
    middle = shapely.box(*shapely.buffer(request.aoi.geometry.centroid, 3000).bounds)
    request = make_request(aoi=middle.wkt, aoi_crs=NATIVE_CRS)
    (tile,) = cut("nts50k", request, grid).values()
    assert tile.aoi is not None
    assert tile.aoi.geometry.equals(middle)


def test_features_have_their_own_windows_and_shapes() -> None:
    lake = Aoi.from_shape(shapely.Point(500.5, 500.5).buffer(100), NATIVE_CRS, "lake")
    scheme = parse_scheme("features", [Feature("lake", lake)])
    grid = make_grid(0, 1000, 1, 1000, 1000)
    request = make_request(aoi=OUTLINE, aoi_crs=NATIVE_CRS)
    assert cut(scheme, request, grid)["lake"] == TileArea("lake", Window(400, 399, 201, 201), lake)
    request = make_request(aoi=OUTLINE, aoi_crs=NATIVE_CRS, crop=False)
    assert cut(scheme, request, grid)["lake"].aoi is None
