"""Type A records, compared with ones written out by hand from the documents."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hrdem.errors import RequestError
from hrdem.usgsdem.elements import ELEMENTS, PROFILE_ELEMENTS, Element, Layout
from hrdem.usgsdem.header import Header, format_header, parse_header

_GEOGRAPHIC = {"system": 0, "ground_unit": 3, "profiles": 1201}
_DATUMS = {"vertical_datum": 1, "horizontal_datum": 4}


def clockwise(west: float, south: float, east: float, north: float) -> tuple:
    """Return corners from the south-west."""
    return (west, south), (west, north), (east, north), (east, south)


# 031K01, western cell: CDED 2.1, 7.4.2
CDED_HEADER = Header(
    file_name="031k01DEMw",
    producer="Natural Resources Canada",
    south_west=(-76.5, 46.0),
    process_code="Z",
    origin="RS",
    corners=clockwise(-275_400.0, 165_600.0, -274_500.0, 166_500.0),
    min_height=-2.0,
    max_height=412.0,
    resolution=(0.75, 0.75, 1.0),
    void_flag=2,
    edition="1021",
    percent_void=7,
    **_GEOGRAPHIC,
    **_DATUMS,
)
_ZERO = "   0.000000000000000D+00"
CDED_BYTES = (
    "                              031k01DEMw"  # 1 file name
    "                                    Natural Resources Canada"  # 1 responsibility centre
    "         "  # filler
    " -7630 0.0000  46 0 0.0000"  # 1 corner
    "Z    RS  "  # 1 process, filler, sectional; 2
    "     1     1     0     0"  # 3 to 6
    + _ZERO
    * 15  # 7
    + "     3     2     4"  # 8 to 10
    "  -0.275400000000000D+06   0.165600000000000D+06"  # 11
    "  -0.275400000000000D+06   0.166500000000000D+06"
    "  -0.274500000000000D+06   0.166500000000000D+06"
    "  -0.274500000000000D+06   0.165600000000000D+06"
    "  -0.200000000000000D+01   0.412000000000000D+03"  # 12
    + _ZERO  # 13
    + "     0"  # 14
    "0.750000E+000.750000E+000.100000E+01"  # 15
    "     1  1201"  # 16
    "                      "  # 17 to 24
    " 2 1 4"  # 25 to 27
    "1021   7"  # 28, 29
    + " " * 15  # 30, 31
    + " " * 109
).encode()

# 104P in BC Albers: BC 2.0, 4.1; angles packed as degrees, minutes and seconds of three digits each
BC_HEADER = Header(
    file_name="104p-albers-elevation.dem",
    producer="BMGS - B.C. Gov. - Victoria",
    south_west=(-130.0, 59.0),
    process_code="0",
    origin="BC",
    system=3,
    projection=(
        6_378_137.0, 0.00669438002290, 50_000_000.0, 58_030_000.0, -126_000_000.0, 45_000_000.0,
        1_000_000.0, *[0.0] * 8,
    ),
    ground_unit=2,
    corners=clockwise(769_775.0, 1_558_675.0, 888_375.0, 1_675_125.0),
    min_height=0.0,
    max_height=2310.0,
    resolution=(25.0, 25.0, 1.0),
    profiles=4745,
    validation=2,
    **_DATUMS,
)  # fmt: skip
BC_BYTES = (
    "               104p-albers-elevation.dem"
    "             BMGS - B.C. Gov. - Victoria"
    "                             "
    "-130 0 0.0000  59 0 0.0000"
    "0    BC  "
    "     1     1     3     0"
    "   0.637813700000000D+07   0.669438002290000D-02   0.500000000000000D+08"
    "   0.580300000000000D+08  -0.126000000000000D+09   0.450000000000000D+08"
    "   0.100000000000000D+07" + _ZERO * 8 + "     2     2     4"
    "   0.769775000000000D+06   0.155867500000000D+07"
    "   0.769775000000000D+06   0.167512500000000D+07"
    "   0.888375000000000D+06   0.167512500000000D+07"
    "   0.888375000000000D+06   0.155867500000000D+07"
    + _ZERO
    + "   0.231000000000000D+04"
    + _ZERO
    + "     0"
    "0.250000E+020.250000E+020.100000E+01"
    "     1  4745"
    "                     2"
    "   1 4" + " " * 132
).encode()


@pytest.mark.parametrize(
    ("header", "layout", "record"),
    [(CDED_HEADER, Layout.CDED, CDED_BYTES), (BC_HEADER, Layout.BC, BC_BYTES)],
    ids=["CDED", "BC"],
)
def test_a_record_is_written_byte_for_byte_and_read_back(
    header: Header, layout: Layout, record: bytes
) -> None:
    assert len(record) == 1024
    assert format_header(header, layout) == record
    assert parse_header(record) == header


def test_a_real_header_of_edition_1_is_read() -> None:
    """Exponents with e, zeros as 0.0, blanks for 25, 28 and 29."""
    record = (
        "22gDEMe".rjust(40)
        + "CFS-SSM".rjust(60)
        + "          -67 0 0.0000  49 0 0.00008    NTDB     1     1     0     0"
        + "0.0".rjust(24) * 15
        + "     3     2     4"
        + "".join(
            text.rjust(24)
            for text in (
                "-2.412000e+05", "1.764000e+05", "-2.412000e+05", "1.800000e+05", "-2.376000e+05",
                "1.800000e+05", "-2.376000e+05", "1.764000e+05", "0.000000e+00", "1.127000e+03",
                "0.000000e+00",
            )
        )
        + "     03.000000e+003.000000e+001.000000e+00     1  1201"
        + " " * 24
        + " 1 4"
    )  # fmt: skip
    header = parse_header(record.ljust(1024).encode())
    assert header == Header(
        file_name="22gDEMe",
        producer="CFS-SSM",
        south_west=(-67.0, 49.0),
        process_code="8",
        origin="NTDB",
        corners=clockwise(-241_200.0, 176_400.0, -237_600.0, 180_000.0),
        min_height=0.0,
        max_height=1127.0,
        resolution=(3.0, 3.0, 1.0),
        **_GEOGRAPHIC,
        **_DATUMS,
    )


def test_every_attribute_is_written_where_it_is_read() -> None:
    header = replace(
        CDED_HEADER,
        sectional="NW ".strip(),
        largest_interval=20,
        largest_interval_unit=2,
        smallest_interval=10,
        smallest_interval_unit=1,
        source_date="9800",
        revision_date="0411",
        revision_flag="R",
        validation=3,
        edge_match=(1, 3, 4, 1),
        vertical_shift=-1.25,
    )
    record = format_header(header, Layout.CDED)
    assert record[864:886] == b"   202   10198000411R3"
    assert record[900:915] == b" 1 3 4 1  -1.25"
    assert parse_header(record) == header


@pytest.mark.parametrize("layout", Layout)
def test_the_fields_cover_a_record_without_gaps(layout: Layout) -> None:
    elements = ELEMENTS[layout]
    assert [element.offset for element in elements] == [0, *(each.end for each in elements[:-1])]
    assert elements[-1].end == 1024
    assert {field.name for field in fields(Header)} == {each.name for each in elements} - {"filler"}


def test_the_fields_of_a_profile_cover_144_bytes() -> None:
    ends = [element.end for element in PROFILE_ELEMENTS]
    assert [element.offset for element in PROFILE_ELEMENTS] == [0, *ends[:-1]]
    assert ends[-1] == 144


def test_the_bytes_of_an_element_are_for_the_taking() -> None:
    resolution = next(each for each in ELEMENTS[Layout.BC] if each.name == "resolution")
    assert resolution.read(BC_BYTES) == b"0.250000E+020.250000E+020.100000E+01"
    assert resolution.split(BC_BYTES) == (b"0.250000E+02", b"0.250000E+02", b"0.100000E+01")


def element(name: str) -> Element:
    return next(each for each in ELEMENTS[Layout.CDED] if each.name == name)


def overwrite(name: str, value: bytes) -> bytes:
    place = element(name)
    return (
        CDED_BYTES[: place.offset]
        + value.ljust(place.width)
        + CDED_BYTES[place.offset + place.width :]
    )


@pytest.mark.parametrize("value", [b"?", b""])
@pytest.mark.parametrize("name", ["system", "resolution", "profiles", "ground_unit"])
def test_an_element_that_heights_depend_on_is_named(name: str, value: bytes) -> None:
    with pytest.raises(RequestError) as told:
        parse_header(overwrite(name, value), "a.dem")
    place = element(name)
    message = str(told.value)
    assert message.startswith("a.dem ")
    assert f"element {place.number} ({name.replace('_', ' ')})" in message
    assert ("'?" in message) == (value == b"?")
    assert message.isprintable()


@pytest.mark.parametrize(
    "name", ["south_west", "corners", "percent_void", "rotation", "min_height"]
)
def test_any_other_element_that_cannot_be_read_is_blank(name: str) -> None:
    assert getattr(parse_header(overwrite(name, b"?")), name) is None


def test_control_characters_do_not_leave_a_header() -> None:
    header = parse_header(overwrite("producer", b"\x1b[31m A\x00"))
    assert header.producer == "[31m A"


@pytest.mark.parametrize("size", [0, 1, 1023])
def test_a_short_header_is_refused(size: int) -> None:
    with pytest.raises(RequestError, match=f"{size:,} bytes, less than the 1,024 of a header"):
        parse_header(CDED_BYTES[:size])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"producer": "x" * 61}, r"'x+…' cannot be element 1 \(producer\) of a DEM, which has 60"),
        ({"producer": "Ministère"}, r"'Ministère' cannot be element 1 \(producer\).*ASCII"),
        ({"producer": "a\nb"}, r"'a b' cannot be element 1 \(producer\)"),
        ({"origin": "QUEBEC"}, r"'QUEBEC' cannot be element 2 \(origin\)"),
        ({"profiles": 1_000_000}, r"'1000000' cannot be element 16 \(profiles\)"),
        ({"max_height": float("nan")}, r"'nan' cannot be element 12 \(max height\)"),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: dict, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        format_header(replace(CDED_HEADER, **change), Layout.CDED)


def test_the_producer_of_a_bc_file_has_40_columns() -> None:
    with pytest.raises(RequestError, match="which has 40 columns"):
        format_header(replace(BC_HEADER, producer="x" * 41), Layout.BC)
