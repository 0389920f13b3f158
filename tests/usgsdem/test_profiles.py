"""The 144 bytes before the heights of a profile: CDED 2.1, 7.4.3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hrdem.errors import RequestError
from hrdem.usgsdem.profiles import Profile, format_profile, parse_profile

PROFILE = Profile(1, 1201, 1201, 1, -274_500.0, 165_600.0, 0.0, -32_767.0, 5_959.0)
RECORD = (
    b"     1  1201  1201     1  -0.274500000000000D+06   0.165600000000000D+06"
    b"   0.000000000000000D+00  -0.327670000000000D+05   0.595900000000000D+04"
)


def test_a_profile_is_written_and_read_back() -> None:
    assert len(RECORD) == 144
    assert format_profile(PROFILE) == RECORD
    assert parse_profile(RECORD + b"-32767", 1201, "a.dem") == PROFILE


def test_a_profile_of_edition_1_is_read() -> None:
    reals = ("-2.745000e+05", "1.656000e+05", "", "-3.276700e+04", "5.959000e+03")
    record = RECORD[:24] + "".join(real.rjust(24) for real in reals).encode()
    assert parse_profile(record, 1201, "a.dem") == PROFILE


def test_a_range_may_be_blank() -> None:
    record = RECORD[:96] + b" " * 48
    expected = replace(PROFILE, min_height=None, max_height=None)
    assert parse_profile(record, 1201, "a.dem") == expected


@pytest.mark.parametrize("length", [0, 10, 23, 48])
def test_a_record_that_ends_before_is_refused(length: int) -> None:
    with pytest.raises(
        RequestError, match=r"^a.dem cannot be read: element \d .* of profile 1,201"
    ):
        parse_profile(RECORD[:length], 1201, "a.dem")


def test_a_size_that_does_not_fit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="wider than 6 columns"):
        format_profile(replace(PROFILE, points=1_000_000))
