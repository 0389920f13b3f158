"""A BC .asc file: its header, its lines, its values (BC 2.0, 3.2, 3.5 and 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.legacy.bc.blocks import SPACING_METRES
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check import bc_relief
from hrdem.legacy.check.bc_header import judge_bc_name
from hrdem.legacy.check.bc_heights import BcHeights, VoidTally
from hrdem.legacy.check.bc_place import BcGrid, find_block, judge_grid
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition
from hrdem.usgsdem.ascii_grid import NODATA, AsciiGrid, read_ascii_header

CLAUSE = "4.2"
KEYWORDS = ("ncols", "nrows", "xllcorner", "yllcorner", "cellsize", "nodata_value")
#: lowest and highest value of each variant
RANGES = {
    "elevation": (-32_766, 32_767),
    "slope-pct": (0, 32_767),
    "slope-deg": (0, 90),
    "aspect": (-1, 359),
}
_CHUNK_BYTES = 1 << 20
_MAX_LINE_BYTES = 1 << 20
_WHOLE = b"0123456789- \r\n"
_LINE = re.compile(rb"(\w+) (-?\d+\.?\d*)\r?\n")


def check_ascii(
    checked: CheckedFile, reference: BcHeights | None
) -> tuple[Findings, BcHeights | None]:
    """Judge a BC .asc file.

    Args:
        checked: The file.
        reference: Heights of its set; None for the elevations themselves.

    Returns:
        What was found, and the heights if it has those, whole, and there is no reference.

    Raises:
        RequestError: If it is no ASCII grid.
    """
    findings = Findings(checked.label, Edition.BC_2_0)
    name = judge_bc_name(checked.name, findings)
    with checked.open() as file:
        header = read_ascii_header(file, checked.label)
    grid = _check_header(checked, header, findings)
    judge_grid(grid, name, findings)
    if reference is not None:
        findings.judge(
            "2", f"grid against {reference.label}", reference.grid == grid,
            expected=reference.grid.describe(), found=grid.describe(),
        )  # fmt: skip
    usable = reference if reference and reference.grid == grid else None
    is_elevation = name is None or name.variant == "elevation"
    heights = None
    if is_elevation and reference is None:
        # takes no memory for rows that the header announces and the file lacks
        heights = np.empty((grid.rows, grid.columns), np.int16)
    values = _Values(name, grid, usable)
    problem, row = "", 0
    try:
        with checked.open() as file:
            file.read(header.start)
            for rows in _read_rows(file, header):
                values.add(row, rows)
                if heights is not None:
                    clipped = np.clip(rows, VOID + 1, -VOID)
                    heights[row : row + len(rows)] = np.where(rows == NODATA, VOID, clipped)
                row += len(rows)
    except _InvalidRowsError as exc:
        problem = str(exc)
    findings.judge(
        CLAUSE, "rows", not problem, expected=f"{grid.rows} lines of {grid.columns} whole numbers",
        found=problem or f"{row} lines",
    )  # fmt: skip
    if problem:
        return findings, None
    values.report(findings)
    return findings, BcHeights(checked.label, grid, heights) if heights is not None else None


def _check_header(checked: CheckedFile, header: AsciiGrid, findings: Findings) -> BcGrid:
    lines = checked.read(2048).split(b"\n", 6)[:6]
    words = [_LINE.fullmatch(line + b"\n") for line in lines]
    found = [match[1].decode().lower() if match else "?" for match in words]
    findings.judge(
        CLAUSE, "header", found == list(KEYWORDS),
        expected="ncols, nrows, xllcorner, yllcorner, cellsize, NODATA_value: a line each",
        found=", ".join(found),
    )  # fmt: skip
    findings.judge(
        CLAUSE, "cellsize", header.cell == (SPACING_METRES, SPACING_METRES),
        expected="25", found=f"{header.cell[0]:g}",
    )  # fmt: skip
    findings.judge(
        "3.2", "NODATA_value", header.nodata == NODATA, expected=f"{NODATA}",
        found="none" if header.nodata is None else f"{header.nodata:g}",
    )  # fmt: skip
    west, south = header.left + SPACING_METRES / 2, header.bottom + SPACING_METRES / 2
    if header.left % SPACING_METRES == 0 == header.bottom % SPACING_METRES:
        west, south = header.left, header.bottom
        findings.note(
            "2, 4.2", "xllcorner and yllcorner",
            expected="corners, 12.5 m off the multiples of 25; the example prints multiples",
            found="multiples of 25: taken for a pixel centre",
        )  # fmt: skip
    return BcGrid(west, south, header.columns, header.rows)


class _Values:
    """Judges the values of a file, rows by rows."""

    def __init__(self, name: FileName | None, grid: BcGrid, reference: BcHeights | None) -> None:
        self._variant = name.variant if name else "elevation"
        self._reference = reference
        self._voids = VoidTally(name, grid, reference)
        self._low, self._high = 1 << 30, -(1 << 30)
        block = find_block(name) if name else None
        self._north = block.compute_north(name.projection) if name and block else None
        self._tally = self._make_tally()

    def _make_tally(self) -> bc_relief.ValueTally | None:
        formulas = {
            "elevation": ("3.5", "equal heights"),
            "slope-pct": ("3.5.3", "rise over run of the normal, whole percent"),
            "slope-deg": ("3.5.3", "angle of the normal, whole degrees"),
            "aspect": ("3.5.3", "direction of the normal from true north; -1 below 2 degrees"),
        }
        clause, formula = formulas[self._variant]
        if self._reference is None or (self._variant == "aspect" and self._north is None):
            return None
        return bc_relief.ValueTally(self._variant, clause, formula, self._reference)

    def add(self, first: int, rows: NDArray[np.int64]) -> None:
        """Add rows.

        Args:
            first: The first of them, from the north.
            rows: Their values.
        """
        is_void = rows == NODATA
        self._voids.add(first, is_void)
        self._low = min(self._low, int(np.where(is_void, 1 << 30, rows).min()))
        self._high = max(self._high, int(np.where(is_void, -(1 << 30), rows).max()))
        if self._tally is None or self._reference is None:
            return
        if self._variant == "elevation":
            heights = self._reference.heights[first : first + len(rows)]
            is_known = ~is_void & (heights != VOID)
            self._tally.add(first, rows, heights.astype(np.float64) - rows, is_known)
            return
        normals = bc_relief.find_normals(self._reference, first, len(rows))
        excess = self._find_excess(normals, rows)
        self._tally.add(first, rows, excess, normals.is_known & ~is_void)

    def _find_excess(
        self, normals: bc_relief.Normals, rows: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        if self._variant == "slope-pct":
            return bc_relief.recompute_slope_percent(normals) - rows
        if self._variant == "slope-deg":
            return bc_relief.recompute_slope_degrees(normals) - rows
        assert self._north is not None
        turned = bc_relief.recompute_aspect(normals, self._north) - rows
        excess = (turned + 180) % 360 - 180
        is_flat = bc_relief.recompute_slope_degrees(normals) < bc_relief.MIN_ASPECT_SLOPE
        excess[is_flat] = (bc_relief.FLAT - rows)[is_flat]
        excess[~is_flat & (rows == bc_relief.FLAT)] = 360.0
        return excess

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        low, high = RANGES[self._variant]
        is_empty = self._low > self._high
        findings.judge(
            "3.5", f"range of {self._variant}",
            is_empty or (low <= self._low and self._high <= high),
            expected=f"{low} to {high}",
            found="no data alone" if is_empty else f"{self._low} to {self._high}",
        )  # fmt: skip
        self._voids.report(findings)
        if self._tally:
            self._tally.report(findings)


class _InvalidRowsError(Exception):
    """The lines of a file are no rows; the message says why."""


def _read_rows(file: BinaryIO, header: AsciiGrid) -> Iterator[NDArray[np.int64]]:
    """Read the lines after the header, a few at a time.

    Raises:
        _InvalidRowsError: If a line has another number of values, or one that is not whole.
    """
    done, rest = 0, b""
    file_end = False
    first_line = True
    while not file_end:
        chunk = file.read(_CHUNK_BYTES)
        file_end = not chunk
        text = rest + chunk
        if first_line and text:  # what follows the last number of the header
            text = text.lstrip(b" \r").removeprefix(b"\n")
            first_line = False
        end = len(text) if file_end else text.rfind(b"\n") + 1
        text, rest = text[:end], text[end:]
        if len(rest) > _MAX_LINE_BYTES + _CHUNK_BYTES:
            raise _InvalidRowsError(f"line {done + 7} is longer than {_MAX_LINE_BYTES:,} bytes")
        if not text.strip():
            continue
        rows = _parse_lines(text if text.endswith(b"\n") else text + b"\n", header.columns, done)
        done += len(rows)
        if done > header.rows:
            raise _InvalidRowsError(f"more than {header.rows} lines")
        yield rows
    if done < header.rows:
        raise _InvalidRowsError(f"{done} lines")


def _parse_lines(text: bytes, columns: int, done: int) -> NDArray[np.int64]:
    """Parse whole lines; `done` lines came before."""
    if odd := text.translate(None, _WHOLE):
        words = (word for word in text.split() if not re.fullmatch(rb"-?\d+", word))
        first = next(words, odd[:1])  # a tab, or another blank that is no space
        raise _InvalidRowsError(f"{first[:20].decode('ascii', 'replace')!r} among the values")
    characters = np.frombuffer(text, np.uint8)
    is_space = characters <= ord(" ")
    starts = np.flatnonzero(~is_space[1:] & is_space[:-1]) + 1
    if not is_space[0]:
        starts = np.concatenate([[0], starts])
    ends = np.flatnonzero(characters == ord("\n"))
    counts = np.diff(np.searchsorted(starts, ends), prepend=0)
    if (counts != columns).any():
        line = int(np.argmax(counts != columns))
        raise _InvalidRowsError(f"{counts[line]} values in line {done + line + 7}")
    minus = np.flatnonzero(characters == ord("-"))
    is_sign = np.isin(minus, starts) & (characters[minus + 1] >= ord("0"))
    if not is_sign.all():
        raise _InvalidRowsError(f"a minus that is no sign after line {done + 6}")
    numbers: NDArray[np.int64] = np.fromstring(text, np.int64, sep=" ")
    return numbers.reshape(-1, columns)
