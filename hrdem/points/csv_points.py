"""Points in text: CSV with a header, or two numbers a line."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.errors import RequestError
from hrdem.points.table import BATCH_ROWS, Columns, PointTable

DELIMITERS = (",", ";", "\t", "|")
LONGITUDES = ("longitude", "long", "lon", "lng", "x", "easting")
LATITUDES = ("latitude", "lat", "y", "northing")
_READ_BYTES = 1 << 20
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a text file (see `hrdem.points.table.Rows`).

    Attributes:
        path: The file.
        label: Its name, for messages.
        encoding: Encoding.
        delimiter: Character between cells.
        names: Names of the columns.
        has_header: Whether the first row has the names.
        count: Number of rows.
    """

    path: Path
    label: str
    encoding: str
    delimiter: str
    names: tuple[str, ...]
    has_header: bool
    count: int = 0

    def read_batches(self) -> Iterator[Columns]:
        """Yield the cells of each column, as text."""
        width, seen = len(self.names), 0
        for rows in _batch(self.iterate(), BATCH_ROWS):
            seen += len(rows)
            cells = [[*row[:width], *[""] * (width - len(row))] for _, row in rows]
            yield list(np.array(cells, object).reshape(len(rows), width).T)
        if seen != self.count:
            raise RequestError(f"{self.label} changed while it was read. Run the command again.")

    def iterate(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line and the cells of each row that is not blank."""
        try:
            with self.path.open(encoding=self.encoding, errors="replace", newline="") as file:
                reader = csv.reader(file, delimiter=self.delimiter)
                rows = ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
                yield from itertools.islice(rows, int(self.has_header), None)
        except csv.Error as exc:
            raise RequestError(
                f"{self.label}, line {reader.line_num}, is not CSV: {exc}. Correct it."
            ) from exc
        except OSError as exc:
            raise RequestError(f"{self.label} cannot be read: {exc}. Give another file.") from exc


def read_csv_points(
    path: Path, label: str, crs: str, x_column: str | None, y_column: str | None
) -> PointTable:
    """Read the points of a text file; a blank cell is a row without a point.

    Args:
        path: File.
        label: Its name, for messages.
        crs: CRS of the points.
        x_column: Column of the longitude or x; None to find it.
        y_column: Column of the latitude or y; None to find it.

    Raises:
        RequestError: If it is no such file, has no such columns or no row, or a cell is no number.
    """
    encoding = _find_encoding(path, label)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        first = next((line for line in file if line.strip()), "")
    if "\0" in first:
        raise RequestError(f"{label} is not a text. Give a CSV file, or a vector file of points.")
    if not first:
        raise RequestError(f"{label} is empty. Give a CSV file with the columns lon and lat.")
    delimiter = max(DELIMITERS, key=first.count)
    cells = next(csv.reader([first], delimiter=delimiter))
    has_header = any(map(_LETTER.search, cells))
    names = tuple(cell.strip() for cell in cells) if has_header else ("lon", "lat")
    if not has_header and len(cells) != 2:
        raise RequestError(
            f"{label}, line 1, has {len(cells)} cells, and nothing says which are longitude and "
            "latitude. Add a header: lon,lat,name."
        )
    x = _find_column(names, x_column, LONGITUDES, "x_column", label)
    y = _find_column(names, y_column, LATITUDES, "y_column", label)
    rows = CsvRows(path, label, encoding, delimiter, names, has_header)
    parts = [_parse(batch, x, y, label) for batch in _batch(rows.iterate(), BATCH_ROWS)]
    if not parts:
        raise RequestError(f"{label} has a header and no point. Add lines with points.")
    points = np.concatenate(parts)
    counted = CsvRows(path, label, encoding, delimiter, names, has_header, len(points))
    return PointTable(label, points, crs, counted)


def _find_encoding(path: Path, label: str) -> str:
    """Return the encoding: UTF-8, UTF-16 with a mark, or else Windows-1252."""
    try:
        with path.open("rb") as file:
            start = file.read(_READ_BYTES)
            if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            decoder = codecs.getincrementaldecoder("utf-8-sig")()
            while start:
                decoder.decode(start)
                start = file.read(_READ_BYTES)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except OSError as exc:
        raise RequestError(f"{label} cannot be read: {exc}. Give another file.") from exc
    return "utf-8-sig"


def _find_column(
    names: Sequence[str], chosen: str | None, known: Sequence[str], parameter: str, label: str
) -> int:
    """Return the position of a column: the chosen one, or one with a known name."""
    listed = f"its columns are: {', '.join(names)}"
    if chosen is not None:
        if chosen not in names:
            raise RequestError(
                f"{label} has no column {chosen}; {listed}. Give one of them as `{parameter}`."
            )
        return names.index(chosen)
    folded = [name.casefold() for name in names]
    found = next((folded.index(name) for name in known if name in folded), None)
    if found is None:
        raise RequestError(
            f"{label} has no column {known[0]} (or {', '.join(known[1:])}); {listed}. Name the "
            f"one that holds it as `{parameter}`."
        )
    return found


def _parse(batch: Sequence[tuple[int, list[str]]], x: int, y: int, label: str) -> np.ndarray:
    points = np.empty((len(batch), 2))
    for number, (line, row) in enumerate(batch):
        cells = [row[each].strip() if each < len(row) else "" for each in (x, y)]
        try:
            points[number] = [float(cell) if cell else np.nan for cell in cells]
        except ValueError as exc:
            raise RequestError(
                f"{label}, line {line}: {','.join(cells)!r} are not two numbers. Write them with a "
                "decimal point, as -75.7,45.4."
            ) from exc
    return points


def _batch(
    rows: Iterator[tuple[int, list[str]]], size: int
) -> Iterator[list[tuple[int, list[str]]]]:
    while batch := list(itertools.islice(rows, size)):
        yield batch
