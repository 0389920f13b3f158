"""Cells of CDED: nodes of both scales in the three areas, and the box of all sheets."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hrdem.errors import RequestError
from hrdem.legacy.cded.cells import get_cells, make_sheet_grid, parse_cded_sheets
from hrdem.request.aoi.nts import parse_sheet


@pytest.mark.parametrize(
    ("name", "spacing"),
    [
        # CDED 2.1, 7.4.2 element 15; the last sheet of an area, and the first of the next
        ("031K01", (0.75, 0.75)),
        ("116P13", (0.75, 0.75)),
        ("117A04", (1.5, 0.75)),
        ("059H13", (1.5, 0.75)),
        ("340A04", (3, 0.75)),
        ("022G", (3, 3)),
        ("117A", (6, 3)),
        ("340D", (12, 3)),
    ],
)
def test_nodes_are_spaced_by_scale_and_latitude(name: str, spacing: tuple[float, float]) -> None:
    sheet = parse_sheet(name)
    grid = make_sheet_grid(sheet)
    assert get_cells(sheet)[0].spacing == spacing
    assert (grid.width, grid.height) == (2401, 1201)
    assert [3600 * each for each in grid.resolution] == pytest.approx(spacing, rel=1e-15)


@pytest.mark.parametrize("name", ["031K01", "117A04", "340A04", "022G", "340D"])
def test_outermost_nodes_are_on_the_edges_of_the_sheet(name: str) -> None:
    sheet = parse_sheet(name)
    grid = make_sheet_grid(sheet)
    west, south, east, north = sheet.bounds
    assert grid.centre(0, 1200) == pytest.approx((west, south), abs=1e-12)
    assert grid.centre(2400, 0) == pytest.approx((east, north), abs=1e-12)


def test_neighbouring_sheets_share_nodes() -> None:
    west, east = (make_sheet_grid(parse_sheet(name)) for name in ("031K02", "031K01"))
    south = make_sheet_grid(parse_sheet("031F16"))
    assert west.centre(2400, 600) == pytest.approx(east.centre(0, 600), abs=1e-12)
    assert south.centre(7, 0) == pytest.approx(east.centre(7, 1200), abs=1e-12)


def test_cells_share_the_profile_between_them() -> None:
    west, east = get_cells(parse_sheet("031K01"))
    assert west.window.right - 1 == east.window.column == 1200
    assert (west.window.width, east.window.right) == (1201, 2401)


def test_corners_are_those_of_the_half_sheet_clockwise_from_the_south_west() -> None:
    """As in a published cell, 114P01 east."""
    assert get_cells(parse_sheet("114P01"))[1].corners == (
        (-490_500, 212_400),
        (-490_500, 213_300),
        (-489_600, 213_300),
        (-489_600, 212_400),
    )


@pytest.mark.parametrize("name", ["031K01", "059H13", "340A04", "022G", "117A", "340D"])
def test_a_cell_spans_1200_spacings(name: str) -> None:
    for cell in get_cells(parse_sheet(name)):
        west, south, east, north = map(Fraction, cell.bounds)
        dx, dy = map(Fraction, cell.spacing)
        assert (east - west) * 3600 == 1200 * dx
        assert (north - south) * 3600 == 1200 * dy


@pytest.mark.parametrize("name", ["115N", "114P01", "001N10", "120F16", "040G13"])
def test_sheets_in_the_national_box(name: str) -> None:
    """115N reaches across the boundary with Alaska: its western cell is outside."""
    assert [sheet.name for sheet in parse_cded_sheets(name)] == [name]


@pytest.mark.parametrize("name", ["121A01", "115N05", "001O01", "030A01"])
def test_sheets_outside_the_national_box_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match=rf"{name} covers .*CDED covers 141-52 W, 41-84 N"):
        parse_cded_sheets(f"031K01,{name}")


def test_a_point_is_refused_with_the_sheet_that_holds_it() -> None:
    with pytest.raises(RequestError, match="031G05"):
        parse_cded_sheets("-75.7,45.4")
