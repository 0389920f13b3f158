"""Records of CDED cells, byte for byte, against records written by hand from CDED 2.1, 7.4."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from hrdem.errors import RequestError
from hrdem.legacy.cded.cells import get_cells
from hrdem.legacy.cded.header import Producer, format_centre, make_header
from hrdem.legacy.cded.names import DataEdition
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.options import OriginCode, ProcessCode
from hrdem.usgsdem.elements import Layout
from hrdem.usgsdem.header import format_header
from hrdem.usgsdem.write import write_dem

ZERO = "   0.000000000000000D+00"
PRODUCER = Producer(format_centre("OMNR"), ProcessCode.METADATA, OriginCode.RS, DataEdition(1, 0))

# 031K01 west, without void, from 57 to 412 m
HEADER_031K01_WEST = (
    (
        "                              031k01DEMw"  # 1 file name
        "                       Ontario Ministry of Natural Resources"  # 1 responsibility centre
        "         "  # 1 filler
        " -7630 0.0000"  # 1 longitude of the south-western corner, -76.5
        "  46 0 0.0000"  # 1 its latitude
        "Z"  # 1 process code
        " "  # 1 filler
        "   "  # 1 sectional indicator
        "RS  "  # 2 origin code, left-justified
        "     1"  # 3 level
        "     1"  # 4 pattern
        "     0"  # 5 geographic
        "     0"  # 6 zone
        + 15
        * ZERO  # 7 projection
        + "     3"  # 8 arc seconds
        "     2"  # 9 metres
        "     4"  # 10 sides
        "  -0.275400000000000D+06   0.165600000000000D+06"  # 11 SW
        "  -0.275400000000000D+06   0.166500000000000D+06"  # 11 NW
        "  -0.274500000000000D+06   0.166500000000000D+06"  # 11 NE
        "  -0.274500000000000D+06   0.165600000000000D+06"  # 11 SE
        "   0.570000000000000D+02   0.412000000000000D+03"  # 12 lowest, highest
        + ZERO  # 13 rotation
        + "     0"  # 14 no type C record
        "0.750000E+000.750000E+000.100000E+01"  # 15 resolution
        "     1  1201"  # 16 profiles
        "     "  # 17
        " "  # 18
        "     "  # 19
        " "  # 20
        "    "  # 21
        "    "  # 22
        " "  # 23
        " "  # 24
        " 0"  # 25 no void
        " 1"  # 26 mean sea level
        " 4"  # 27 NAD83
        "1021"  # 28 data edition 1.0, specification 2.1
        "   0"  # 29 percent void
        "        "  # 30
        "       "  # 31
    ).ljust(1024)
)


def heights_of(lowest: int, highest: int, void: int = 0) -> np.ndarray:
    """Heights of a cell, of which some nodes are void, from the north-western corner on."""
    heights = np.linspace(lowest, highest, 1201 * 1201).round().astype("int16")
    heights[:void] = -32767
    heights[void], heights[-1] = lowest, highest
    return heights.reshape(1201, 1201)


def header_of(name: str, half: int, heights: np.ndarray, producer: Producer = PRODUCER) -> str:
    cell = get_cells(parse_sheet(name))[half]
    return format_header(make_header(cell, heights, producer), Layout.CDED).decode("ascii")


def test_every_element_of_a_header() -> None:
    assert header_of("031K01", 0, heights_of(57, 412)) == HEADER_031K01_WEST


@pytest.mark.parametrize(
    ("name", "half", "elements"),
    [
        # file name, corner, easternmost and northernmost of element 11, element 15; by hand
        (
            "022G", 1,
            ("022gDEMe", " -67 0 0.0000  49 0 0.0000", "-0.237600000000000D+06",
             "0.180000000000000D+06", "0.300000E+010.300000E+010.100000E+01"),
        ),
        (
            "114P01", 1,
            ("114p01DEMe", "-13615 0.0000  59 0 0.0000", "-0.489600000000000D+06",
             "0.213300000000000D+06", "0.750000E+000.750000E+000.100000E+01"),
        ),
        (
            "087G01", 0,
            ("087g01DEMw", "-117 0 0.0000  71 0 0.0000", "-0.419400000000000D+06",
             "0.256500000000000D+06", "0.150000E+010.750000E+000.100000E+01"),
        ),
        (
            "120E04", 1,
            ("120e04DEMe", " -63 0 0.0000  82 0 0.0000", "-0.223200000000000D+06",
             "0.296100000000000D+06", "0.300000E+010.750000E+000.100000E+01"),
        ),
        (
            "037B", 0,
            ("037bDEMw", " -80 0 0.0000  68 0 0.0000", "-0.280800000000000D+06",
             "0.248400000000000D+06", "0.600000E+010.300000E+010.100000E+01"),
        ),
        (
            "340D", 0,
            ("340dDEMw", " -80 0 0.0000  81 0 0.0000", "-0.273600000000000D+06",
             "0.295200000000000D+06", "0.120000E+020.300000E+010.100000E+01"),
        ),
    ],
)  # fmt: skip
def test_place_and_spacing_of_cells_in_all_areas(
    name: str, half: int, elements: tuple[str, ...]
) -> None:
    header = header_of(name, half, heights_of(0, 9))
    file_name, corner, east, north, spacing = elements
    assert header[:40] == file_name.rjust(40)
    assert header[109:135] == corner
    assert header[546 + 96 : 546 + 144] == f"{east:>24}{north:>24}"
    assert header[816:852] == spacing


@pytest.mark.parametrize(
    ("void", "flag", "percent"),
    [
        (0, " 0", "   0"),
        (1, " 2", "   0"),
        (7_212, " 2", "   0"),  # 0.49999 %
        (7_213, " 2", "   1"),  # 0.50007 %
        (1_442_400, " 2", " 100"),
    ],
)
def test_flag_and_percentage_of_void(void: int, flag: str, percent: str) -> None:
    header = header_of("031K01", 0, heights_of(5, 5, void))
    assert (header[886:888], header[896:900]) == (flag, percent)


def test_void_does_not_count_as_the_lowest_height() -> None:
    header = header_of("031K01", 0, heights_of(-3, 88, void=500))
    assert header[738:786] == "  -0.300000000000000D+01   0.880000000000000D+02"


def test_a_void_cell_has_the_void_value_as_lowest_and_highest() -> None:
    void = np.full((1201, 1201), -32767, "int16")
    header = header_of("114P01", 1, void)
    assert header[738:786] == "  -0.327670000000000D+05  -0.327670000000000D+05"
    assert (header[886:888], header[896:900]) == (" 2", " 100")


def test_profiles_run_from_the_south_and_from_the_west() -> None:
    """The first and the last of 1201 type B records, of 8 blocks each."""
    rows, columns = np.mgrid[:1201, :1201]
    heights = (1201 - rows + 2 * columns).astype("int16")  # 1 in the south-west, by row from north
    cell = get_cells(parse_sheet("031K01"))[0]
    file = io.BytesIO()
    write_dem(file, make_header(cell, heights, PRODUCER), Layout.CDED, heights)
    content = file.getvalue()
    assert len(content) == 9_839_616
    assert content[:1024].decode()[100:] == HEADER_031K01_WEST[100:].replace(
        "   0.570000000000000D+02   0.412000000000000D+03",
        "   0.100000000000000D+01   0.360100000000000D+04",
    )
    first, last = content[1024 : 1024 + 8192].decode(), content[-8192:].decode()
    assert first[:144] == (
        "     1     1"  # 1 row and column of the profile
        "  1201     1"  # 2 nodes
        "  -0.275400000000000D+06   0.165600000000000D+06"  # 3 first node
        + ZERO  # 4 local datum
        + "   0.100000000000000D+01   0.120100000000000D+04"  # 5 lowest, highest
    )
    assert first[144:156] == "     1     2"
    assert first[1014:1030] == "   146       147"  # 4 bytes of a block are left
    assert last[:144] == (
        "     1  1201"
        "  1201     1"
        "  -0.274500000000000D+06   0.165600000000000D+06"
        + ZERO
        + "   0.240100000000000D+04   0.360100000000000D+04"
    )


def test_a_single_centre_has_its_full_name() -> None:
    expected = "Alberta Sustainable Resource Development - AB Gov - Edmonton"
    assert format_centre("asrd") == expected
    assert len(expected) == 60


def test_several_centres_have_acronyms_in_sub_fields_of_15() -> None:
    assert format_centre("OMNR, CFS-SSM,CTI-O") == (
        "           OMNR        CFS-SSM          CTI-O               "
    )


def test_without_a_centre_the_field_tells_what_made_the_cell() -> None:
    """It is no organization, which is unknown then."""
    centre = format_centre(None)
    assert centre.startswith("Made with hrdem")
    assert len(centre) <= 60
    assert replace(PRODUCER, centre=centre).organization == "Unknown"
    assert replace(PRODUCER, centre=format_centre("OMNR,YEIM")).organization == "OMNR, YEIM"


def test_any_other_name_is_taken_as_it_is() -> None:
    assert format_centre("Geomatics, Town of Arnprior") == "Geomatics, Town of Arnprior"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OMNR,CFSSM", "Did you mean CFS-SSM"),
        ("OMNR,CTI,CTI-O,YEIM,ASRD", "names 5 responsibility centres"),
        ("x" * 61, "60 characters"),
        ("Centre d'études géomatiques", "ASCII"),
        ("two\nlines", "ASCII"),
    ],
)
def test_centres_that_do_not_fit_are_refused(text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        format_centre(text)
