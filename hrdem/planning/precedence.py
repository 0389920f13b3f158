"""Precedence: which source wins where several have data.

"Where sources overlap the newest wins" is the rule of the published mosaics. The newest is the one
with the newest survey (`datetime` of its item); of two with one date, the one that was published
last (`updated`), then the one that was first published last (`created`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hrdem.geo.grid import Bounds
from hrdem.planning.mosaic import Mosaic, PlannedSource


class DecidedBy(StrEnum):
    """What makes one source win over another; the first that differs decides."""

    DATETIME = "datetime"
    UPDATED = "updated"
    CREATED = "created"
    KIND = "kind"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two sources of one mosaic that both may have data in an area.

    Attributes:
        first: Name of the source that wins.
        second: Name of the other, which is used where the first has no data.
        decided_by: What makes the first win.
        bounds: Left, bottom, right, top in EPSG:3979 of the area.
    """

    first: str
    second: str
    decided_by: DecidedBy
    bounds: Bounds

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "first": self.first,
            "second": self.second,
            "decided_by": self.decided_by.value,
            "bounds": list(self.bounds),
        }


def rank_sources(sources: Sequence[PlannedSource]) -> list[PlannedSource]:
    """Sort sources, the one that wins first.

    Of sources without any difference in their dates, files win over a WCS, and then the order of
    the sources decides.
    """
    by_kind = sorted(sources, key=lambda source: source.file.priority)
    return sorted(by_kind, key=lambda source: source.times, reverse=True)


def find_overlaps(mosaic: Mosaic) -> list[Overlap]:
    """Return the pairs of sources of a mosaic that overlap."""
    overlaps = []
    for first, second in itertools.combinations(rank_sources(mosaic.sources), 2):
        shared = first.dst_window.intersection(second.dst_window)
        if shared is not None:
            bounds = mosaic.grid.crop(shared).bounds
            overlaps.append(Overlap(first.name, second.name, _compare(first, second), bounds))
    return overlaps


def _compare(first: PlannedSource, second: PlannedSource) -> DecidedBy:
    """Return what makes the first of two sources win."""
    for criterion, one, other in zip(DecidedBy, first.times, second.times, strict=False):
        if one != other:
            return criterion
    return DecidedBy.KIND if first.file.priority != second.file.priority else DecidedBy.NAME
