"""Recorded figures of the smoke benchmark, and whether what was measured is within their limits.

`figures.toml` lists the values of each figure, oldest first, each with its reason; the last one
counts. A change that makes a figure worse by more than the limit therefore adds a value and says
why it is worth its cost.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("figures.toml")
MAX_RATIO = 1.10  # of what was measured to what is recorded

#: Link, reader and name of a figure.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure with its limit.

    Attributes:
        key: Link, reader and name.
        measured: Measured value.
        recorded: Recorded value.
    """

    key: Key
    measured: float
    recorded: float

    @property
    def limit(self) -> float:
        """Largest value that passes."""
        return self.recorded * MAX_RATIO

    @property
    def passes(self) -> bool:
        """Whether the measured value is within the limit."""
        return self.measured <= self.limit

    @property
    def is_outdated(self) -> bool:
        """Whether so much was gained that the figure should be lowered, to keep the gain."""
        counts = self.key[2] != "connections"  # fewer are opened when the machine is busy
        return counts and self.measured < self.recorded / MAX_RATIO

    def __str__(self) -> str:
        link, reader, name = self.key
        judged = "ok" if self.passes else f"WORSE by more than {MAX_RATIO - 1:.0%}"
        if self.is_outdated:
            judged = "better: record it in benchmarks/figures.toml"
        numbers = f"{self.measured:8.2f}  recorded {self.recorded:8.2f}  at most {self.limit:8.2f}"
        return f"{link:28} {reader:20} {name:12} {numbers}  {judged}"


def read_figures(text: str) -> dict[Key, float]:
    """Return the value of each figure that counts.

    Args:
        text: TOML: link, reader, name, and a list of values with reasons.

    Raises:
        ValueError: If a value has no reason of its own, or is no positive number.
    """
    found: dict[Key, float] = {}
    changes_by_key = {
        (link, reader, name): changes
        for link, readers in tomllib.loads(text).items()
        for reader, names in readers.items()
        for name, changes in names.items()
    }
    for key, changes in changes_by_key.items():
        reasons = [str(change.get("reason", "")).strip() for change in changes]
        if not changes or not all(reasons) or len(set(reasons)) < len(reasons):
            raise ValueError(f"{' '.join(key)}: each value needs a reason of its own")
        value = changes[-1].get("value")
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ValueError(f"{' '.join(key)}: {value!r} is not a positive number")
        found[key] = float(value)
    return found


def judge(recorded: Mapping[Key, float], measured: Mapping[Key, float]) -> list[Verdict]:
    """Compare what was measured with what is recorded, on the links that were measured.

    Raises:
        ValueError: If a figure is only in one of them.
    """
    links = {link for link, _, _ in measured}
    expected = {key for key in recorded if key[0] in links}
    if unmatched := expected ^ set(measured):
        names = (f"{' '.join(key)} = {measured.get(key)}" for key in sorted(unmatched))
        raise ValueError(f"Measured without a record, or recorded only: {'; '.join(names)}")
    return [Verdict(key, measured[key], recorded[key]) for key in measured]
