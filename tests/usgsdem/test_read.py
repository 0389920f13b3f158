"""USGS DEMs of all kinds are read: systems, units, records, exponents, ragged profiles."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrdem.errors import RequestError
from hrdem.usgsdem.read import Dem, read_dem, read_dem_header
from tests.usgs_dems import (
    GEOGRAPHIC,
    UTM,
    TextDem,
    print_d,
)

# Three profiles of 148 heights: two records each.
X, Y = -241_200, 176_400
HEIGHTS = np.arange(3 * 148, dtype=np.int16).reshape(3, 148) - 20  # from the south
GEOGRAPHIC_DEM = TextDem(
    GEOGRAPHIC, [(X + 3 * number, Y, profile) for number, profile in enumerate(HEIGHTS.tolist())]
)


def parse(dem: TextDem | bytes, **params) -> Dem:
    return read_dem(io.BytesIO(bytes(dem)), "a.dem", **params)


@pytest.mark.parametrize("real", [GEOGRAPHIC_DEM.real, print_d, lambda value: f"{value:.9g}"])
@pytest.mark.parametrize("is_trimmed", [False, True], ids=["whole", "trimmed"])
@pytest.mark.parametrize("delimiter", [b"", b"\n", b"\r\n"], ids=["blocks", "LF", "CRLF"])
def test_records_and_exponents_of_all_kinds_have_the_same_heights(
    delimiter: bytes, is_trimmed: bool, real
) -> None:
    trimmed = is_trimmed and bool(delimiter)
    text = replace(GEOGRAPHIC_DEM, delimiter=delimiter, is_trimmed=trimmed, real=real)
    dem = parse(text)
    assert np.array_equal(dem.heights, HEIGHTS.T[::-1])
    assert dem.heights.dtype == np.int16
    assert dem.grid.crs == "EPSG:4269"
    assert dem.grid.bounds == pytest.approx(
        (-67 - 1 / 2400, 49 - 1 / 2400, -67 + 5 / 2400, 49 + 295 / 2400), abs=1e-12
    )
    assert read_dem_header(io.BytesIO(bytes(text)), "a.dem") == (dem.header, dem.grid)


def test_a_file_is_read_by_its_path_and_out_of_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.dem"
    path.write_bytes(bytes(GEOGRAPHIC_DEM))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "a.dem")
    with zipfile.ZipFile(packed) as archive, archive.open("a.dem") as member:
        assert np.array_equal(read_dem(member).heights, read_dem(path).heights)
    with pytest.raises(RequestError, match=r"nowhere\.dem cannot be opened: No such file"):
        read_dem(tmp_path / "nowhere.dem")


def test_profiles_that_begin_in_different_rows_are_placed_and_the_rest_is_void() -> None:
    profiles = [(0, 100, [1, 2]), (30, 40, [3, 4, 5, 6, 7]), (60, 70, [8])]
    dem = parse(TextDem(UTM | {"dx": 30, "dy": 30}, profiles))
    void = -32767
    assert dem.heights.tolist() == [
        [void, 7, void],
        [2, 6, void],
        [1, 5, void],
        [void, 4, 8],
        [void, 3, void],
    ]
    assert dem.grid.bounds == (-15, 25, 75, 175)


def test_profiles_off_the_others_rows_are_no_grid() -> None:
    profiles = [(0, 100, [1, 2]), (30, 55, [3, 4])]
    with pytest.raises(
        RequestError, match=r"Profile 1 of a.dem begins at y = 100.*not on the rows"
    ):
        parse(TextDem(UTM | {"dx": 30, "dy": 30}, profiles))


def test_coordinates_of_seven_digits_are_precise_enough() -> None:
    """At 0.75 arc seconds, ``-4.904992e+05`` is 0.05 away from where the profile lies."""
    profiles = [(-490_500 + 0.75 * number, 212_400, [number] * 2) for number in range(4)]
    dem = parse(TextDem(GEOGRAPHIC | {"dx": 0.75, "dy": 0.75}, profiles))
    assert dem.heights.tolist() == [[0, 1, 2, 3]] * 2
    assert dem.grid.transform.c == pytest.approx(-136.25 - 0.375 / 3600, abs=1e-12)


@pytest.mark.parametrize("announced", [1, 1201])
def test_a_single_profile_is_read_whatever_its_header_announces(announced: int, caplog) -> None:
    text = TextDem(GEOGRAPHIC | {"profiles": announced}, [(X, Y, [-32767] * 1201)], real=print_d)
    dem = parse(text)
    assert dem.heights.shape == (1201, 1)
    assert (dem.heights == -32767).all()
    assert dem.header.profiles == announced
    said = ["a.dem is an excerpt or cut off: it has 1 of its 1201 profiles. Only that one is read."]
    said *= announced > 1
    assert caplog.messages == said


def test_feet_tenths_and_local_datums_become_metres() -> None:
    profiles = [(0, 0, [10, -32767]), (25, 0, [-10, 20])]
    feet = parse(TextDem(UTM | {"height_unit": 1}, profiles))
    assert feet.heights.dtype == np.float32
    assert np.allclose(feet.heights, [[-32767, 6.096], [3.048, -3.048]])
    tenths = parse(TextDem(UTM | {"dz": 0.1}, profiles, datums=(100, -0.5)))
    assert np.allclose(tenths.heights, [[-32767, 1.5], [101, -1.5]])
    whole = parse(TextDem(UTM, profiles, datums=(100, 0)))
    assert whole.heights.dtype == np.int16
    assert whole.heights.tolist() == [[-32767, 20], [110, -10]]


def test_what_follows_the_profiles_is_left_alone() -> None:
    """A type C record, blanks or an end-of-file mark."""
    accuracy = f"{1:6d}{3:6d}{4:6d}{5:6d}{30:6d}".ljust(1024).encode()
    for rest in (accuracy, b"\x1a", b" " * 1024, b"\0" * 9):
        dem = parse(bytes(GEOGRAPHIC_DEM) + rest)
        assert np.array_equal(dem.heights, HEIGHTS.T[::-1])


def test_a_file_of_more_profiles_than_announced_is_refused() -> None:
    text = replace(GEOGRAPHIC_DEM, header=GEOGRAPHIC | {"profiles": 2})
    with pytest.raises(RequestError, match="more profiles than the 2 that its header announces"):
        parse(text)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"pattern": 2}, r"element 4 \(pattern\) is 2, not 1"),
        ({"height_unit": 3}, r"element 9 \(height unit\) is 3"),
        ({"rotation": 0.5}, r"element 13 \(rotation\) is 0.5, not 0"),
        ({"dz": 0}, "height steps of 0"),
        ({"dz": "1e30"}, r"height steps of 1e\+30"),
        ({"dz": "-1"}, "height steps of -1"),
        ({"rows": 2}, "element 16 has 2 rows of profiles"),
        ({"profiles": 0}, "element 16 has 0 profiles, not 1 to 32,768"),
        ({"profiles": 999_999}, "element 16 has 999,999 profiles"),
        ({"profiles": -1}, "element 16 has -1 profiles"),
        ({"dx": 0}, "its nodes are 0 x 3 apart"),
        ({"dy": "1e-300"}, "its nodes are 3 x 1e-300 apart"),
        ({"dx": "-3"}, "its nodes are -3 x 3 apart"),
        (
            {"ground_unit": 0},
            r"element 8 \(ground unit\) of its header is 0, which is none of EPSG",
        ),
        ({"ground_unit": 2}, r"element 8 \(ground unit\) of its header is 2"),
    ],
)
def test_a_header_of_no_regular_grid_is_refused(header: dict, found: str) -> None:
    with pytest.raises(RequestError, match=found) as told:
        parse(replace(GEOGRAPHIC_DEM, header=GEOGRAPHIC | header))
    assert str(told.value).startswith("a.dem cannot be read: ")


def test_arc_seconds_are_no_unit_of_a_map() -> None:
    with pytest.raises(RequestError, match=r"is 3, which is none of EPSG:26909"):
        parse(TextDem(UTM | {"ground_unit": 3}, [(0, 0, [1])]))


@pytest.mark.parametrize(
    ("profiles", "found"),
    [
        ([(X, Y, [1]), (X + 6, Y, [1])], r"Profile 2 of a.dem begins at x = -241194, and by"),
        ([(X, Y, [1]), (X, Y, [1])], "Profile 2 of a.dem begins at x = -241200, and by"),
        (
            [(1e300, Y, [1])],
            r"Profile 1 of a.dem begins at 1e\+300, 176400 and has 1 nodes, which is nowhere",
        ),
        ([(X, -1e9, [1])], "nowhere on Earth"),
        ([(X, 1e6, [1])], "nowhere on Earth"),
        ([(X, 323_990, [1] * 6)], "nowhere on Earth"),
        ([(-2e6, 0, [1])], "nowhere on Earth"),
        ([(X, Y, [])], r"profile 1 has 0 x 1 heights \(element 2\)"),
        ([(X, Y, [99_999])], "it has a height of 99999 m, which is none on Earth"),
        ([(X, Y, [-32_768])], "it has a height of -32768 m, which is none on Earth"),
    ],
)
def test_profiles_that_cannot_be_are_refused(profiles, found: str) -> None:
    with pytest.raises(RequestError, match=found):
        parse(TextDem(GEOGRAPHIC, profiles))


def test_a_local_datum_far_from_earth_is_told_in_short() -> None:
    with pytest.raises(RequestError, match=r"has a height of -1e\+300 m, which is none on"):
        parse(TextDem(UTM, [(0, 0, [1])], datums=(-1e300,)))


def test_a_grid_that_is_too_large_is_refused_before_it_is_made() -> None:
    profiles = [(25 * number, 90_000_000 * (number % 2), [1]) for number in range(40)]
    with pytest.raises(RequestError, match="spans 40 x 3,600,001 nodes, more than the 41,943,040"):
        parse(TextDem(UTM, profiles, real=print_d))


@pytest.mark.parametrize("delimiter", [b"", b"\n", b"\r\n"], ids=["blocks", "LF", "CRLF"])
@pytest.mark.parametrize("is_trimmed", [False, True], ids=["whole", "trimmed"])
def test_a_file_that_is_cut_off_anywhere_is_refused(delimiter: bytes, is_trimmed: bool) -> None:
    trimmed = is_trimmed and bool(delimiter)
    whole = bytes(replace(GEOGRAPHIC_DEM, delimiter=delimiter, is_trimmed=trimmed))
    last = whole.rindex(b"423") + 3  # the end of the last height
    first_end, second = whole.index(b"   126   127") + 12, whole.index(b"     1     2   148")
    for length in {*range(0, last, 89), *range(last - 30, last), last - 1}:
        if first_end <= length <= second:
            continue  # an excerpt of one profile
        with pytest.raises(RequestError, match=r"^a\.dem (is|cannot) ") as told:
            parse(whole[:length])
        assert str(told.value).isprintable()


def test_a_cut_file_is_told_with_its_size() -> None:
    for delimiter, length in ((b"", 6144), (b"", 5000), (b"\n", 5125)):
        text = bytes(replace(GEOGRAPHIC_DEM, delimiter=delimiter))[:length]
        with pytest.raises(RequestError, match=f"is cut off: it ends after {length:,} bytes, "):
            parse(text)


@pytest.mark.parametrize("end", [b"   422   423", b"   422   423 ", b"   422   423\n"])
def test_the_last_block_may_lack_its_blanks(end: bytes) -> None:
    whole = bytes(GEOGRAPHIC_DEM)
    dem = parse(whole[: whole.rindex(b"   422   423")] + end)
    assert np.array_equal(dem.heights, HEIGHTS.T[::-1])


def test_a_file_of_sdts2dem_is_read() -> None:
    """Exponents of three digits, profiles counted from 0, and numbers that are not justified."""
    text = replace(
        TextDem(UTM | {"sides": 0, "profiles": " 2  ", "datum": " 2"},
                [(606_870, 4_412_130, [349] * 77), (606_900, 4_410_000, [338] * 148)]),
        real=lambda value: f"{value:.15E}".replace("E+", "D+0"),
    )  # fmt: skip
    content = bytearray(bytes(text).rstrip())
    content[816:852] = b"3.00000D+0013.00000D+0011.00000D+000"
    content[1024:1036] = b"     1     0"
    content[2048:2060] = b"     1     1"
    dem = parse(bytes(content))
    assert dem.grid.crs == "EPSG:32209"
    assert dem.grid.bounds == (606_855, 4_409_985, 606_915, 4_414_425)
    assert dem.heights[:, 0].tolist() == [349] * 77 + [-32767] * 71
    assert dem.heights[:, 1].tolist() == [338] * 148


@pytest.mark.parametrize(
    "field",
    [
        b"     -",
        b"   1 2",
        b"  12  ",
        b"      ",
        b"  1.50",
        b"1e0003",
        b"\xff\xfe\0\0\0\x1b",
        b"  +-12",
        b"12-345",
        b"    *5",
    ],
)
def test_a_height_that_is_no_number_is_named(field: bytes) -> None:
    content = bytearray(bytes(GEOGRAPHIC_DEM))
    start = 1024 * 3 + 144 + 6 * 9  # the tenth of profile 2
    content[start : start + 6] = field
    with pytest.raises(RequestError, match="height 10 of profile 2 is '") as told:
        parse(bytes(content))
    assert str(told.value).isprintable()


@pytest.mark.parametrize(
    ("field", "height"),
    [(b"     7", 7), (b"    -7", -7), (b"    +7", 7), (b"000007", 7), (b"-00007", -7),
     (b" 32767", 32767), (b"+12345", 12345), (b"   -70", -70), (b"  -700", -700)],
)  # fmt: skip
def test_a_height_may_have_a_sign_and_zeros(field: bytes, height: int) -> None:
    content = bytearray(bytes(GEOGRAPHIC_DEM))
    content[1168:1174] = field
    assert parse(bytes(content)).heights[-1, 0] == height


@pytest.mark.parametrize(
    ("offset", "field", "element"),
    [(6, b"     ?", r"1 \(column\)"), (12, b"      ", r"2 \(points\)"),
     (24, b"nan".rjust(24), r"3 \(x\)"), (72, b"x".rjust(24), r"4 \(local datum\)")],
)  # fmt: skip
def test_an_element_of_a_profile_that_is_no_number_is_named(
    offset: int, field: bytes, element: str
) -> None:
    content = bytearray(bytes(GEOGRAPHIC_DEM))
    content[3072 + offset : 3072 + offset + len(field)] = field
    with pytest.raises(RequestError, match=f"element {element} of profile 2 is "):
        parse(bytes(content))


def test_blank_datums_and_ranges_of_a_profile_are_none() -> None:
    content = bytearray(bytes(GEOGRAPHIC_DEM))
    content[1024 + 72 : 1024 + 144] = b" " * 72
    assert np.array_equal(parse(bytes(content)).heights, HEIGHTS.T[::-1])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 3000,
        b"II*\0" + b" " * 2000,
        b"a" * 5000,
        b"\n" * 4000,
        (b"x" * 900 + b"\n") * 9,
    ],
)
def test_a_file_that_is_no_dem_is_told_as_such(content: bytes) -> None:
    with pytest.raises(RequestError, match="^a.dem is not a USGS DEM") as told:
        parse(content)
    assert str(told.value).isprintable()


def test_a_line_longer_than_a_record_is_refused() -> None:
    whole = bytes(replace(GEOGRAPHIC_DEM, delimiter=b"\n"))
    with pytest.raises(RequestError, match="its line 2 is longer than the 1,024 bytes of a record"):
        parse(whole[:1100] + b"      " + whole[1100:])
