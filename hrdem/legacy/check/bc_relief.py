"""Slope, aspect, hillshade and colour by the formulas of BC 2.0, 3.5.3 and 3.5.4.

The normal of a pixel is the cross product of the vectors that join its western and eastern, and
its southern and northern neighbours. Pixels without one of these in the file are not recomputed:
beside no data, and on the border of the file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import SPACING_METRES
from hrdem.legacy.check.bc_heights import BcHeights
from hrdem.legacy.check.finding import Findings

MIN_ASPECT_SLOPE = 2.0  # degrees: what is flatter has no aspect
FLAT = -1
TOLERANCE = 0.5 + 1e-3  # a whole number is the nearest, but for ties and for float32
#: elevation, red, green and blue (3.5.4)
RAMP = (
    (0.0, 0x1A, 0x10, 0x81),
    (0.1, 0x6A, 0xC9, 0x81),
    (1120.0, 0xF0, 0xE6, 0x8C),
    (2150.0, 0xE9, 0x85, 0x6A),
    (3200.0, 0xFF, 0xFF, 0xFF),
)
_ROUNDED_DOWN = 1.0 + 1e-3
_RUN = 2 * SPACING_METRES  # metres between the neighbours

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Normals:
    """Differences of height across the pixels of some rows.

    Attributes:
        dx: Height of the eastern neighbour less that of the western, metres.
        dy: Height of the northern neighbour less that of the southern, metres.
        is_known: Where both are, and the pixel has a height.
    """

    dx: Numbers
    dy: Numbers
    is_known: NDArray[np.bool_]


def find_normals(source: BcHeights, first: int, count: int) -> Normals:
    """Return the differences of height across the pixels of some rows.

    Args:
        source: Heights.
        first: First row, from the north.
        count: Number of rows.
    """
    heights = source.heights
    rows = slice(max(first - 1, 0), first + count + 1)
    top, bottom = int(first == 0), int(first + count >= len(heights))
    ring = np.pad(heights[rows], ((top, bottom), (1, 1)), constant_values=VOID)
    around = (ring[1:-1, 2:], ring[1:-1, :-2], ring[:-2, 1:-1], ring[2:, 1:-1])
    east, west, north, south = (side.astype(np.float64) for side in around)
    is_known = ring[1:-1, 1:-1] != VOID
    for side in around:
        is_known &= side != VOID
    return Normals(east - west, north - south, is_known)


def recompute_slope_percent(normals: Normals) -> Numbers:
    """Return the rise over the run, percent."""
    return 100 / _RUN * np.hypot(normals.dx, normals.dy)


def recompute_slope_degrees(normals: Normals) -> Numbers:
    """Return the angle to the horizontal, degrees."""
    return np.degrees(np.arctan(np.hypot(normals.dx, normals.dy) / _RUN))


def recompute_aspect(normals: Normals, north: float) -> Numbers:
    """Return the direction that the normal points to, degrees clockwise from true north.

    Args:
        normals: Differences of height.
        north: Angle from grid north to true north at the centre of the block, degrees.
    """
    return np.asarray((np.degrees(np.arctan2(-normals.dx, -normals.dy)) - north) % 360)


def recompute_brightness(normals: Normals, azimuth: float) -> Numbers:
    """Return the brightness, 1 to 255, under a sun 45 degrees above the horizon.

    The document gives no formula. It is 1 and 254 times the cosine between normal and sun.

    Args:
        normals: Differences of height.
        azimuth: Direction of the sun, degrees clockwise from grid north.
    """
    turn = np.radians(azimuth)
    # normal (-dx, -dy, run) times sun (sin, cos, 1) / sqrt(2), over the length of the normal
    product = _RUN - np.sin(turn) * normals.dx - np.cos(turn) * normals.dy
    cosine = product / np.sqrt(2 * (normals.dx**2 + normals.dy**2 + _RUN**2))
    return np.asarray(1 + 254 * np.maximum(cosine, 0))


def recompute_colour(heights: NDArray[np.int16], light: NDArray[np.uint8]) -> Numbers:
    """Return red, green and blue of the ramp times a brightness, shape (rows, columns, 3).

    The document does not say how the two are mixed. It is their product over 255.
    """
    metres, *bands = zip(*RAMP, strict=True)
    ramp = [np.interp(heights, metres, band) for band in bands]
    return np.stack(ramp, axis=-1) * (light[..., None] / 255)


class ValueTally:
    """Counts pixels that differ from what the heights give.

    Args:
        rule: Name of the rule.
        clause: Its clause.
        formula: What is expected, for people.
        source: Heights that were used.
    """

    def __init__(self, rule: str, clause: str, formula: str, source: BcHeights) -> None:
        self._rule, self._clause, self._formula, self._source = rule, clause, formula, source
        self._judged = self._pixels = self._wrong = self._not_down = 0
        self._first = ""

    def add(
        self,
        first: int,
        found: NDArray[np.generic],
        excess: Numbers,
        is_known: NDArray[np.bool_],
    ) -> None:
        """Add rows.

        Args:
            first: The first of them, from the north.
            found: Values of the file.
            excess: What has to be added to them to be exact.
            is_known: Where that can be said.
        """
        self._pixels += is_known.size
        self._judged += int(is_known.sum())
        is_wrong = is_known & (np.abs(excess) > TOLERANCE)
        self._not_down += int((is_known & ((excess < -1e-3) | (excess > _ROUNDED_DOWN))).sum())
        wrong = int(is_wrong.sum())
        if wrong and not self._wrong:
            row, column = (int(n) for n in np.unravel_index(int(np.argmax(is_wrong)), found.shape))
            exact = float(found[row, column]) + excess[row, column]
            self._first = (
                f": {found[row, column]} instead of {exact:.3f} in row {first + row + 1}, column "
                f"{column + 1}"
            )
        self._wrong += wrong

    def report(self, findings: Findings) -> None:
        """Add what was found; numbers that are rounded down are a note, as no rounding is given."""
        rule = f"{self._rule} from {self._source.label}"
        if not self._judged:
            findings.note(
                self._clause, rule, expected=self._formula, found="no pixel can be compared"
            )
            return
        if self._wrong and not self._not_down:
            findings.note(
                self._clause, rule, expected=self._formula, found=f"rounded down{self._first}"
            )
            return
        found = f"{self._wrong:,} of {self._judged:,} pixels differ{self._first}"
        if rest := self._pixels - self._judged:
            found += f"; {rest:,} lack a neighbour or a height"
        findings.judge(self._clause, rule, not self._wrong, expected=self._formula, found=found)
