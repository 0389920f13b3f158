"""ESRI ASCII grids: a header of six lines, then one line of pixels for each row from the north."""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.nodata import VOID
from hrdem.runtime.text import to_one_line

NODATA = -9999  # BC 2.0, 3.2
MAX_PIXELS = 64 << 20  # the largest BC file has 36.4 million
MAX_COLUMNS = 1 << 20  # a row is in memory as numbers of 8 bytes
MAX_NUMBER_CHARACTERS = 64
MAX_HEADER_BYTES = 2_048
MAX_WHOLE = 1 << 53  # in float64; numpy cuts off what does not fit int64
CHUNK_BYTES = 1 << 20
_MAX_SHOWN_CHARACTERS = 40
_BLANKS = b" \t\r\n"
_WHOLE = b"0123456789-" + _BLANKS
_LINE = re.compile(rb"\s*([A-Za-z_]+)[ \t]+(\S+)[ \t]*(?=[\r\n])")
_TEXT_BYTES = 8  # of a pixel and its separator, at most "-32768 "
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
    return f"{to_one_line(text.decode('ascii', 'replace'), _MAX_SHOWN_CHARACTERS)!r}"


def read_ascii_rows(file: BinaryIO, header: AsciiGrid, name: str) -> Iterator[Pixels]:
    """Read the pixels from the north to the south, some rows at a time.

    A row may be broken into several lines.

    Args:
        file: The file; it needs to be able to seek.
        header: Its header, from `read_ascii_header`.
        name: Its name in messages.

    Returns:
        Iterator of int64 or float64 arrays of shape (rows, columns) with the numbers of the file,
        nodata included.

    Raises:
        RequestError: If there are fewer or more numbers than pixels, or something is no number.
    """
    _check_size(file, header, name)
    return _iterate_rows(file, header, name)


def _iterate_rows(file: BinaryIO, header: AsciiGrid, name: str) -> Iterator[Pixels]:
    waiting: list[Pixels] = []
    count = read = 0
    for numbers in _read_numbers(file, header, name):
        read += numbers.size
        if read > header.pixels:
            raise RequestError(
                f"{name} has more than the {header.pixels:,} numbers that its header announces "
                f"({header.columns:,} columns, {header.rows:,} rows). Correct its header, or get "
                "the file again."
            )
        waiting.append(numbers)
        count += numbers.size
        rows = count // header.columns
        if rows:
            joined = np.concatenate(waiting)
            whole, rest = np.split(joined, [rows * header.columns])
            yield whole.reshape(rows, header.columns)
            waiting, count = [rest], rest.size
    if read < header.pixels:
        raise RequestError(
            f"{name} is cut off: it has {read:,} of the {header.pixels:,} numbers that its header "
            f"announces ({header.columns:,} columns, {header.rows:,} rows). Get the file again."
        )


def _check_size(file: BinaryIO, header: AsciiGrid, name: str) -> None:
    """Check that a file is long enough for its numbers, before room is made for them."""
    size = file.seek(0, os.SEEK_END) - header.start
    if size < 2 * header.pixels - 1:  # a digit each, with a blank between
        raise RequestError(
            f"{name} is cut off: its header announces {header.columns:,} columns and "
            f"{header.rows:,} rows, and {size:,} bytes follow it. Get the file again."
        )


def _read_numbers(file: BinaryIO, header: AsciiGrid, name: str) -> Iterator[Pixels]:
    """Yield the numbers in pieces of about a million bytes of text."""
    file.seek(header.start)
    rest = b""
    for chunk in itertools.chain(iter(functools.partial(file.read, CHUNK_BYTES), b""), [b" "]):
        text = rest + chunk
        end = max(map(text.rfind, (b" ", b"\n", b"\t", b"\r"))) + 1
        rest = text[end:]
        if len(rest) > MAX_NUMBER_CHARACTERS:
            raise _number_error(rest, name)
        if not text[:end].isspace() and end:
            yield _parse_numbers(text[:end], name)


