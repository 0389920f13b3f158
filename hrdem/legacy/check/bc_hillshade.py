"""A BC hillshade: a 24-bit TIFF without compression, and its world file (BC 2.0, 3.5.4, 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import SPACING_METRES
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check import bc_relief
from hrdem.legacy.check.bc_dem import judge_bc_name
from hrdem.legacy.check.bc_heights import BcHeights, VoidTally
from hrdem.legacy.check.bc_place import BcGrid
from hrdem.legacy.check.entries import Entry
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition
from hrdem.tiff.read_ifd import BoundedReader, Directory, InvalidTiffError, read_directories

CLAUSE = "4.3"
MAX_PIXELS = 64 << 20  # the largest block has 36.4 million
_HEADER_BYTES = 4_096
_STRIP_ROWS = 64
_GEOREFERENCE_TAGS = (33550, 33922, 34264, 34735)
_WORLD = (SPACING_METRES, 0.0, 0.0, -SPACING_METRES)
_MAX_WORLD_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class _Picture:
    """Pixels of a baseline TIFF.

    Attributes:
        width: Columns.
        height: Rows.
        rows_per_strip: Rows of a strip.
        offsets: Position of each strip.
    """

    width: int
    height: int
    rows_per_strip: int
    offsets: tuple[int, ...]


def check_picture(
    entry: Entry, reference: BcHeights | None, black_and_white: Entry | None
) -> Findings:
    """Judge a hillshade.

    Args:
        entry: The file.
        reference: Heights of its set; None if it is alone.
        black_and_white: For a coloured hillshade, the one without colour of the same sun.

    Raises:
        RequestError: If it is no TIFF.
    """
    findings = Findings(entry.label, Edition.BC_2_0)
    name = judge_bc_name(entry.name, findings)
    with entry.open() as file:
        picture = _read_header(file, entry, findings)
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
                shade = _read_header(other, black_and_white, Findings("", Edition.BC_2_0))
                is_same = shade and (shade.width, shade.height) == (picture.width, picture.height)
                light = _read_rows(other, shade) if shade and is_same else None
                _judge_pixels(file, picture, judge, light)
        else:
            _judge_pixels(file, picture, judge, None)
    judge.report(findings)
    return findings


def _judge_pixels(
    file: BinaryIO,
    picture: _Picture,
    judge: _PixelJudge,
    light: Iterator[NDArray[np.uint8]] | None,
) -> None:
    first = 0
    for rows in _read_rows(file, picture):
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
            excess = bc_relief.brightness(normals, self._sun) - grey
            self._tally.add(first, grey, excess, normals.is_known & ~is_black)
        elif light is not None:
            heights = self._reference.heights[first : first + len(pixels)]
            excess = bc_relief.colour(heights, light) - pixels
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


def _read_header(file: BinaryIO, entry: Entry, findings: Findings) -> _Picture | None:
    """Judge the tags of a TIFF; None if its pixels are not as they should be.

    Raises:
        RequestError: If it is no TIFF.
    """

    def fetch(start: int, stop: int) -> bytes:
        file.seek(start)
        return file.read(stop - start)

    try:
        data = BoundedReader(fetch, entry.size, _HEADER_BYTES)
        directories = list(read_directories(data))
        return _check_tags(directories, entry.size, findings)
    except InvalidTiffError as exc:
        raise RequestError(
            f"{entry.label} cannot be read as a TIFF: {exc}. Get the file again."
        ) from exc


def _check_tags(directories: list[Directory], size: int, findings: Findings) -> _Picture | None:
    findings.judge(
        CLAUSE, "images", len(directories) == 1, expected="1", found=f"{len(directories)}"
    )
    if not directories:
        return None
    tags = directories[0]
    width, height = tags.number(256), tags.number(257)
    bits, samples = tags.whole(258), tags.number(277, 1)
    compression, photometric = tags.number(259, 1), tags.number(262)
    is_striped = 273 in tags and tags.number(284, 1) == 1
    is_full_colour = bits == (8, 8, 8) and samples == 3 and photometric == 2
    findings.judge(
        CLAUSE, "pixels", is_full_colour, expected="full colour, 24 bits",
        found=f"{samples} bands of {'-'.join(map(str, bits))} bits, photometric {photometric}",
    )  # fmt: skip
    findings.judge(
        CLAUSE, "compression", compression == 1, expected="none", found=f"number {compression}"
    )
    findings.judge(
        CLAUSE, "strips", is_striped, expected="strips of whole pixels",
        found="so" if is_striped else "tiles, or a plane for each band",
    )  # fmt: skip
    found = [tag for tag in _GEOREFERENCE_TAGS if tag in tags]
    findings.judge(
        CLAUSE, "georeference", not found, expected="none inside",
        found=f"tags {', '.join(map(str, found))}" if found else "none",
    )  # fmt: skip
    if not (is_full_colour and compression == 1 and is_striped):
        return None
    if not (width >= 1 and height >= 1 and width * height <= MAX_PIXELS):
        raise InvalidTiffError(f"it has {width} x {height} pixels")
    rows_per_strip = min(tags.number(278, height), height)
    offsets = tags.whole(273)
    if rows_per_strip < 1 or len(offsets) != -(-height // rows_per_strip):
        raise InvalidTiffError(f"it has {len(offsets)} strips of {rows_per_strip} rows")
    ends = [
        offset + 3 * width * min(rows_per_strip, height - number * rows_per_strip)
        for number, offset in enumerate(offsets)
    ]
    if max(ends) > size:
        raise InvalidTiffError(f"its pixels end at byte {max(ends):,} of {size:,}")
    return _Picture(width, height, rows_per_strip, offsets)


def _read_rows(file: BinaryIO, picture: _Picture) -> Iterator[NDArray[np.uint8]]:
    """Read the pixels, 64 rows at a time, whatever the strips."""
    row_bytes = 3 * picture.width
    for first in range(0, picture.height, _STRIP_ROWS):
        parts = []
        row, last = first, min(first + _STRIP_ROWS, picture.height)
        while row < last:
            strip, inside = divmod(row, picture.rows_per_strip)
            count = min(picture.rows_per_strip - inside, last - row)
            file.seek(picture.offsets[strip] + inside * row_bytes)
            parts.append(file.read(count * row_bytes))
            row += count
        content = np.frombuffer(b"".join(parts), np.uint8)
        yield content.reshape(last - first, picture.width, 3)


def check_world_file(entry: Entry, reference: BcHeights | None) -> Findings:
    """Judge a world file.

    Args:
        entry: The file.
        reference: Heights of its set; None if it is alone.

    Raises:
        RequestError: If it has more than a world file.
    """
    findings = Findings(entry.label, Edition.BC_2_0)
    judge_bc_name(entry.name, findings)
    content = entry.read(_MAX_WORLD_BYTES + 1)
    lines = content.split()
    numbers = [_parse_number(line) for line in lines[:7]]
    is_six = len(numbers) == 6 == content.strip().count(b"\n") + 1 and None not in numbers
    findings.judge(
        CLAUSE, "lines", is_six, expected="six, with a number each",
        found=f"{content.count(bytes([10]))} lines, {len(lines)} words",
    )  # fmt: skip
    if not is_six:
        return findings
    *steps, x, y = (number or 0.0 for number in numbers)
    findings.judge(
        CLAUSE, "pixel size and rotation", tuple(steps) == _WORLD, expected="25 0.0 0.0 -25",
        found=" ".join(f"{step:g}" for step in steps),
    )  # fmt: skip
    found = f"{x:.10g} {y:.10g}"
    findings.judge(
        "2, 4.3", "position", x % SPACING_METRES == 0 == y % SPACING_METRES,
        expected="centre of the upper left pixel, multiples of 25", found=found,
    )  # fmt: skip
    if reference is not None:
        grid = reference.grid
        findings.judge(
            CLAUSE, f"position against {reference.label}", (x, y) == (grid.west, grid.north),
            expected=f"{grid.west:.10g} {grid.north:.10g}", found=found,
        )  # fmt: skip
    return findings


def _parse_number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
