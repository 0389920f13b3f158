"""Findings of a check: file, rule, clause, what was expected, and what was found."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from hrdem.request.options import Edition
from hrdem.runtime.text import to_one_line

MAX_FOUND_CHARACTERS = 120


class Level(StrEnum):
    """What a finding says about a rule."""

    PASS = "pass"  # noqa: S105
    ERROR = "error"
    OLDER = "older edition"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one rule in one file.

    Attributes:
        file: The file; a member of an archive follows its name and a slash.
        rule: Element or rule, such as ``element 15, resolution``.
        clause: Where the rule stands, such as ``CDED 2.1, 7.4.2 element 15``.
        level: Whether the file follows the rule. A difference of an older edition is what that
            edition, which the file follows, allowed; a note is for people to judge.
        expected: What the rule demands.
        found: What the file has.
    """

    file: str
    rule: str
    clause: str
    level: Level
    expected: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {
            "file": self.file,
            "rule": self.rule,
            "clause": self.clause,
            "level": self.level.value,
            "expected": self.expected,
            "found": self.found,
        }


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Result of a check.

    Attributes:
        findings: All findings, in the order of files and clauses.
        editions: Edition that each file was judged by.
    """

    findings: tuple[Finding, ...]
    editions: dict[str, Edition]

    @property
    def conforms(self) -> bool:
        """Whether there is no error."""
        return not self.count(Level.ERROR)

    def count(self, level: Level) -> int:
        """Return the number of findings of a level."""
        return Counter(finding.level for finding in self.findings)[level]

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "conforms": self.conforms,
            "editions": {file: edition.value for file, edition in self.editions.items()},
            "counts": {level.value: self.count(level) for level in Level},
            "findings": [finding.as_dict() for finding in self.findings],
        }


class Findings:
    """Collects the findings about one file.

    Args:
        file: Its name.
        edition: Edition to judge by.
    """

    def __init__(self, file: str, edition: Edition) -> None:
        self.file = file
        self.edition = edition
        self.all: list[Finding] = []

    def judge(
        self,
        clause: str,
        rule: str,
        ok: bool,
        *,
        expected: str,
        found: str,
        since: Edition | None = None,
    ) -> None:
        """Add whether the file follows a rule.

        Args:
            clause: Section and element, without the document.
            rule: Name of the rule.
            ok: Whether the file follows it.
            expected: What the rule demands.
            found: What the file has.
            since: Edition that introduced the rule; a file of an older one does not break it.
        """
        level = Level.PASS
        if not ok:
            is_older = since is not None and self.edition.precedes(since)
            level = Level.OLDER if is_older else Level.ERROR
        self._add(clause, rule, level, expected, found)

    def note(self, clause: str, rule: str, *, expected: str, found: str) -> None:
        """Add what people have to judge."""
        self._add(clause, rule, Level.NOTE, expected, found)

    def in_order(self) -> list[Finding]:
        """Return the findings in the order of the document."""
        return sorted(self.all, key=lambda finding: _split_numbers(finding.clause))

    def _add(self, clause: str, rule: str, level: Level, expected: str, found: str) -> None:
        # most texts are the same for all files of a folder, which may have 10,000 cells
        texts = map(
            sys.intern,
            (
                self.file,
                rule,
                f"{self.edition.document}, {clause}",
                expected,
                to_one_line(found, MAX_FOUND_CHARACTERS),
            ),
        )
        file, rule, clause, expected, found = texts
        self.all.append(Finding(file, rule, clause, level, expected, found))


def _split_numbers(clause: str) -> list[int]:
    """Return the numbers of a section and an element, without those of the document."""
    return [int(number) for number in re.findall(r"\d+", clause.partition(", ")[2])]


def show_field(field: bytes) -> str:
    """Return the bytes of a field for people: without blanks around them, in quotation marks."""
    text = str(field.strip(b" "), "ascii", "replace")
    return f"'{text}'" if text else "blank"
