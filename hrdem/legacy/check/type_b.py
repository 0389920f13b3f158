"""Type B records: the elements of each profile, and its heights (CDED 2.1, 7.4.3; BC 2.0, 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.check.finding import Findings, show_field
from hrdem.legacy.check.numbers import read_integer, read_real
from hrdem.legacy.check.records import Profiles
from hrdem.legacy.check.type_a import COORDINATE_TOLERANCE, are_close, show_numbers
from hrdem.request.options import Edition
from hrdem.usgsdem.elements import HEIGHT_BYTES, PROFILE_HEADER_BYTES
from hrdem.usgsdem.heights import parse_heights

#: called with the number of the first profile and heights of shape (profiles, points)
OnHeights = Callable[[int, NDArray[np.int32]], None]

_NO_HEIGHT = 1 << 30


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """What all profiles of a file have in common.

    Attributes:
        clause: Section of the elements, such as ``7.4.3``.
        form: Clause of the form of real numbers.
        record_clause: Clause of the physical records.
        points: Heights of a profile.
        corner: First node of the first profile, x and y; None where unknown.
        spacing: Distance between profiles; None if unknown.
        forms_since: Edition since which the forms of numbers are judged.
    """

    clause: str
    form: str
    record_clause: str
    points: int
    corner: tuple[float | None, float | None]
    spacing: float | None
    forms_since: Edition

    def locate(self, profile: int, found: tuple[float | None, float | None]) -> list[float]:
        """Return where a profile begins, or what was found, as far as it is unknown."""
        x, y = self.corner
        if x is not None and self.spacing is not None:
            x += profile * self.spacing
        return [
            value if value is not None else other or 0.0
            for value, other in zip((x, y), found, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class HeightSummary:
    """Heights of a file.

    Attributes:
        nodes: Their number.
        voids: Number of those that are void.
        extremes: Lowest and highest, metres; None if all are void.
        is_whole: Whether each is a whole number.
    """

    nodes: int
    voids: int
    extremes: tuple[int, int] | None
    is_whole: bool


class _Tally:
    """Counts the profiles that break a rule, and keeps what the first of them has."""

    def __init__(self, rule: str, clause: str, expected: str) -> None:
        self.rule, self.clause, self.expected = rule, clause, expected
        self.wrong = 0
        self._first = ""

    def add(self, profile: int, found: str) -> None:
        """Add a profile that breaks the rule."""
        if not self.wrong:
            self._first = f"{found} in profile {profile + 1}"
        self.wrong += 1

    def report(self, findings: Findings, profiles: int, since: Edition | None = None) -> None:
        """Add the finding about all profiles."""
        found = f"so in all {profiles} profiles" if profiles > 1 else "so"
        if self.wrong:
            found = f"{self._first}; wrong in {self.wrong} of {profiles} profiles"
        findings.judge(
            self.clause, self.rule, not self.wrong, expected=self.expected, found=found, since=since
        )


class _ProfileJudge:
    """Judges profiles one by one, each rule by its tally."""

    def __init__(self, rules: ProfileRules) -> None:
        clause = rules.clause
        self._rules = rules
        self._number = _Tally("type B element 1, number", f"{clause} element 1", "1 and its number")
        self._counts = _Tally(
            "type B element 2, counts", f"{clause} element 2", f"{rules.points} and 1"
        )
        self._node = _Tally(
            "type B element 3, first node", f"{clause} element 3", "x and y by its number"
        )
        self._datum = _Tally("type B element 4, local datum", f"{clause} element 4", "0")
        self._extremes = _Tally(
            "type B element 5, minimum and maximum",
            f"{clause} element 5",
            "those of its heights without voids; -32767 twice if all are void",
        )
        self.heights = _Tally(
            "type B element 6, heights", f"{clause} element 6", "right-justified whole numbers"
        )
        records = rules.record_clause
        self._padding = _Tally("type B, padding", records, "blanks to the end of each record")
        self._ends = _Tally("type B, ends of records", records, "as of the first record")
        self._forms = _Tally(
            "type B, form of real numbers", rules.form, "D24.15, or a form of zero"
        )

    def judge_head(self, profile: int, head: bytes, wanted: tuple[int, int] | None) -> None:
        """Judge elements 1 to 5.

        Args:
            profile: Its number, from 0.
            head: Its first 144 bytes.
            wanted: Its lowest and highest height; None if they are unknown.
        """
        for tally, field, counts in (
            (self._number, head[:12], (1, profile + 1)),
            (self._counts, head[12:24], (self._rules.points, 1)),
        ):
            if (read_integer(field[:6]), read_integer(field[6:])) != counts:
                tally.add(profile, show_field(field))
        reals = [read_real(head[at : at + 24]) for at in range(24, PROFILE_HEADER_BYTES, 24)]
        x, y, datum, *extremes = (real.value for real in reals)
        node = self._rules.locate(profile, (x, y))
        if not are_close((x, y), node, COORDINATE_TOLERANCE):
            self._node.add(profile, f"{show_numbers((x, y))}, not {show_numbers(node)},")
        if datum != 0:
            self._datum.add(profile, show_numbers([datum]))
        if wanted and extremes != list(wanted):
            self._extremes.add(profile, f"{show_numbers(extremes)}, not {show_numbers(wanted)},")
        if odd := [real.text for real in reals if not real.is_standard]:
            self._forms.add(profile, show_field(odd[0]))

    def judge_records(self, batch: Profiles, is_number: NDArray[np.bool_]) -> None:
        """Judge element 6 of several profiles, and what fills and ends their records."""
        for place in np.flatnonzero(~is_number.all(axis=1)):
            point = int(np.argmin(is_number[place]))
            field = batch.fields[place, HEIGHT_BYTES * point :][:HEIGHT_BYTES].tobytes()
            found = f"{show_field(field)} at point {point + 1}"
            self.heights.add(batch.first + int(place), found)
        for place in np.flatnonzero(~batch.is_padded):
            self._padding.add(batch.first + int(place), "other characters")
        for place in np.flatnonzero(~batch.is_delimited):
            self._ends.add(batch.first + int(place), "another end")

    def report(self, findings: Findings, profiles: int) -> None:
        """Add a finding for each rule."""
        for tally in (self._number, self._counts, self._node, self._datum, self._extremes):
            tally.report(findings, profiles)
        for tally in (self.heights, self._padding, self._ends):
            tally.report(findings, profiles)
        self._forms.report(findings, profiles, since=self._rules.forms_since)


def check_profiles(
    batches: Iterable[Profiles], rules: ProfileRules, findings: Findings, on_heights: OnHeights
) -> HeightSummary:
    """Judge all profiles of a file; each rule is one finding.

    Args:
        batches: Its profiles in order.
        rules: What they have in common.
        findings: Where findings go.
        on_heights: Receives the heights.
    """
    judge = _ProfileJudge(rules)
    profiles = voids = nodes = 0
    lowest, highest = _NO_HEIGHT, -_NO_HEIGHT
    for batch in batches:
        heights, is_number = parse_heights(batch.fields)
        lows, highs = _find_extremes(heights)
        is_whole = np.asarray(is_number.all(axis=1))
        for place, head in enumerate(batch.heads):
            low, high = int(lows[place]), int(highs[place])
            wanted = (low, high) if low <= high else (VOID, VOID)
            judge.judge_head(batch.first + place, head, wanted if is_whole[place] else None)
        judge.judge_records(batch, is_number)
        on_heights(batch.first, heights)
        profiles += len(batch.heads)
        nodes += heights.size
        voids += int((heights == VOID).sum())
        lowest, highest = min(lowest, int(lows.min())), max(highest, int(highs.max()))
    judge.report(findings, profiles)
    extremes = (lowest, highest) if lowest <= highest else None
    return HeightSummary(nodes, voids, extremes, is_whole=not judge.heights.wrong)


def _find_extremes(
    heights: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return lowest and highest height of each profile; out of order if all are void."""
    is_void = heights == VOID
    return (
        np.where(is_void, _NO_HEIGHT, heights).min(axis=1),
        np.where(is_void, -_NO_HEIGHT, heights).max(axis=1),
    )
