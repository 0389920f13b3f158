"""Headers of BC Gridded DEM, byte for byte against records written out by hand."""

from __future__ import annotations

from hrdem.legacy.bc.blocks import Projection, parse_blocks
from hrdem.legacy.bc.header import make_header
from hrdem.usgsdem.elements import Layout
from hrdem.usgsdem.header import format_header

ZERO = "   0.000000000000000D+00"
(BLOCK,) = parse_blocks("104P")


def encode(projection: Projection, lowest: int, highest: int) -> bytes:
    grid = BLOCK.make_grid(projection)
    return format_header(make_header(BLOCK, projection, grid, lowest, highest), Layout.BC)


def join(*fields: str) -> bytes:
    return "".join(fields).encode()


def test_the_albers_record_of_104p() -> None:
    expected = join(
        "               104p-albers-elevation.dem",  # 1: file name, 40
        "             BMGS - B.C. Gov. - Victoria",  # producer, 40
        " " * 29,
        "-130 0 0.0000  59 0 0.0000",
        "0",
        " " * 4,
        "BC  ",  # 2
        "     1     1     3     0",  # 3 to 6
        "   0.637813700000000D+07   0.669438002290000D-02",  # 7
        "   0.500000000000000D+08   0.580300000000000D+08",
        "  -0.126000000000000D+09   0.450000000000000D+08",
        "   0.100000000000000D+07",
        ZERO * 8,
        "     2     2     4",  # 8 to 10
        "   0.769775000000000D+06   0.155867500000000D+07",  # 11
        "   0.769775000000000D+06   0.167512500000000D+07",
        "   0.888375000000000D+06   0.167512500000000D+07",
        "   0.888375000000000D+06   0.155867500000000D+07",
        "   0.480000000000000D+03   0.212600000000000D+04",  # 12
        ZERO,  # 13
        "     0",  # 14
        "0.250000E+020.250000E+020.100000E+01",  # 15
        "     1  4745",  # 16
        " " * 21,  # 17 to 23
        "2",  # 24
        "   1 4",  # 25 to 27
        " " * 132,
    )
    assert encode(Projection.ALBERS, 480, 2126) == expected


def test_the_utm_record_of_104p_differs_in_projection_and_corners() -> None:
    header = encode(Projection.UTM, -32767, -32767)
    assert header[:80].split() == b"104p-utm-elevation.dem BMGS - B.C. Gov. - Victoria".split()
    assert header[109:135] == b"-130 0 0.0000  59 0 0.0000"
    assert header[156:528] == join("     1     9", ZERO * 15)
    assert header[546:738] == join(
        "   0.442275000000000D+06   0.653980000000000D+07",
        "   0.442275000000000D+06   0.665210000000000D+07",
        "   0.557725000000000D+06   0.665210000000000D+07",
        "   0.557725000000000D+06   0.653980000000000D+07",
    )
    assert header[738:786] == b"  -0.327670000000000D+05" * 2
    assert header[852:864] == b"     1  4619"
