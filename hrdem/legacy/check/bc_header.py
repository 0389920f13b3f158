"""The type A record of a BC .dem file, element by element (BC 2.0, 4.1); names of BC files."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.legacy.bc.blocks import SPACING_METRES, UTM_ZONES
from hrdem.legacy.bc.header import ALBERS_PARAMETERS, PARAMETERS, PRODUCER
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.bc_place import BcGrid, find_block
from hrdem.legacy.check.finding import Findings
from hrdem.legacy.check.records import MAX_POINTS, MAX_PROFILES
from hrdem.legacy.check.type_a import BC_FIELDS, CORNER_TOLERANCE, TypeA, are_close, show_numbers
from hrdem.request.options import Edition

CLAUSE = "4.1"
_ZEROS = (0.0,) * (PARAMETERS - len(ALBERS_PARAMETERS))
#: element 7 with packed angles, and with angles in degrees, as the document prints them
ALBERS_PACKED = (*ALBERS_PARAMETERS, *_ZEROS)
ALBERS_DEGREES = (*ALBERS_PARAMETERS[:2], 50.0, 58.5, -126.0, 45.0, *ALBERS_PACKED[6:])
#: elements left empty besides those of both documents
_BLANK = ("void flag", "edition", "percent void", "vertical shift")
_SYSTEMS = {"utm": 1, "albers": 3}


@dataclass(frozen=True, slots=True)
class BcHeader:
    """What the other rules need of a header.

    Attributes:
        grid: Grid by elements 11 and 16; None if they are no rectangle.
        profiles: Number of profiles by element 16.
        extremes: Minimum and maximum by element 12, metres.
    """

    grid: BcGrid | None
    profiles: int
    extremes: tuple[float | None, float | None]


def judge_bc_name(file_name: str, findings: Findings) -> FileName | None:
    """Judge the name of a file, and return what it says (BC 2.0, 5)."""
    name = FileName.parse(file_name)
    findings.judge(
        "5", "file name", name is not None and file_name == str(name),
        expected="block-projection-variant.type such as 104p-albers-slope-pct.asc",
        found=file_name,
    )  # fmt: skip
    return name


def check_bc_header(block: bytes, name: FileName | None, findings: Findings) -> BcHeader:
    """Judge the type A record of a BC .dem file.

    Args:
        block: The first 1024 bytes of the file.
        name: What the name of the file says; None if it is none of a set.
        findings: Where findings go.
    """
    record = TypeA(block, BC_FIELDS, CLAUSE, findings, Edition.BC_2_0)
    record.judge_characters(CLAUSE)
    stated = str(record["file name"].strip(b" "), "ascii", "replace")
    inner = FileName.parse(stated)
    record.judge(
        "file name", inner is not None and stated == str(inner) and name in (None, inner),
        str(name) if name else "such as 94l-albers-elevation.dem",
    )  # fmt: skip
    name = name or inner
    record.judge("producer", record["producer"].strip(b" ") == PRODUCER.encode(), PRODUCER)
    _judge_corner(record, name)
    record.judge("process code", record["process code"] == b"0", "0")
    record.judge("origin code", record["origin code"].strip(b" ") == b"BC", "BC")
    record.judge_constants()
    for key in _BLANK:
        record.judge_blank(key)
    record.judge_integers("ground unit", 2)
    projection = _judge_projection(record, name)
    corners = record.reals("corners")
    extremes = record.reals("minimum and maximum")
    record.judge_reals("rotation", (0.0,))
    record.judge_reals("resolution", (SPACING_METRES, SPACING_METRES, 1.0), width=12)
    counts = record.integers("rows and columns of profiles")
    columns = counts[1] or 0
    grid = _judge_corners(record, corners, columns)
    record.judge(
        "rows and columns of profiles",
        counts[0] == 1 and 1 <= columns <= MAX_PROFILES and grid is not None,
        "1, and the columns between the corners of element 11",
    )
    record.judge("validation flag", record["validation flag"] == b"2", "2")
    _judge_parameters(record, projection)
    record.judge_forms(CLAUSE, "0.250000E+02")
    return BcHeader(grid, min(max(columns, 0), MAX_PROFILES), (extremes[0], extremes[1]))


def _judge_corner(record: TypeA, name: FileName | None) -> None:
    corner = record.judge_corner()
    block = find_block(name) if name else None
    if block is None or corner is None:
        return
    west, south, _, _ = block.sheet.bounds
    record.judge(
        "south-west corner",
        are_close(corner, (west, south), CORNER_TOLERANCE),
        f"corner of the block, {west:g} {south:g} degrees",
    )


def _judge_projection(record: TypeA, name: FileName | None) -> int | None:
    """Judge elements 5 and 6, and return element 5."""
    (system,) = record.integers("reference system")
    (zone,) = record.integers("zone")
    expected = _SYSTEMS[name.projection] if name else None
    record.judge(
        "reference system",
        system == expected if name else system in _SYSTEMS.values(),
        f"{expected}" if name else "1 or 3",
    )
    if system == _SYSTEMS["albers"]:
        record.judge("zone", zone == 0, "0 in Albers")
    elif block := find_block(name) if name else None:
        record.judge("zone", zone == block.zone, f"{block.zone}")
    else:
        record.judge("zone", zone in UTM_ZONES, "7 to 11")
    return system


def _judge_parameters(record: TypeA, system: int | None) -> None:
    """Judge element 7, whose angles the document prints in degrees and demands packed."""
    found = record.reals("projection parameters")
    if system != _SYSTEMS["albers"]:
        record.judge_reals("projection parameters", (0.0,) * 15)
        return
    if are_close(found, ALBERS_DEGREES, 1e-9):
        record.note("projection parameters", "angles as packed DDDMMSS, or as printed", "degrees")
        return
    record.judge(
        "projection parameters",
        are_close(found, ALBERS_PACKED, 1e-9),
        show_numbers(ALBERS_PACKED[:8]),
        found=show_numbers(found[:8]),
    )


def _judge_corners(record: TypeA, corners: list[float | None], columns: int) -> BcGrid | None:
    """Judge that element 11 is a rectangle from the south-west, and return its grid."""
    numbers = [number for number in corners if number is not None]
    grid = None
    if len(numbers) == 8 and columns:
        west, south, _, north, east, *_ = numbers
        rows = (north - south) / SPACING_METRES + 1
        is_rectangle = are_close(
            numbers, (west, south, west, north, east, north, east, south), 5e-5
        )
        if is_rectangle and rows == int(rows) and 1 <= rows <= MAX_POINTS:
            grid = BcGrid(west, south, columns, int(rows))
            grid = grid if grid.east == east else None
    record.judge(
        "corners", grid is not None,
        "x and y of the corner pixel centres, clockwise from the south-west",
        found=show_numbers(corners),
    )  # fmt: skip
    return grid
