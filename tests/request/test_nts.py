"""Names and bounds of NTS sheets."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hrdem.errors import RequestError
from hrdem.request.aoi.nts import find_sheet, parse_sheet, parse_sheets


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("031K01", (-76.5, 46, -76, 46.25)),
        ("022G", (-68, 49, -66, 50)),
        ("114P01", (-136.5, 59, -136, 59.25)),
        ("104P", (-130, 59, -128, 60)),
        ("092B", (-124, 48, -122, 49)),
        ("001K13", (-54, 46.75, -53.5, 47)),
        # from 68 degrees: half as many letters, twice as wide
        ("087G01", (-117, 71, -116, 71.25)),
        ("058F01", (-93, 74, -92, 74.25)),
        ("037B", (-80, 68, -76, 69)),
        # from 80 degrees: series of 16 degrees
        ("120E04", (-64, 82, -62, 82.25)),
        ("340D", (-80, 81, -72, 82)),
        ("121A01", (-58, 84, -56, 84.25)),
        ("910H16", (-122, 83.75, -120, 84)),
    ],
)
def test_bounds_of_sheets(name: str, bounds) -> None:
    assert parse_sheet(name).bounds == bounds
    assert parse_sheet(name).name == name


@pytest.mark.parametrize(
    "text",
    [
        *("031G05", "31G5", "31G/5", "31g/05", " 031g-05 ", "31 G 5"),
        *("031G/05", "31-G-5", "31 G/05", "NTS 31G5", "31g.05", "031 G 05"),
    ],
)
def test_spellings_of_a_name(text: str) -> None:
    assert parse_sheet(text).name == "031G05"


@pytest.mark.parametrize(
    "text", ["", "31", "G05", "31G/5/2", "31GG", "0031G", "31G/", "Ottawa", "31G٥"]
)
def test_invalid_name_shows_examples(text: str) -> None:
    with pytest.raises(RequestError, match=r"Give one like 031G05 or 31G/5"):
        parse_sheet(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("31Q", "sheets of series 31 have the letters A to P"),
        ("87J", "sheets of series 87 have the letters A to H"),
        ("340I", "sheets of series 340 have the letters A to H"),
        ("31G00", "numbers 1 to 16"),
        ("31G17", "numbers 1 to 16"),
        ("122A", "no series 122.*120 and 121"),
        ("500A", "no series 500"),
        ("342B", "no series 342"),
    ],
)
def test_sheet_outside_the_numbering_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_sheet(text)


@given(
    st.sampled_from([*range(120), 120, 121, 340, 341, 560, 561, 780, 781, 910, 911]),
    st.sampled_from("ABCDEFGH"),
)
def test_small_sheets_tile_the_large_one(number: int, letter: str) -> None:
    large = parse_sheet(f"{number}{letter}")
    small = [shapely.box(*parse_sheet(f"{large.name}{n:02}").bounds) for n in range(1, 17)]
    assert shapely.union_all(small).equals(shapely.box(*large.bounds))
    assert sum(sheet.area for sheet in small) == shapely.box(*large.bounds).area


@pytest.mark.parametrize(
    ("name", "scale"), [("031G", 250_000), ("031G05", 50_000), ("340D", 250_000), ("1K13", 50_000)]
)
def test_a_second_number_makes_the_scale(name: str, scale: int) -> None:
    assert parse_sheet(name).scale == scale


@pytest.mark.parametrize(
    "names", ["31K1,031K, 31k/02", "31K1;031K;31k/02", ["31K1", "031K", "31k/02"]]
)
def test_several_sheets_in_the_order_of_their_names(names) -> None:
    assert [sheet.name for sheet in parse_sheets(names)] == ["031K01", "031K", "031K02"]


def test_a_sheet_named_twice_counts_once() -> None:
    assert [sheet.name for sheet in parse_sheets("31K1,031K01")] == ["031K01"]


@pytest.mark.parametrize("names", ["", "31K1,", ["31K1", ""]])
def test_a_name_that_is_missing_among_several_is_refused(names) -> None:
    with pytest.raises(RequestError, match="is not the name of an NTS sheet"):
        parse_sheets(names)


def test_no_name_at_all_is_refused() -> None:
    with pytest.raises(RequestError, match="Name one or several, as 031G05,031G06"):
        parse_sheets([])


@pytest.mark.parametrize("point", ["-75.7,45.4", "45.4, -75.7", " -75.7 45.4 "])
def test_a_point_in_place_of_a_name_tells_the_sheets_there(point: str) -> None:
    with pytest.raises(RequestError, match=r"is on 031G05 \(1:50,000\), a part of 031G \("):
        parse_sheets(point)


def test_a_point_where_no_sheet_is_shows_a_name() -> None:
    with pytest.raises(RequestError, match="is a point.* such as 031G05 or 031G"):
        parse_sheets("2.35,48.86")


@pytest.mark.parametrize(
    ("point", "small", "large"),
    [
        ((-75.7, 45.4), "031G05", "031G"),  # Ottawa
        ((-123.37, 48.43), "092B06", "092B"),  # Victoria
        ((-62.34, 82.51), "120E12", "120E"),  # Alert
        ((-76.5, 46.0), "031K01", "031K"),  # a corner belongs to the sheet to the north and east
        ((-80.0, 80.0), "340A04", "340A"),
    ],
)
def test_the_sheet_of_a_point(point, small: str, large: str) -> None:
    found = find_sheet(*point), find_sheet(*point, scale=250_000)
    assert [sheet.name for sheet in found if sheet] == [small, large]


@pytest.mark.parametrize(
    "point", [(-75, 39.9), (-47.9, 60), (-144.1, 60), (-75, 88), (-56, 80), (-136.1, 80), (2, 48)]
)
def test_no_sheet_holds_a_point_outside_the_numbering(point) -> None:
    assert find_sheet(*point) is None


def test_every_sheet_holds_its_own_centre_and_corner() -> None:
    """All 1,712 sheets at 1:250,000, and those at 1:50,000 of every seventh."""
    high_arctic = [first + step for first in (120, 340, 560, 780, 910) for step in (0, 1)]
    names = [
        f"{number:03}{letter}"
        for number in [*range(120), *high_arctic]
        for letter in ("ABCDEFGHIJKLMNOP" if number < 120 and number % 10 < 7 else "ABCDEFGH")
    ]
    assert len(names) == 1_712
    for name in [*names, *(f"{name}{n:02}" for name in names[::7] for n in range(1, 17))]:
        sheet = parse_sheet(name)
        west, south, east, north = sheet.bounds
        for point in ((west, south), ((west + east) / 2, (south + north) / 2)):
            assert find_sheet(*point, scale=sheet.scale) == sheet


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        # of the index of sheets that British Columbia publishes: each series and row of letters
        ("082A", (-114, 48, -112, 49)),
        ("083L", (-120, 54, -118, 55)),
        ("085D", (-120, 60, -118, 61)),
        ("092L", (-128, 50, -126, 51)),
        ("093P", (-122, 55, -120, 56)),
        ("094I", (-122, 58, -120, 59)),
        ("102P", (-130, 51, -128, 52)),
        ("103A", (-130, 52, -128, 53)),
        ("104M", (-136, 59, -134, 60)),
        ("114O", (-140, 59, -138, 60)),
        ("082F14", (-117.5, 49.75, -117, 50)),
        ("082N02", (-117, 51, -116.5, 51.25)),
        ("083M06", (-119.5, 55.25, -119, 55.5)),
        ("092B13", (-124, 48.75, -123.5, 49)),
        ("092J06", (-123.5, 50.25, -123, 50.5)),
        ("092P10", (-121, 51.5, -120.5, 51.75)),
        ("093F14", (-125.5, 53.75, -125, 54)),
        ("094O14", (-123.5, 59.75, -123, 60)),
        ("102O02", (-131, 51, -130.5, 51.25)),
        ("103G06", (-131.5, 53.25, -131, 53.5)),
        ("104A13", (-130, 56.75, -129.5, 57)),
        ("104K12", (-134, 58.5, -133.5, 58.75)),
        ("105C02", (-133, 60, -132.5, 60.25)),
        # of NRCan's open files on the far north
        ("087H", (-116, 71, -112, 72)),
        ("088A", (-116, 72, -112, 73)),
        ("120F", (-72, 82, -64, 83)),
        ("120G", (-72, 83, -64, 84)),
    ],
)
def test_bounds_of_published_outlines(name: str, bounds) -> None:
    assert parse_sheet(name).bounds == bounds
