"""Numbers in the columns of a USGS DEM, compared with vectors worked by hand."""

from __future__ import annotations

import math

import pytest

from hrdem.usgsdem.fortran import (
    format_d,
    format_dms,
    format_e,
    format_f,
    format_i,
    parse_dms,
    parse_integer,
    parse_real,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-274_500, "  -0.274500000000000D+06"),
        (0.00669438002290, "   0.669438002290000D-02"),
        (58_030_000, "   0.580300000000000D+08"),
        (-126_000_000, "  -0.126000000000000D+09"),
        (1, "   0.100000000000000D+01"),
        (0, "   0.000000000000000D+00"),
        (-0.0, "   0.000000000000000D+00"),
        (0.1, "   0.100000000000000D+00"),
        (-999_999.9999999999, "  -0.100000000000000D+07"),
        (1e-99, "   0.100000000000000D-98"),
    ],
)
def test_a_real_has_15_digits_after_a_zero(value: float, text: str) -> None:
    assert format_d(value) == text
    assert len(text) == 24


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.75, "0.750000E+00"), (12, "0.120000E+02"), (25, "0.250000E+02"), (0, "0.000000E+00")],
)
def test_a_resolution_fills_its_12_columns(value: float, text: str) -> None:
    assert format_e(value) == text


@pytest.mark.parametrize(
    ("degrees", "text"),
    [
        (-76.25, " -7615 0.0000"),
        (-136.25, "-13615 0.0000"),
        (59, "  59 0 0.0000"),
        (-67, " -67 0 0.0000"),
        (45.99999999999, "  46 0 0.0000"),  # no 60 seconds
        (-0.5, "  -030 0.0000"),
        (59 + 59 / 60 + 59.9999 / 3600, "  595959.9999"),
        (60.51, "  603036.0000"),
    ],
)
def test_an_angle_is_degrees_minutes_seconds_with_one_sign(degrees: float, text: str) -> None:
    assert format_dms(degrees) == text
    assert parse_dms(text.encode()) == pytest.approx(degrees, abs=1e-4 / 3600)


def test_integers_and_fixed_numbers_are_right_justified() -> None:
    assert format_i(1201, 6) == "  1201"
    assert format_i(-32767, 6) == "-32767"
    assert format_f(0, 7, 2) == "   0.00"


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e99, 1e-101, -1e300])
def test_a_number_without_a_form_of_24_columns_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="form|digits"):
        format_d(value)


def test_a_number_wider_than_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="wider than 6 columns"):
        format_i(-123_456, 6)
    with pytest.raises(ValueError, match="wider than 12 columns"):
        format_e(-0.75)
    with pytest.raises(ValueError, match="wider than 7 columns"):
        format_f(-12345, 7, 2)
    with pytest.raises(ValueError, match="no Fortran form"):
        format_f(math.nan, 7, 2)
    with pytest.raises(ValueError, match="wider than 4 columns"):
        format_dms(-1000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"   0.000000000000000D+00", 0),
        (b"   .0000000000000000D+00", 0),
        (b"   .0000000000000000    ", 0),
        (b"   0.0                  ", 0),
        (b"                     0.0", 0),
        (b"           -4.905000e+05", -490_500),
        (b"  -4.905000000000000e+05", -490_500),
        (b"  -0.274500000000000D+06", -274_500),
        (b"-2.745000000000000d+05  ", -274_500),
        (b"7.500000E-01", 0.75),
        (b"           7", 7),
        (b"          7.", 7),
        (b"            ", None),
        (b"1e-999", 0),
    ],
)
def test_every_form_of_a_real_is_read(field: bytes, value: float | None) -> None:
    assert parse_real(field) == value


@pytest.mark.parametrize(
    "field", [b"nan", b"inf", b"1_0", b"0x10", b"1e999", b".", b"1 2", b"e5", b"\xd9\xa1", b"1\n"]
)
def test_anything_else_is_no_number(field: bytes) -> None:
    with pytest.raises(ValueError, match="number|large"):
        parse_real(field)


@pytest.mark.parametrize(
    ("field", "value"), [(b"  1201", 1201), (b"-32767", -32767), (b"  ", None)]
)
def test_an_integer_is_read(field: bytes, value: int | None) -> None:
    assert parse_integer(field) == value


@pytest.mark.parametrize("field", [b"1.0", b"1 2", b"--1", b"1_2", b"\xb2"])
def test_anything_else_is_no_integer(field: bytes) -> None:
    with pytest.raises(ValueError, match="not an integer"):
        parse_integer(field)


def test_an_angle_without_parts_is_read_and_one_of_70_minutes_is_not() -> None:
    assert parse_dms(b" " * 13) is None
    assert parse_dms(b" -76         ") == -76
    assert parse_dms(b"  -030       ") == -0.5
    with pytest.raises(ValueError, match="not an angle"):
        parse_dms(b" -7670 0.0000")
