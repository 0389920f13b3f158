"""CDED files are judged byte for byte against the document."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrdem.errors import RequestError
from hrdem.jobs.legacy_check import check_path
from hrdem.legacy.check.finding import CheckReport, Finding, Level
from hrdem.request.options import Edition
from tests.cded_bytes import VOID, ZERO, Cell, d24, e12, end_records, i

NAME = "031k01_w.dem"
# offsets of elements in the type A record: CDED 2.1, 7.4.2, its widths added up
NAME_AT, PRODUCER_AT, CORNER_AT, PROCESS_AT, ORIGIN_AT = 0, 40, 109, 135, 140
SYSTEM_AT, PROJECTION_AT, CORNERS_AT, EXTREMES_AT = 156, 168, 546, 738
RESOLUTION_AT, COUNTS_AT, CONTOUR_AT, VALIDATION_AT = 816, 852, 864, 885
VOID_FLAG_AT, DATUM_AT, EDITION_AT, PERCENT_AT, SHIFT_AT = 886, 890, 892, 896, 908


def check(
    folder: Path, content: bytes, name: str = NAME, edition: Edition | None = None
) -> CheckReport:
    path = folder / name
    path.write_bytes(content)
    return check_path(path, edition)


def find(report: CheckReport, *levels: Level) -> list[Finding]:
    return [finding for finding in report.findings if finding.level in levels]


def errors(report: CheckReport) -> list[str]:
    return [finding.rule for finding in find(report, Level.ERROR)]


WHOLE = Cell(profiles=1201)
CUT = ["number of profiles", "number of profiles against element 16"]  # of a cell with few


def test_a_cell_that_follows_every_clause_conforms(tmp_path: Path) -> None:
    report = check(tmp_path, WHOLE.content())
    assert errors(report) == []
    assert report.conforms
    assert report.editions == {NAME: Edition.CDED_2_1}
    elements = {finding.clause for finding in find(report, Level.PASS)}
    assert {f"CDED 2.1, 7.4.2 element {number}" for number in range(1, 32)} <= elements
    assert {f"CDED 2.1, 7.4.3 element {number}" for number in range(1, 7)} <= elements


@pytest.mark.parametrize(
    ("offset", "content", "rule"),
    [
        (NAME_AT, b"031k01DEMx".rjust(40), "element 1, file name"),
        (NAME_AT, b"031k01DEMw".ljust(40), "element 1, file name"),
        (NAME_AT, b"131a01DEMw".rjust(40), "element 1, file name"),  # there is no series 131
        (NAME_AT, b"031k02DEMw".rjust(40), "file name against element 1"),
        (PRODUCER_AT, b" " * 60, "element 1, producer"),
        (PRODUCER_AT, b"CTI".rjust(60), "element 1, producer"),
        (PRODUCER_AT, b"Ministry".ljust(60), "element 1, producer"),
        (PRODUCER_AT, b"OMNR CTI".rjust(60), "element 1, producer"),
        (CORNER_AT - 1, b"x", "element 1, filler"),
        (CORNER_AT, b" -7629 0.0000", "element 1, south-west corner"),
        (PROCESS_AT, b"0", "element 1, process code"),
        (PROCESS_AT + 1, b"-", "element 1, filler 2"),
        (ORIGIN_AT, b"  ON", "element 2, origin code"),
        (ORIGIN_AT, b"on  ", "element 2, origin code"),
        (ORIGIN_AT + 4, i(6, 2), "element 3, level"),
        (SYSTEM_AT, b"0     ", "element 5, reference system"),
        (PROJECTION_AT, d24(6_378_137), "element 7, projection parameters"),
        (CORNERS_AT, d24(-275_399), "element 11, corners"),
        (RESOLUTION_AT, e12(3), "element 15, resolution"),
        (COUNTS_AT, i(6, 1, 1200), "element 16, rows and columns of profiles"),
        (CONTOUR_AT, i(5, 0), "element 17, largest contour interval"),
        (VALIDATION_AT, b"0", "element 24, validation flag"),
        (VOID_FLAG_AT, b"2 ", "element 25, void flag"),
        (DATUM_AT, b" 1", "element 27, horizontal datum"),
        (EDITION_AT, b"1022", "element 28, edition"),
        (SHIFT_AT, b"   1.00", "element 31, vertical shift"),
        (1023, b"\0", "rest"),
    ],
)
def test_each_element_of_the_header_is_judged(
    tmp_path: Path, offset: int, content: bytes, rule: str
) -> None:
    found = set(errors(check(tmp_path, Cell(fields={offset: content}).content()))) - set(CUT)
    assert rule in found
    assert offset == NAME_AT or len(found) <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset", "content", "rule"),
    [
        (EXTREMES_AT, d24(6), "element 12 against the heights"),
        (VOID_FLAG_AT, b" 2", "element 25, void flag"),
        (PERCENT_AT, b"   2", "element 29, percent void"),
    ],
)
def test_elements_that_follow_from_all_heights_are_judged(
    tmp_path: Path, offset: int, content: bytes, rule: str
) -> None:
    cell = Cell(profiles=1201, fields={offset: content})
    assert errors(check(tmp_path, cell.content())) == [rule]


@pytest.mark.parametrize(
    "form",
    [b"-2.754000000000000D+05", b"-2.754000e+05", b"-275400.0", b"-0.2754D+06", b"-0.27540D 06"],
)
def test_real_numbers_of_another_form_are_read_and_named(tmp_path: Path, form: bytes) -> None:
    """The first is what GDAL writes, the second what files of the first edition have."""
    report = check(tmp_path, Cell(fields={CORNERS_AT: form.rjust(24)}).content())
    (finding,) = (each for each in report.findings if each.rule == "type A, form of real numbers")
    assert finding.level is Level.ERROR
    assert finding.found.endswith("elements 11")
    assert ("element 11, corners" in errors(report)) == (b"D 0" in form)


@pytest.mark.parametrize(
    "zero", [b".0000000000000000D+00", b"0.0", ZERO.strip(), b".0000000000000000"]
)
@pytest.mark.parametrize("is_right", [True, False])
def test_four_forms_of_zero_are_right(tmp_path: Path, zero: bytes, is_right: bool) -> None:
    """As the table of 7.4.1 draws them from byte 4, and right-justified as real files do."""
    field = zero.rjust(24) if is_right else (b"   " + zero).ljust(24)
    report = check(tmp_path, Cell(fields={PROJECTION_AT: field * 15}).content())
    assert not [rule for rule in errors(report) if "form" in rule or "projection" in rule]


def test_a_file_like_the_first_published_ones_differs_by_its_edition(tmp_path: Path) -> None:
    """022G east at 1:250,000, of which one profile is left: its fields, written here again."""
    zeros = b"0.0".rjust(24) * 15
    corners = (-241_200, 176_400, -241_200, 180_000, -237_600, 180_000, -237_600, 176_400)
    numbers = b"".join(f"{value:e}".rjust(24).encode() for value in (*corners, 0, 1127, 0))
    cell = Cell(
        name=b"22gDEMe",
        west=-241_200,
        south=176_400,
        spacing=(3, 3),
        heights=127,
        fields={
            PRODUCER_AT: b"CFS-SSM".rjust(60),
            PROJECTION_AT: zeros,
            CORNERS_AT: numbers,
            RESOLUTION_AT: b"3.000000e+003.000000e+001.000000e+00",
            VOID_FLAG_AT: b"  ",
            EDITION_AT: b" " * 8,
        },
    )
    report = check(tmp_path, cell.content(), "022g_e.dem")
    assert report.editions == {"022g_e.dem": Edition.CDED_1_0}
    assert errors(report) == CUT
    older = {finding.rule: finding.found for finding in find(report, Level.OLDER)}
    assert older == {
        "element 1, file name": "'22gDEMe'",
        "element 1, producer": "'CFS-SSM'",
        "element 25, void flag": "blank",
        "element 28, edition": "blank",
        "element 29, percent void": "blank",
        "type A, form of real numbers": "'-2.412000e+05' and the like in elements 11, 12, 13, 15",
    }
    strict = check(tmp_path, cell.content(), "022g_e.dem", Edition.CDED_2_1)
    assert set(older) - {"element 29, percent void"} <= set(errors(strict))  # 0 without voids


def test_findings_are_in_the_order_of_the_document(tmp_path: Path) -> None:
    report = check(tmp_path, Cell(fields={DATUM_AT: b" 1", CONTOUR_AT: b"    5"}).content())
    assert errors(report) == [
        "number of profiles",  # 3.2
        "number of profiles against element 16",  # 7.4.1
        "element 17, largest contour interval",
        "element 27, horizontal datum",
    ]


def test_without_voids_a_blank_percentage_is_a_note(tmp_path: Path) -> None:
    """Convention 4 has a zero, the element only says what it contains if there are voids."""
    report = check(tmp_path, Cell(fields={PERCENT_AT: b"    "}).content())
    assert errors(report) == CUT
    assert [each.rule for each in find(report, Level.NOTE)] == ["element 29, percent void"]


def test_the_place_of_a_cell_without_a_name_is_that_of_its_file(tmp_path: Path) -> None:
    cell = Cell(b"nothing", west=-275_399)
    found = errors(check(tmp_path, cell.content()))
    assert "element 11, corners" in found
    assert "type B element 3, first node" in found


def test_an_old_cell_with_voids_lacks_the_flags(tmp_path: Path) -> None:
    """As 114P01 east of edition 1.00, whose first profile is all void."""
    cell = Cell(
        name=b"114p01DEMe",
        west=-490_500,
        south=212_400,
        heights=VOID,
        fields={VOID_FLAG_AT: b"  ", EDITION_AT: b" " * 8},
    )
    report = check(tmp_path, cell.content(), "114p01_e.dem")
    older = {finding.rule: finding.expected for finding in find(report, Level.OLDER)}
    assert older["element 25, void flag"] == "2, because there are voids"
    assert older["element 29, percent void"] == "100.00 as a whole number"
    assert "voids" in [finding.rule for finding in find(report, Level.NOTE)]


def test_zeros_of_the_first_editions_may_be_voids(tmp_path: Path) -> None:
    cell = Cell(heights=0, fields={EDITION_AT: b" " * 4})
    (note,) = find(check(tmp_path, cell.content()), Level.NOTE)
    assert note.clause == "CDED 2.1, 2.8.3"


@pytest.mark.parametrize(
    ("at", "content", "rule"),
    [
        (0, i(6, 1, 2), "type B element 1, number"),
        (12, i(6, 1200, 1), "type B element 2, counts"),
        (24, d24(-275_400.75), "type B element 3, first node"),
        (48, d24(165_601), "type B element 3, first node"),
        (72, d24(1), "type B element 4, local datum"),
        (96, d24(8), "type B element 5, minimum and maximum"),
        (96, b"7.0".rjust(24), "type B, form of real numbers"),
        (144, b"7     ", "type B element 6, heights"),
        (144, b"   7.0", "type B element 6, heights"),
        (144, b"      ", "type B element 6, heights"),
        (144, b"  - 7 ", "type B element 6, heights"),
        (1020, b"   0", "type B, padding"),
        (8191, b"\n", "type B, padding"),
    ],
)
def test_each_element_of_a_profile_is_judged(
    tmp_path: Path, at: int, content: bytes, rule: str
) -> None:
    good = Cell(profiles=3).content()
    begin = 1024 + 2 * 8192 + at
    report = check(tmp_path, good[:begin] + content + good[begin + len(content) :])
    (finding,) = (each for each in find(report, Level.ERROR) if each.rule.startswith("type B"))
    assert finding.rule == rule
    assert "in profile 3; wrong in 1 of 3 profiles" in finding.found or at == 12


@pytest.mark.slow
def test_voids_are_no_heights(tmp_path: Path) -> None:
    heights = np.full((1201, 1201), 7)
    heights[3, 100:500] = VOID
    heights[4] = VOID
    report = check(tmp_path, Cell(profiles=1201, heights=heights).content())
    assert report.conforms
    notes = {finding.rule: finding.found for finding in find(report, Level.NOTE)}
    assert notes == {"voids": "0.11% of the nodes"}


@pytest.mark.slow
def test_a_spike_and_heights_beyond_the_range_are_notes(tmp_path: Path) -> None:
    heights = np.full((1201, 1201), 7)
    heights[10, 20], heights[30, 40] = 6000, -100
    report = check(tmp_path, Cell(profiles=1201, heights=heights).content())
    notes = {finding.rule: finding.found for finding in find(report, Level.NOTE)}
    assert report.conforms
    assert notes["range of heights"] == "-100 to 6000 m"
    assert notes["continuity"].startswith("2 nodes more than 46 m above or below all neighbours")
    assert notes["continuity"].endswith("the first in profile 11, point 21")


@pytest.mark.parametrize("delimiter", [b"\n", b"\r\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_records_with_line_ends_are_read_and_named(
    tmp_path: Path, delimiter: bytes, is_ended: bool
) -> None:
    content = end_records(Cell(profiles=40).content(), delimiter)
    report = check(tmp_path, content if is_ended else content[: -len(delimiter)])
    assert errors(report) == [CUT[0], "records", CUT[1]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda content: content[:-1], "number of profiles"),
        (lambda content: content + b" " * 1024, "number of profiles"),
        (lambda content: content[: 1024 + 500 * 8192], "number of profiles against element 16"),
        (lambda content: content[:1024], "number of profiles"),
    ],
)
def test_a_file_that_is_cut_or_longer_is_judged_as_far_as_it_goes(
    tmp_path: Path, change, rule: str
) -> None:
    assert rule in errors(check(tmp_path, change(WHOLE.content())))


@pytest.mark.parametrize(
    ("west", "south", "name", "spacing"),
    [
        (-421_200, 255_600, "087g01_w.dem", (1.5, 0.75)),  # 71 N: area B
        (-333_000, 266_400, "058f01_e.dem", (1.5, 0.75)),  # 74 N
        (-230_400, 295_200, "120e04_w.dem", (3, 0.75)),  # 82 N: area C
        (-244_800, 176_400, "022g_w.dem", (3, 3)),  # 1:250,000
        (-288_000, 291_600, "340d_w.dem", (12, 3)),
    ],
)
def test_areas_and_scales_have_their_spacings(
    tmp_path: Path, west: int, south: int, name: str, spacing: tuple[float, float]
) -> None:
    """Sheets begin at 117 W 71 N, 93 W 74 N, 64 W 82 N, 68 W 49 N, and 80 W 81 N."""
    internal = name.replace("_", "DEM").removesuffix(".dem").encode()
    cell = Cell(internal, west, south, spacing, profiles=2)
    assert errors(check(tmp_path, cell.content(), name)) == CUT
    narrow = Cell(internal, west, south, (spacing[0] / 2, spacing[1]), profiles=2)
    assert "element 15, resolution" in errors(check(tmp_path, narrow.content(), name))


def test_names_of_purchasers_state_the_edition(tmp_path: Path) -> None:
    content = Cell().content()
    for name, rules in {
        "031k01_0100demw.dem": [],
        "031k01_0101demw.dem": ["file name against element 28"],
        "031K01_w.dem": ["file name"],
        "031k01_0100_demw.dem": ["file name, before 'dem'"],
    }.items():
        assert errors(check(tmp_path, content, name)) == [*CUT, *rules]
    published = Cell(fields={EDITION_AT: b"1020"}).content()
    report = check(tmp_path, published, "031k01_0100_demw.dem")
    assert errors(report) == CUT
    assert [finding.rule for finding in find(report, Level.OLDER)] == [
        "element 28, edition",
        "file name, before 'dem'",
    ]


def test_what_is_no_dem_is_refused(tmp_path: Path) -> None:
    for content in (
        b"",
        b"a" * 2000,
        Cell().content()[:1023],
        b"\0" * 4096,
        i(6, *[7] * 400),  # heights alone
    ):
        with pytest.raises(RequestError, match=r"031k01_w\.dem is no USGS DEM: it"):
            check(tmp_path, content)
    with pytest.raises(RequestError, match="is no file of the older products"):
        check(tmp_path, b"text", "notes.txt")
    with pytest.raises(RequestError, match=r"missing\.dem cannot be read: No such file"):
        check_path(tmp_path / "missing.dem")


def test_a_sheet_outside_the_national_box_is_none_of_cded(tmp_path: Path) -> None:
    """121A01 begins at 58 W, 84 N."""
    cell = Cell(b"121a01DEMw", -208_800, 302_400, (3, 0.75))
    report = check(tmp_path, cell.content(), "121a01_w.dem")
    assert "element 1, file name" in errors(report)


def test_counts_that_would_need_much_memory_are_refused(tmp_path: Path) -> None:
    content = bytearray(Cell(fields={COUNTS_AT: i(6, 1, 999_999)}).content())
    content[1024 + 12 : 1024 + 24] = i(6, 19_999, 1)
    path = tmp_path / NAME
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # a sparse file
    with pytest.raises(RequestError, match=r"has [\d,]+ heights, and a cell has 1,442,401"):
        check_path(path)
