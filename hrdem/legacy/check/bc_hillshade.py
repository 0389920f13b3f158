"""A BC hillshade against the heights of its set (BC 2.0, 3.2 and 3.5.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check import bc_relief
from hrdem.legacy.check.bc_header import judge_bc_name
from hrdem.legacy.check.bc_heights import BcHeights, VoidTally
from hrdem.legacy.check.bc_place import BcGrid
from hrdem.legacy.check.bc_tiff import Picture, read_picture, read_rows
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition


def check_picture(
    checked: CheckedFile, reference: BcHeights | None, black_and_white: CheckedFile | None
) -> Findings:
    """Judge a hillshade.

    Args:
        checked: The file.
        reference: Heights of its set; None if it is alone.
        black_and_white: For a coloured hillshade, the one without colour of the same sun.

    Raises:
        RequestError: If it is no TIFF.
    """
    findings = Findings(checked.label, Edition.BC_2_0)
    name = judge_bc_name(checked.name, findings)
    with checked.open() as file:
        picture = read_picture(file, checked, findings)
        if picture is None:
            return findings
        grid = BcGrid(0, 0, picture.width, picture.height)
        if reference is not None:
            size = (reference.grid.columns, reference.grid.rows)
            findings.judge(
                "2", f"size against {reference.label}", size == (picture.width, picture.height),
                expected="{} x {}".format(*size), found=f"{picture.width} x {picture.height}",
            )  # fmt: skip
            if size != (picture.width, picture.height):
                return findings
            grid = reference.grid
        judge = _PixelJudge(name, grid, reference)
        if name and name.product.is_coloured and black_and_white:
            with black_and_white.open() as other:
                shade = read_picture(other, black_and_white, Findings("", Edition.BC_2_0))
                is_same = shade and (shade.width, shade.height) == (picture.width, picture.height)
                light = read_rows(other, shade) if shade and is_same else None
                _judge_pixels(file, picture, judge, light)
        else:
            _judge_pixels(file, picture, judge, None)
    judge.report(findings)
    return findings


def _judge_pixels(
    file: BinaryIO,
    picture: Picture,
    judge: _PixelJudge,
    light: Iterator[NDArray[np.uint8]] | None,
) -> None:
    first = 0
    for rows in read_rows(file, picture):
        judge.add(first, rows, next(light)[..., 0] if light else None)
        first += len(rows)


class _PixelJudge:
    """Judges the pixels of a hillshade, rows by rows."""

    def __init__(self, name: FileName | None, grid: BcGrid, reference: BcHeights | None) -> None:
        self._reference = reference
        self._is_coloured = bool(name and name.product.is_coloured)
        self._sun = (name.product.sun if name else None) or 0
        self._voids = VoidTally(None, grid, reference)
        self._coloured_pixels = 0
        self._tally: bc_relief.ValueTally | None = None
        self._name = name
        if reference and name:
            formula = "1 + 254 times the cosine between normal and sun"
            if self._is_coloured:
                formula = "colour of the ramp times the brightness over 255"
            self._tally = bc_relief.ValueTally(
                "colour" if self._is_coloured else "brightness", "3.5.4", formula, reference
            )

    def add(self, first: int, pixels: NDArray[np.uint8], light: NDArray[np.uint8] | None) -> None:
        """Add rows.

        Args:
            first: The first of them, from the north.
            pixels: Red, green and blue, shape (rows, columns, 3).
            light: Brightness of the black-and-white file, shape (rows, columns).
        """
        is_black = (pixels == 0).all(axis=2)
        self._voids.add(first, is_black)
        if not self._is_coloured:
            is_grey = (pixels[..., 0] == pixels[..., 1]) & (pixels[..., 1] == pixels[..., 2])
            self._coloured_pixels += int((~is_grey).sum())
        if self._tally is None or self._reference is None:
            return
        if not self._is_coloured:
            normals = bc_relief.find_normals(self._reference, first, len(pixels))
            grey = pixels[..., 0]
            excess = bc_relief.recompute_brightness(normals, self._sun) - grey
            self._tally.add(first, grey, excess, normals.is_known & ~is_black)
        elif light is not None:
            heights = self._reference.heights[first : first + len(pixels)]
            excess = bc_relief.recompute_colour(heights, light) - pixels
            worst = np.abs(excess).argmax(axis=2)[..., None]
            found = np.take_along_axis(pixels, worst, axis=2)[..., 0]
            most = np.take_along_axis(excess, worst, axis=2)[..., 0]
            self._tally.add(first, found, most, (heights != VOID) & ~is_black)

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        self._voids.report(findings)
        if self._name and not self._is_coloured:
            findings.judge(
                "3.5.4", "black and white", not self._coloured_pixels,
                expected="equal red, green and blue", found=f"{self._coloured_pixels:,} others",
            )  # fmt: skip
        if self._tally:
            self._tally.report(findings)
