"""A CDED file: its name, its records, its header, its profiles, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.nodata import VOID
from hrdem.legacy.cded.cells import NODES
from hrdem.legacy.check.cded_header import CLAUSE, CdedHeader, check_header
from hrdem.legacy.check.cded_names import CellName, parse_file_name
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.edges import CellEdges, find_edges
from hrdem.legacy.check.edition import read_edition
from hrdem.legacy.check.finding import Findings
from hrdem.legacy.check.records import (
    MAX_NODES,
    MAX_PROFILES,
    RecordLayout,
    read_profiles,
    read_start,
)
from hrdem.legacy.check.spikes import find_spikes
from hrdem.legacy.check.type_a import show_numbers
from hrdem.legacy.check.type_b import HeightSummary, ProfileRules, check_profiles
from hrdem.request.options import Edition

HIGHEST, LOWEST = 5959, 0  # metres (CDED 2.1, 2.7)


@dataclass(frozen=True, slots=True)
class CellResult:
    """Findings about a cell, and its edges for the comparison with others.

    Attributes:
        findings: What was found.
        name: Cell that element 1 names; None if it names none.
        edges: Its outermost nodes; None if it is incomplete, or not on its place.
    """

    findings: Findings
    name: CellName | None
    edges: CellEdges | None


def check_cell(checked: CheckedFile, edition: Edition | None) -> CellResult:
    """Judge a CDED file.

    Args:
        checked: The file.
        edition: Edition to judge by; None for the one that element 28 states.

    Raises:
        RequestError: If it is no DEM.
    """
    with checked.open() as file:
        start, delimiter, points = read_start(file)
    findings = Findings(checked.label, edition or read_edition(start))
    file_name = parse_file_name(checked.name)
    header = check_header(start, file_name, findings)
    _judge_names(checked.name, file_name, header, findings)
    points = NODES if points is None else points
    layout = RecordLayout(delimiter, points)
    profiles = _judge_size(checked, layout, header, findings)
    if profiles * points > MAX_NODES:
        raise RequestError(
            f"{checked.label} has {profiles * points:,} heights, and a cell has {NODES**2:,}. Give "
            "a CDED file."
        )
    heights = np.full((points, profiles), VOID, np.int16)

    def keep(first: int, values: NDArray[np.int32]) -> None:
        columns = slice(first, first + len(values))
        heights[:, columns] = np.clip(values, VOID, -VOID).T

    rules = ProfileRules(
        clause="7.4.3",
        form="7.4.1 convention 5, 7.4.3",
        record_clause="7.4.1",
        points=NODES,
        corner=(header.place.west, header.place.south) if header.place else header.corner,
        spacing=header.place.spacing[0] if header.place else header.spacing[0],
        forms_since=Edition.CDED_2_0,
    )
    with checked.open() as file:
        file.read(layout.record_bytes)
        summary = check_profiles(read_profiles(file, layout, profiles), rules, findings, keep)
    is_complete = profiles == NODES == points
    _judge_heights(header, summary, findings, is_complete=is_complete)
    edges = None
    if is_complete and summary.is_whole and header.place:
        _note_spikes(heights, header, findings)
        edges = find_edges(checked.label, heights, header.place)
    return CellResult(findings, header.name, edges)


def _judge_names(
    file_name: str, name: CellName | None, header: CdedHeader, findings: Findings
) -> None:
    """Judge the name of the file, also against element 1 and element 28."""
    findings.judge(
        "10.2", "file name", name is not None and file_name == file_name.lower(),
        expected="such as 031k01_e.dem, or 031k01_0100deme.dem for purchasers", found=file_name,
    )  # fmt: skip
    if name is None:
        return
    if name.version:
        findings.judge(
            "10.2.2", "file name, before 'dem'", not name.is_marked,
            expected="edition and version, then 'dem'", found=file_name, since=Edition.CDED_2_1,
        )  # fmt: skip
        stated = f"{name.version[1]}{name.version[3]}"
        if header.edition:
            findings.judge(
                "10.2.2", "file name against element 28",
                stated == header.edition and name.version[::2] == "00",
                expected=f"edition and version 0{header.edition[0]}0{header.edition[1]}",
                found=name.version,
            )  # fmt: skip
    if header.name:
        found = f"{header.name.sheet} {header.name.half} in element 1"
        findings.judge(
            "10.2", "file name against element 1",
            (name.sheet, name.half) == (header.name.sheet, header.name.half),
            expected=f"{name.sheet} {name.half}", found=found,
        )  # fmt: skip


def _judge_size(
    checked: CheckedFile, layout: RecordLayout, header: CdedHeader, findings: Findings
) -> int:
    """Judge records and the number of profiles; return how many are there."""
    findings.judge(
        "7.4.1", "records", not layout.delimiter,
        expected="1024 bytes each, without line ends", found=layout.describe_ends(),
    )  # fmt: skip
    profiles, rest = layout.count_profiles(checked.size)
    declared = header.profiles if header.profiles and header.profiles > 0 else NODES
    declared = min(declared, MAX_PROFILES)
    present = min(profiles, declared)
    findings.judge(
        "3.2", "number of profiles", profiles == NODES and not rest,
        expected=f"{NODES}, and nothing after them",
        found=f"{profiles}" + (f", and {rest:,} bytes after them" if rest else ""),
    )  # fmt: skip
    findings.judge(
        "7.4.1", "number of profiles against element 16", profiles == declared,
        expected=f"{declared}", found=f"{profiles}",
    )  # fmt: skip
    return present


def _judge_heights(
    header: CdedHeader, summary: HeightSummary, findings: Findings, *, is_complete: bool
) -> None:
    """Judge what depends on all heights: elements 12, 25 and 29, and the range."""
    if not summary.is_whole:
        return
    if is_complete:
        extremes = summary.extremes or (VOID, VOID)
        findings.judge(
            f"{CLAUSE} element 12", "element 12 against the heights",
            header.extremes == extremes,
            expected="{} {}".format(*extremes),
            found=show_numbers(header.extremes),
        )  # fmt: skip
    _judge_percent(header, summary, findings, is_complete=is_complete)
    _judge_flag(header, summary, findings, is_complete=is_complete)
    if summary.voids:
        findings.note(
            "2.8.3", "voids", expected="only outside Canada, which is not checked",
            found=f"{summary.voids / summary.nodes:.2%} of the nodes",
        )  # fmt: skip
    elif findings.edition.precedes(Edition.CDED_2_0):
        findings.note(
            "2.8.3", "voids", expected="-32767; a height of 0 in the standard of September 2000",
            found="no -32767",
        )  # fmt: skip
    if summary.extremes and not LOWEST <= summary.extremes[0] <= summary.extremes[1] <= HIGHEST:
        findings.note(
            "2.7, 2.8.5", "range of heights", expected=f"{LOWEST} to {HIGHEST} m, with exceptions",
            found="{} to {} m".format(*summary.extremes),
        )  # fmt: skip


def _judge_flag(
    header: CdedHeader, summary: HeightSummary, findings: Findings, *, is_complete: bool
) -> None:
    """Judge element 25: 2 if there are voids, else 0."""
    flag = header.void_flag
    if not is_complete and not summary.voids and flag == 2:
        return  # the voids may be in what is missing
    expected = 2 if summary.voids else 0
    findings.judge(
        f"{CLAUSE} element 25", "element 25, void flag", flag == expected,
        expected=f"{expected}, because there are {'' if summary.voids else 'no '}voids",
        found="blank" if flag is None else f"{flag}",
        since=Edition.CDED_2_0 if flag is None else None,
    )  # fmt: skip


def _judge_percent(
    header: CdedHeader, summary: HeightSummary, findings: Findings, *, is_complete: bool
) -> None:
    """Judge element 29, which is 0 without voids (convention 4); its rounding is left open."""
    percent = 100 * summary.voids / summary.nodes if summary.nodes else 0.0
    stated = header.percent_void
    if not is_complete and stated is not None:
        return  # it counts what is missing
    if stated is None and not summary.voids and not findings.edition.precedes(Edition.CDED_2_0):
        findings.note(
            f"{CLAUSE} element 29", "element 29, percent void",
            expected="0 by 7.4.1 convention 4, which the element does not repeat", found="blank",
        )  # fmt: skip
        return
    findings.judge(
        f"{CLAUSE} element 29", "element 29, percent void",
        stated is not None and abs(stated - percent) < 1,
        expected=f"{percent:.2f} as a whole number",
        found="blank" if stated is None else f"{stated}",
        since=Edition.CDED_2_0 if stated is None else None,
    )  # fmt: skip


def _note_spikes(heights: NDArray[np.int16], header: CdedHeader, findings: Findings) -> None:
    assert header.place
    spikes = find_spikes(heights, header.place.spacing[1])
    if spikes.count:
        findings.note(
            "2.8.4", "continuity", expected="smooth from node to node, except at natural breaks",
            found=f"{spikes.count} nodes more than {spikes.limit:.0f} m above or below all "
            f"neighbours, the first in profile {spikes.profile + 1}, point {spikes.point + 1}",
        )  # fmt: skip
