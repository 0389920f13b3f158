"""The pixels of an ESRI ASCII grid: one line for each row from the north."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import VOID
from hrdem.runtime.text import to_one_line
from hrdem.usgsdem.ascii_grid import MAX_SHOWN_CHARACTERS, NODATA, AsciiGrid

MAX_NUMBER_CHARACTERS = 64
MAX_WHOLE = 1 << 53  # in float64; numpy cuts off what does not fit int64
CHUNK_BYTES = 1 << 20
_BLANKS = b" \t\r\n"
_WHOLE = b"0123456789-" + _BLANKS
_TEXT_BYTES = 8  # of a pixel and its separator, at most "-32768 "


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
    shown = to_one_line(word.decode("ascii", "replace"), MAX_SHOWN_CHARACTERS)
    return RequestError(
        f"{name} has {shown!r} among its pixels, which is not a number. Get the file again."
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
