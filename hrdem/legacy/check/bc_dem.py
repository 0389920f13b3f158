"""A BC .dem file: its header, its profiles, its grid, its heights (BC 2.0, 4.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import SPACING_METRES
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.bc_header import CLAUSE, BcHeader, check_bc_header, judge_bc_name
from hrdem.legacy.check.bc_heights import BcHeights, VoidTally
from hrdem.legacy.check.bc_place import BcGrid, judge_grid
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.legacy.check.records import MAX_NODES, RecordLayout, read_profiles, read_start
from hrdem.legacy.check.type_a import show_numbers
from hrdem.legacy.check.type_b import HeightSummary, ProfileRules, check_profiles
from hrdem.request.options import Edition

_STRIP_ROWS = 64


def check_bc_dem(
    checked: CheckedFile, reference: BcHeights | None
) -> tuple[Findings, BcHeights | None]:
    """Judge a BC .dem file.

    Args:
        checked: The file.
        reference: Heights of the .asc of its set; None if there is none.

    Returns:
        What was found, and the heights if there is no reference and the file is whole.

    Raises:
        RequestError: If it has too many heights.
    """
    with checked.open() as file:
        start, delimiter, points = read_start(file)
    findings = Findings(checked.label, Edition.BC_2_0)
    name = judge_bc_name(checked.name, findings)
    header = check_bc_header(start, name, findings)
    if points is None:
        points = header.grid.rows if header.grid else 1
    layout = RecordLayout(delimiter, points)
    profiles = _judge_size(checked, layout, header, findings)
    grid = header.grid or BcGrid(0, 0, profiles, points)
    if header.grid:
        judge_grid(grid, name, findings)
    is_complete = (grid.columns, grid.rows) == (profiles, points)
    if reference is not None:
        findings.judge(
            "2", f"grid against {reference.label}", reference.grid == grid and is_complete,
            expected=reference.grid.describe(), found=grid.describe(),
        )  # fmt: skip
    receiver: _Comparer | _Collector
    if reference is not None and reference.grid == grid and is_complete:
        receiver = _Comparer(reference)
    else:
        receiver = _Collector(profiles, points)
    rules = ProfileRules(
        clause=f"{CLAUSE} type B",
        form=CLAUSE,
        record_clause=CLAUSE,
        points=grid.rows,
        corner=(header.grid.west, header.grid.south) if header.grid else (None, None),
        spacing=SPACING_METRES,
        forms_since=Edition.BC_2_0,
    )
    with checked.open() as file:
        file.read(layout.record_bytes)
        batches = read_profiles(file, layout, profiles)
        summary = check_profiles(batches, rules, findings, receiver.add)
    if is_complete and summary.is_whole:
        _judge_extremes(header, summary, findings)
    if isinstance(receiver, _Comparer):
        receiver.report(findings)
        return findings, None
    if not is_complete or header.grid is None:
        return findings, None
    _judge_voids(receiver.heights, name, grid, findings)
    return findings, BcHeights(checked.label, grid, receiver.heights)


def _judge_size(
    checked: CheckedFile, layout: RecordLayout, header: BcHeader, findings: Findings
) -> int:
    """Judge records and the number of profiles; return how many are there."""
    profiles, rest = layout.count_profiles(checked.size)
    findings.judge(
        CLAUSE, "records", not layout.delimiter,
        expected="1024 bytes each, without line ends", found=layout.describe_ends(),
    )  # fmt: skip
    findings.judge(
        f"{CLAUSE} element 16", "number of profiles against element 16",
        profiles == header.profiles and not rest, expected=f"{header.profiles}",
        found=f"{profiles}" + (f", and {rest:,} bytes after them" if rest else ""),
    )  # fmt: skip
    profiles = min(profiles, header.profiles)
    if profiles * layout.points > MAX_NODES:
        raise RequestError(
            f"{checked.label} has {profiles * layout.points:,} heights, and at most {MAX_NODES:,} "
            "are checked. Give a file of a BC set."
        )
    return profiles


def _judge_extremes(header: BcHeader, summary: HeightSummary, findings: Findings) -> None:
    extremes = summary.extremes or (VOID, VOID)
    findings.judge(
        f"{CLAUSE} element 12", "element 12 against the heights", header.extremes == extremes,
        expected="{} {}".format(*extremes), found=show_numbers(header.extremes),
    )  # fmt: skip


def _judge_voids(
    heights: NDArray[np.int16], name: FileName | None, grid: BcGrid, findings: Findings
) -> None:
    tally = VoidTally(name, grid, None)
    for first in range(0, grid.rows, _STRIP_ROWS):
        tally.add(first, heights[first : first + _STRIP_ROWS] == VOID)
    tally.report(findings)


class _Collector:
    """Turns profiles into rows from the north."""

    def __init__(self, profiles: int, points: int) -> None:
        self.heights = np.full((points, profiles), VOID, np.int16)

    def add(self, first: int, values: NDArray[np.int32]) -> None:
        """Add profiles from a number on."""
        clipped = np.clip(values, VOID, -VOID)
        self.heights[::-1, first : first + len(values)] = clipped.T


class _Comparer:
    """Compares profiles with the heights of another file."""

    def __init__(self, reference: BcHeights) -> None:
        self._reference = reference
        self._wrong = 0

    def add(self, first: int, values: NDArray[np.int32]) -> None:
        """Add profiles from a number on."""
        columns = self._reference.heights[::-1, first : first + len(values)]
        self._wrong += int((values != columns.T).sum())

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        label, pixels = self._reference.label, self._reference.heights.size
        findings.judge(
            "3.5", f"heights against {label}", not self._wrong,
            expected="equal heights", found=f"{self._wrong:,} of {pixels:,} differ",
        )  # fmt: skip
