"""Nodes that neighbouring CDED cells share must have the same height (CDED 2.1, 3.3).

The first profile of a cell is the last of its western neighbour; profiles share one node with the
cells above and below. Where the spacing changes with latitude, the nodes on the same place count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.legacy.check.cded_names import CellPlace
from hrdem.legacy.check.finding import Finding, Findings
from hrdem.request.options import Edition

CLAUSE = "3.3"
_UNITS = 10_000  # of an arc second: coordinates have four decimals (6.1.2)


@dataclass(frozen=True, slots=True)
class CellEdges:
    """The outermost nodes of a cell.

    Attributes:
        label: Name of its file.
        place: Where it is.
        west: Heights from the south, int16.
        east: Likewise.
        south: Heights from the west, int16.
        north: Likewise.
    """

    label: str
    place: CellPlace
    west: NDArray[np.int16]
    east: NDArray[np.int16]
    south: NDArray[np.int16]
    north: NDArray[np.int16]


def find_edges(label: str, heights: NDArray[np.int16], place: CellPlace) -> CellEdges:
    """Return copies of the outermost nodes of a cell.

    Args:
        label: Name of its file.
        heights: Of shape (points, profiles), from the south-west.
        place: Where the cell is.
    """
    sides = (heights[:, 0], heights[:, -1], heights[0], heights[-1])
    return CellEdges(label, place, *(side.copy() for side in sides))


def compare_edges(cells: Iterable[CellEdges]) -> list[Finding]:
    """Compare the edges of all cells that touch; one finding for each pair."""
    cells = list(cells)
    findings = []
    for is_meridian in (True, False):
        lower: dict[tuple[float, int], list[CellEdges]] = defaultdict(list)
        for cell in cells:
            lower[_scale(cell), _line(cell, is_meridian, is_low=True)].append(cell)
        for cell in cells:
            for other in lower.get((_scale(cell), _line(cell, is_meridian, is_low=False)), ()):
                findings += _compare_pair(cell, other, is_meridian)
    return findings


def _scale(cell: CellEdges) -> float:
    return cell.place.spacing[1]


def _line(cell: CellEdges, is_meridian: bool, *, is_low: bool) -> int:
    """Return the coordinate of an edge: west or east, south or north."""
    place = cell.place
    low, high = (place.west, place.east) if is_meridian else (place.south, place.north)
    return round((low if is_low else high) * _UNITS)


def _compare_pair(cell: CellEdges, other: CellEdges, is_meridian: bool) -> list[Finding]:
    """Compare the eastern or northern edge of a cell with the western or southern of another."""
    if is_meridian:
        ours, theirs, what = cell.east, other.west, "last profile"
    else:
        ours, theirs, what = cell.north, other.south, "northern nodes"
    places = (_nodes(cell, is_meridian), _nodes(other, is_meridian))
    shared, first, second = np.intersect1d(*places, assume_unique=True, return_indices=True)
    if len(shared) < 2:  # a corner belongs to other pairs too
        return []
    steps = np.abs(ours[first].astype(np.int32) - theirs[second])
    wrong = int((steps > 0).sum())
    findings = Findings(cell.label, Edition.CDED_2_1)
    findings.judge(
        CLAUSE, f"{what} against {other.label}", not wrong,
        expected="equal heights",
        found=f"{wrong} of {len(shared)} differ, by up to {steps.max()} m",
    )  # fmt: skip
    return findings.all


def _nodes(cell: CellEdges, is_meridian: bool) -> NDArray[np.int64]:
    """Return the coordinates of the nodes along an edge."""
    place = cell.place
    start, step = (place.south, place.spacing[1]) if is_meridian else (place.west, place.spacing[0])
    count = len(cell.west if is_meridian else cell.south)
    return round(start * _UNITS) + np.arange(count, dtype=np.int64) * round(step * _UNITS)
