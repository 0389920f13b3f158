"""Names and bounds of NTS sheets."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hrdem.errors import RequestError
from hrdem.request.aoi.nts import parse_sheet


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
