"""The header of an ESRI ASCII grid: six lines, which name no CRS."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import BinaryIO

from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.runtime.text import to_one_line

NODATA = -9999  # BC 2.0, 3.2
MAX_PIXELS = 64 << 20  # the largest BC file has 36.4 million
MAX_COLUMNS = 1 << 20  # a row is in memory as numbers of 8 bytes
MAX_HEADER_BYTES = 2_048
MAX_SHOWN_CHARACTERS = 40  # of a word in a message
_LINE = re.compile(rb"\s*([A-Za-z_]+)[ \t]+(\S+)[ \t]*(?=[\r\n])")
_CORNERS = ("xllcorner", "xllcenter", "yllcorner", "yllcenter")
_KEYWORDS = frozenset(("ncols", "nrows", *_CORNERS, "cellsize", "dx", "dy", "nodata_value"))


@dataclass(frozen=True, slots=True)
class AsciiGrid:
    """Header of an ESRI ASCII grid.

    Attributes:
        columns: Number of columns.
        rows: Number of rows.
        left: Western edge of the first column, in units of the unnamed CRS.
        bottom: Southern edge of the last row, likewise.
        cell: Width and height of a pixel, likewise.
        nodata: Pixel value that stands for no data; None if the header names none.
        start: Position of the first row in the file, bytes.
    """

    columns: int
    rows: int
    left: float
    bottom: float
    cell: tuple[float, float]
    nodata: float | None
    start: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.columns * self.rows

    def make_grid(self, crs: str) -> Grid:
        """Return the pixel grid in a CRS, which the file does not name."""
        dx, dy = self.cell
        top = self.bottom + self.rows * dy
        return Grid(crs, Affine(dx, 0, self.left, 0, -dy, top), self.columns, self.rows)


def is_ascii_grid(head: bytes) -> bool:
    """Whether a file begins as an ESRI ASCII grid does."""
    line = _LINE.match(head)
    return line is not None and line[1].decode().lower() in _KEYWORDS


def read_ascii_header(file: BinaryIO, name: str) -> AsciiGrid:
    """Read the header of an ESRI ASCII grid.

    Keywords are read in any order and case, as other software writes them; ``dx`` and ``dy`` may
    stand for ``cellsize``, as GDAL writes them for oblong pixels.

    Args:
        file: The file, at its beginning.
        name: Its name in messages.

    Raises:
        RequestError: If it is not such a file, or describes no grid.
    """
    head = file.read(MAX_HEADER_BYTES)
    found: dict[str, float] = {}
    start = 0
    while (line := _LINE.match(head, start)) and (key := line[1].decode().lower()) in _KEYWORDS:
        if key in found:
            raise _header_error(name, f"its header has {key} twice")
        found[key] = _parse_header_number(line[2], key, name)
        start = line.end()
    columns, rows = (_get_count(found, key, name) for key in ("ncols", "nrows"))
    if columns > MAX_COLUMNS or columns * rows > MAX_PIXELS:
        raise RequestError(
            f"{name} has {columns:.10g} x {rows:.10g} pixels, and at most {MAX_PIXELS:,} are read, "
            f"{MAX_COLUMNS:,} in a row. Cut it into parts, for example with gdal_translate -srcwin."
        )
    dx, dy = (found.get(key, found.get("cellsize", math.nan)) for key in ("dx", "dy"))
    if not (dx > 0 and dy > 0):
        raise _header_error(name, "its header has no cellsize above 0")
    left, bottom = (_get_edge(found, axis, size, name) for axis, size in (("x", dx), ("y", dy)))
    nodata = found.get("nodata_value")
    return AsciiGrid(columns, rows, left, bottom, (dx, dy), nodata, start)


def _parse_header_number(text: bytes, key: str, name: str) -> float:
    number = math.nan
    if b"_" not in text:  # Python reads 1_000
        try:
            number = float(text)
        except ValueError as exc:
            raise _header_error(name, f"its {key} is {_quote(text)}, not a number") from exc
    if not math.isfinite(number) and key != "nodata_value":
        raise _header_error(name, f"its {key} is {_quote(text)}, not a number")
    return number


def _get_count(found: dict[str, float], key: str, name: str) -> int:
    number = found.get(key, math.nan)
    if not (number >= 1 and number == int(number)):
        raise _header_error(name, f"its header has no {key} that is a whole number above 0")
    return int(number)


def _get_edge(found: dict[str, float], axis: str, size: float, name: str) -> float:
    """Return the western or southern edge, which the header may give by a pixel's centre."""
    corner, centre = f"{axis}llcorner", f"{axis}llcenter"
    if (corner in found) == (centre in found):
        raise _header_error(name, f"its header needs one of {corner} and {centre}")
    edge = found[corner] if corner in found else found[centre] - size / 2
    if edge + size == edge:
        raise _header_error(name, f"its pixels are too small for its {axis} coordinate")
    return edge


def _header_error(name: str, problem: str) -> RequestError:
    return RequestError(
        f"{name} is not an ESRI ASCII grid: {problem}. Give a file that begins with ncols, nrows, "
        "xllcorner, yllcorner, cellsize and NODATA_value."
    )


def _quote(text: bytes) -> str:
    return f"{to_one_line(text.decode('ascii', 'replace'), MAX_SHOWN_CHARACTERS)!r}"


def format_ascii_header(grid: Grid) -> bytes:
    """Return the six lines that precede the pixels (BC 2.0, 4.2).

    Args:
        grid: Grid of square pixels.

    Raises:
        ValueError: If the pixels are oblong.
    """
    cell, height = grid.resolution
    if cell != height:
        raise ValueError(f"pixels of {cell:g} x {height:g} are not square")
    left, bottom, *_ = grid.bounds
    header = {
        "ncols": grid.width, "nrows": grid.height,
        "xllcorner": left, "yllcorner": bottom,
        "cellsize": cell, "NODATA_value": NODATA,
    }  # fmt: skip
    return "".join(f"{key} {value:.15g}\n" for key, value in header.items()).encode()
