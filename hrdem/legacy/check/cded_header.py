"""The type A record of a CDED file, element by element (CDED 2.1, 7.4.1 and 7.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.legacy.cded.cells import NODES
from hrdem.legacy.cded.header import CENTRES, MAX_CENTRES
from hrdem.legacy.check.cded_names import CellName, CellPlace, locate_cell, parse_internal_name
from hrdem.legacy.check.finding import Findings, show_field
from hrdem.legacy.check.type_a import CDED_FIELDS, CORNER_TOLERANCE, TypeA, are_close, show_numbers
from hrdem.request.options import Edition, OriginCode, ProcessCode

CLAUSE = "7.4.2"
#: acronyms of responsibility centres, and one that was removed in October 2005
ACRONYMS = (*(acronym.encode() for acronym in CENTRES), b"EYG")
#: whole numbers besides those of both documents
_INTEGERS = {"reference system": 0, "zone": 0, "ground unit": 3}


@dataclass(frozen=True, slots=True)
class CdedHeader:
    """What the other rules need of a header.

    Attributes:
        name: Cell that element 1 names; None if it names none.
        place: Where the cell must be; None if there is no such sheet.
        corner: Longitude and latitude of the south-west corner by element 11, arc seconds.
        spacing: Spacing of profiles and of nodes by element 15, arc seconds.
        profiles: Number of profiles by element 16.
        extremes: Minimum and maximum by element 12, metres.
        void_flag: Element 25; None if blank.
        percent_void: Element 29; None if blank.
        edition: Edition and version of the data, two digits; empty if element 28 is blank.
    """

    name: CellName | None
    place: CellPlace | None
    corner: tuple[float | None, float | None]
    spacing: tuple[float | None, float | None]
    profiles: int | None
    extremes: tuple[float | None, float | None]
    void_flag: int | None
    percent_void: int | None
    edition: str


def check_header(block: bytes, file_name: CellName | None, findings: Findings) -> CdedHeader:
    """Judge the type A record of a CDED file.

    What depends on the heights is judged by `hrdem.legacy.check.cded`.

    Args:
        block: The first 1024 bytes of the file.
        file_name: What the name of the file says, in case that element 1 names no cell.
        findings: Where findings go.
    """
    record = TypeA(block, CDED_FIELDS, CLAUSE, findings, Edition.CDED_2_0)
    record.judge_characters("7.4.1")
    name = _judge_name(record)
    named = name or file_name
    place = locate_cell(named) if named else None
    _judge_producer(record)
    _judge_corner(record, place)
    _judge_codes(record)
    record.judge_constants(blank_since=Edition.CDED_2_0)
    record.judge_blank("validation flag", since=Edition.CDED_2_0)
    for key, value in _INTEGERS.items():
        record.judge_integers(key, value)
    record.judge_reals("projection parameters", (0.0,) * 15)
    corners = record.reals("corners")
    if place:
        expected = place.corners
        record.judge(
            "corners",
            are_close(corners, expected, 5e-5),
            f"corner nodes of the cell, {show_numbers(expected)}",
            found=show_numbers(corners),
        )
    extremes = record.reals("minimum and maximum")
    record.judge_reals("rotation", (0.0,))
    spacing = _judge_resolution(record, place, corners)
    counts = record.integers("rows and columns of profiles")
    record.judge("rows and columns of profiles", counts == [1, NODES], f"1 {NODES}")
    edition = _judge_edition(record)
    _judge_shift(record)
    record.judge_forms("7.4.1 convention 5, 7.4.2", "0.750000E+00")
    return CdedHeader(
        name=name,
        place=place,
        corner=(corners[0], corners[1]),
        spacing=spacing,
        profiles=counts[1],
        extremes=(extremes[0], extremes[1]),
        void_flag=record.integers("void flag", 2)[0],
        percent_void=record.integers("percent void", 4)[0],
        edition=edition,
    )


def _judge_name(record: TypeA) -> CellName | None:
    field = record["file name"]
    name = parse_internal_name(field)
    record.judge("file name", name is not None, "sheet, DEM and w or e, such as 031k01DEMe")
    if name is None:
        return None
    record.judge(
        "file name",
        name.is_padded,
        "three digits first, as in 031a01DEMw",
        since=Edition.CDED_2_0,
    )
    _judge_right(record, "file name")
    place = locate_cell(name)
    record.judge(
        "file name",
        place is not None and place.is_in_canada,
        "a sheet within 141-52 W, 41-84 N (2.5)",
    )
    return name


def _judge_right(record: TypeA, key: str, *, since: Edition | None = None) -> None:
    """Judge that a field of characters is right-justified (7.4.1 convention 7)."""
    field = record[key]
    record.judge(
        key, field == field.strip(b" ").rjust(len(field)), "right-justified (7.4.1 convention 7)",
        found=f"{show_field(field)}, {len(field) - len(field.rstrip(b' '))} blanks after it",
        since=since,
    )  # fmt: skip


def _judge_producer(record: TypeA) -> None:
    """Judge the centre: one by its full name, several by acronyms in four sub-fields."""
    field = record["producer"]
    words = field.split()
    record.judge("producer", bool(words), "the responsibility centre")
    known = [word for word in words if word in ACRONYMS]
    if len(words) == 1 and known:
        record.judge("producer", False, "the full name of a single centre", since=Edition.CDED_2_0)
        return
    if not words or len(known) < len(words):
        _judge_right(record, "producer", since=Edition.CDED_2_0)
        return
    width = len(field) // MAX_CENTRES
    parts = [field[at : at + width] for at in range(0, len(field), width)]
    ok = all(part == part.strip(b" ").rjust(width) and len(part.split()) <= 1 for part in parts)
    record.judge(
        "producer", ok, "an acronym, right-justified, in each of four sub-fields of 15 columns",
        since=Edition.CDED_2_0,
    )  # fmt: skip


def _judge_corner(record: TypeA, place: CellPlace | None) -> None:
    corner = record.judge_corner()
    if place is None or corner is None:
        return
    degrees = (place.west / 3600, place.south / 3600)
    is_of_sheet = place.sheet_west < place.west and are_close(
        corner, (place.sheet_west / 3600, degrees[1]), CORNER_TOLERANCE
    )
    expected = f"corner of the cell, {show_numbers(degrees)} degrees"
    if is_of_sheet:
        record.note("south-west corner", f"{expected}; the document says of the tile")
    else:
        record.judge("south-west corner", are_close(corner, degrees, CORNER_TOLERANCE), expected)


def _judge_codes(record: TypeA) -> None:
    for key, known, form in (
        ("process code", ProcessCode, "one of"),
        ("origin code", OriginCode, "left-justified, of"),
    ):
        codes = [code.value for code in known]
        found = record[key].rstrip(b" ").decode("ascii", "replace")
        record.judge(key, found in codes, f"{form} {' '.join(codes)}")


def _judge_resolution(
    record: TypeA, place: CellPlace | None, corners: list[float | None]
) -> tuple[float | None, float | None]:
    dx, dy, dz = record.reals("resolution", 12)
    found = show_numbers([dx, dy, dz])
    if place is None:
        return dx, dy
    x, y = place.spacing
    ok = are_close([dx, dy, dz], (x, y, 1.0), 1e-7)
    is_swapped = x != y and are_close([dx, dy, dz], (y, x, 1.0), 1e-7)
    record.judge(
        "resolution", ok, f"{x:g} {y:g} 1", found=found,
        since=Edition.CDED_2_0 if is_swapped else None,
    )  # fmt: skip
    return dx, dy


def _judge_edition(record: TypeA) -> str:
    """Judge element 28: edition and version of the data, and of the specification."""
    field = record["edition"]
    is_number = field.isdigit()
    record.judge(
        "edition",
        is_number and field[2:] == b"21",
        "two digits for the data, then 21",
        since=Edition.CDED_2_1,
    )
    return str(field[:2], "ascii") if is_number else ""


def _judge_shift(record: TypeA) -> None:
    """Judge element 31, which is left empty, although convention 5 has all reals populated."""
    if record["vertical shift"].strip(b" ") in (b"0.00", b".00"):
        record.note("vertical shift", "blank, or 0.00 by 7.4.1 convention 5")
    else:
        record.judge_blank("vertical shift")