def _parse_numbers(text: bytes, name: str) -> Pixels:
    """Parse numbers with blanks between them and after the last."""
    if not text.translate(None, _WHOLE):
        characters = np.frombuffer(text, np.uint8)
        minus = np.flatnonzero(characters == ord("-"))
        before = characters[minus[minus > 0] - 1]
        if (characters[minus + 1] >= ord("0")).all() and (before <= ord(" ")).all():
            numbers: Pixels = np.fromstring(text, np.int64, sep=" ")
            if np.abs(numbers).max() < MAX_WHOLE:
                return numbers
    if b"_" in text:  # Python reads 1_000
        raise _number_error(next(word for word in text.split() if b"_" in word), name)
    words = text.split()
    try:
        return np.fromiter(map(float, words), np.float64, len(words))
    except ValueError as exc:
        raise _number_error(next(itertools.filterfalse(_is_number, words)), name) from exc


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _number_error(word: bytes, name: str) -> RequestError:
    return RequestError(
        f"{name} has {_quote(word)} among its pixels, which is not a number. Get the file again."
    )


def read_ascii_pixels(file: BinaryIO, header: AsciiGrid, name: str) -> Pixels:
    """Read all pixels.

    Args:
        file: The file; it needs to be able to seek.
        header: Its header, from `read_ascii_header`.
        name: Its name in messages.

    Returns:
        Array of shape (rows, columns), north-up, with `VOID` for no data: int16 if all pixels are
        whole numbers of that range, else float32.

    Raises:
        RequestError: As `read_ascii_rows`, or if a pixel is infinite.
    """
    strips = read_ascii_rows(file, header, name)
    pixels: Pixels = np.empty((header.rows, header.columns), np.int16)
    row = 0
    for rows in strips:
        clean = _replace_nodata(rows, header.nodata)
        if pixels.dtype == np.int16 and not _fits_int16(clean):
            pixels = _widen(pixels, row)
        with np.errstate(over="ignore"):
            pixels[row : row + len(rows)] = clean
        if pixels.dtype != np.int16 and np.isinf(pixels[row : row + len(rows)]).any():
            raise RequestError(
                f"{name} has pixels too large for float32, which are no heights. Name their value "
                "as NODATA_value in its header if they stand for no data."
            )
        row += len(rows)
    return pixels


def _widen(pixels: Pixels, rows: int) -> Pixels:
    """Return float32 pixels with the first rows of others; the others are not touched."""
    wide = np.empty(pixels.shape, np.float32)
    wide[:rows] = pixels[:rows]
    return wide


def _replace_nodata(rows: Pixels, nodata: float | None) -> Pixels:
    is_void = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, bool)
    if nodata is not None:
        is_void |= rows == nodata
    return np.where(is_void, rows.dtype.type(VOID), rows)


def _fits_int16(rows: Pixels) -> bool:
    limits = np.iinfo(np.int16)
    if rows.min() < limits.min or rows.max() > limits.max:
        return False
    return rows.dtype.kind == "i" or bool((rows == np.trunc(rows)).all())


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


def format_ascii_rows(strip: NDArray[np.int16]) -> memoryview:
    """Return rows as text, a line for each, with one space between pixels.

    Args:
        strip: int16 array of shape (rows, columns), with `VOID` for no data.
    """
    texts = _make_texts().take(strip.view(np.uint16))
    characters = texts.view(np.uint8).reshape(*strip.shape, _TEXT_BYTES)
    last = characters[:, -1]
    last[last == ord(" ")] = ord("\n")
    text: memoryview = characters[characters != 0].data
    return text


@functools.cache
def _make_texts() -> NDArray[np.uint64]:
    """Return the text of each int16, by its bits as uint16, with a space after it."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.int16).tolist()
    texts = [f"{NODATA if value == VOID else value} " for value in values]
    return np.array(texts, f"S{_TEXT_BYTES}").view(np.uint64)
