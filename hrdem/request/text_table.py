"""Text tables as editors and spreadsheets write them: CSV with any usual delimiter and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from hrdem.errors import RequestError

DELIMITERS = (",", ";", "\t", "|")
LONGITUDES = ("longitude", "long", "lon", "lng", "x", "easting")
LATITUDES = ("latitude", "lat", "y", "northing")
_COMMENT = "#"
_LETTER = re.compile(r"[^\W\d_]")
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text of rows, which can be read several times.

    Attributes:
        label: Its name, for messages.
        open_bytes: Opens it, at its start.
        encoding: Encoding.
        delimiter: Character between cells.
        has_comments: Whether lines that begin with # are left out.
        first: Cells of the first row.
    """

    label: str
    open_bytes: Callable[[], BinaryIO]
    encoding: str
    delimiter: str
    has_comments: bool
    first: tuple[str, ...]

    @property
    def has_header(self) -> bool:
        """Whether the first row has letters, and so names columns."""
        return any(map(_LETTER.search, self.first))

    def read_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line, from 1, and the cells of each row that is not blank.

        Raises:
            RequestError: If the file cannot be read, or is not CSV.
        """
        try:
            with _decode(self.open_bytes, self.encoding) as file:
                reader = csv.reader(file, delimiter=self.delimiter, skipinitialspace=True)
                for row in reader:
                    if any(map(str.strip, row)) and not self._is_comment(row[0]):
                        yield reader.line_num, row
        except csv.Error as exc:
            raise RequestError(
                f"{self.label}, line {reader.line_num}, is not CSV: {exc}. Correct it."
            ) from exc
        except OSError as exc:
            raise _unreadable(self.label, exc) from exc

    def _is_comment(self, line: str) -> bool:
        return self.has_comments and line.startswith(_COMMENT)


def open_text_table(
    label: str, open_bytes: Callable[[], BinaryIO], content: str, *, has_comments: bool = False
) -> TextTable:
    """Find the encoding and the delimiter of a text.

    Args:
        label: Its name, for messages.
        open_bytes: Opens it, at its start; called several times.
        content: What it should hold, for messages.
        has_comments: Whether lines that begin with # are left out.

    Raises:
        RequestError: If it cannot be read, is not a text, or is empty.
    """
    try:
        encoding = _find_encoding(open_bytes)
        with _decode(open_bytes, encoding) as file:
            lines = (line for line in file if line.strip())
            first = next((each for each in lines if not (has_comments and each[0] == _COMMENT)), "")
    except OSError as exc:
        raise _unreadable(label, exc) from exc
    if "\0" in first:
        raise RequestError(f"{label} is not a text. Give a text or CSV file of {content}.")
    if not first:
        raise RequestError(f"{label} is empty. Give a file of {content}.")
    delimiter = max(DELIMITERS, key=first.count)
    cells = next(csv.reader([first], delimiter=delimiter, skipinitialspace=True))
    return TextTable(
        label, open_bytes, encoding, delimiter, has_comments, tuple(map(str.strip, cells))
    )


def find_column(names: Sequence[str], known: Sequence[str], label: str, advice: str) -> int:
    """Return the position of the column that has one of the known names, in any case.

    Args:
        names: Names of the columns.
        known: Names that it may have, the likeliest first.
        label: Name of the file, for messages.
        advice: What to do if there is none, for messages.

    Raises:
        RequestError: If there is none.
    """
    folded = [name.casefold() for name in names]
    found = next((folded.index(name) for name in known if name in folded), None)
    if found is None:
        raise RequestError(
            f"{label} has no column {known[0]} (or {', '.join(known[1:])}); its columns are: "
            f"{', '.join(names)}. {advice}"
        )
    return found


def check_two_columns(table: TextTable) -> None:
    """Raise `RequestError` unless the rows of a table without a header are of two numbers."""
    if len(table.first) != 2:
        line = next(line for line, _ in table.read_rows())
        raise RequestError(
            f"{table.label}, line {line}, has {len(table.first)} cells, and nothing says which are "
            "longitude and latitude. Add a header: lon,lat,name."
        )


def _find_encoding(open_bytes: Callable[[], BinaryIO]) -> str:
    """Return the encoding: UTF-8, UTF-16 with a mark, or else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with open_bytes() as file:
        start = file.read(_READ_BYTES)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while start:
                decoder.decode(start)
                start = file.read(_READ_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _decode(open_bytes: Callable[[], BinaryIO], encoding: str) -> TextIO:
    return io.TextIOWrapper(open_bytes(), encoding, errors="replace", newline="")


def _unreadable(label: str, exc: OSError) -> RequestError:
    return RequestError(f"{label} cannot be read: {exc}. Give another file.")
