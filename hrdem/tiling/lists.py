"""Lists of NTS sheets and of points: text files, or CSV with a header or without."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.request.aoi.attributes import choose_field
from hrdem.request.aoi.nts import Sheet, parse_sheet
from hrdem.request.aoi.shape_part import Selection
from hrdem.request.convert import parse_number

MAX_LIST_BYTES = 50_000_000  # of a file; a list of all sheets at 1:50,000 has 0.1 MB
_COMMENT = "#"
_DELIMITERS = (",", ";", "\t", "|")
_LONGITUDES = ("longitude", "long", "lon", "lng", "x")
_LATITUDES = ("latitude", "lat", "y")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class ListedSheet:
    """A sheet of a list; its name is that of the column that names them, None without one."""

    sheet: Sheet
    name: str | None


@dataclass(frozen=True, slots=True)
class ListedPoint:
    """A point of a list, which is not checked.

    Attributes:
        longitude: As it is listed, degrees on NAD83.
        latitude: As it is listed, degrees on NAD83.
        line: Number of its line, from 1.
        name: Value of the column that names it; None without one.
    """

    longitude: float
    latitude: float
    line: int
    name: str | None


@dataclass(frozen=True, slots=True)
class _Table:
    """The cells of a list, without blank lines and comments.

    Attributes:
        label: Name of the file.
        lines: Number of each row's line, from 1.
        rows: Cells of each row.
    """

    label: str
    lines: list[int]
    rows: list[list[str]]

    def columns(self) -> list[str]:
        """Return the names in the first row."""
        return self.rows[0]

    def cell(self, row: int, column: int) -> str:
        """Return a cell; empty where a row is too short."""
        cells = self.rows[row]
        return cells[column] if column < len(cells) else ""


def read_sheets(path: Path, name_by: str | None) -> list[ListedSheet]:
    """Read names of NTS sheets: all cells of a text, or one column of a table with a header.

    Args:
        path: File.
        name_by: Column that names the sheets; None for none.

    Raises:
        RequestError: If it has none, a sheet does not exist, or there is no such column.
    """
    table = _read_table(path, "names of NTS sheets, such as 031G05")
    if any(_is_sheet(cell) or cell[:1].isdigit() for cell in table.columns()):
        if name_by is not None:
            raise _no_header_error(table, name_by)
        return [
            ListedSheet(_parse_sheet(cell, table.label, line), None)
            for line, row in zip(table.lines, table.rows, strict=True)
            for cell in row
            if cell
        ]
    names = _find_name_column(table, name_by)
    if len(table.rows) == 1:
        raise RequestError(f"{table.label} has a header and no sheet. Add lines with sheets.")
    column = next((n for n, cell in enumerate(table.rows[1]) if _is_sheet(cell)), None)
    if column is None:
        raise RequestError(
            f"{table.label} has no column of NTS sheets, such as 031G05: line {table.lines[1]} is "
            f"{','.join(table.rows[1])!r}. Give a table that has one, or one sheet on each line."
        )
    return [
        ListedSheet(
            _parse_sheet(table.cell(row, column), table.label, table.lines[row]),
            None if names is None else table.cell(row, names),
        )
        for row in range(1, len(table.rows))
    ]


def read_points(path: Path, name_by: str | None) -> list[ListedPoint]:
    """Read points: longitude and latitude on each line, or in the columns of a table that say so.

    Args:
        path: File.
        name_by: Column that names the points; None for none.

    Raises:
        RequestError: If it has none, or no such columns, or something else than numbers.
    """
    table = _read_table(path, "points as longitude,latitude")
    has_header = any(map(_LETTER.search, table.columns()))
    names, x, y = None, 0, 1
    if has_header:
        names = _find_name_column(table, name_by)
        x, y = (_find_coordinate(table, known) for known in (_LONGITUDES, _LATITUDES))
    elif name_by is not None:
        raise _no_header_error(table, name_by)
    elif len(table.columns()) != 2:
        raise RequestError(
            f"{table.label}, line {table.lines[0]}, has {len(table.columns())} cells, and nothing "
            "says which are longitude and latitude. Add a header: lon,lat,name."
        )
    found = []
    for row in range(int(has_header), len(table.rows)):
        line = table.lines[row]
        try:
            longitude, latitude = (parse_number(table.cell(row, each)) for each in (x, y))
        except ValueError as exc:
            raise RequestError(f"{table.label}, line {line}: {exc}") from exc
        name = None if names is None else table.cell(row, names)
        found.append(ListedPoint(longitude, latitude, line, name))
    if not found:
        raise RequestError(f"{table.label} has a header and no point. Add lines with points.")
    return found


def _read_table(path: Path, content: str) -> _Table:
    """Read a text or CSV; ``content`` says what it should hold, for messages."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)  # a device or a pipe does not say its size
    except OSError as exc:
        raise RequestError(f"{path.name} cannot be read: {exc}. Give another file.") from exc
    if len(data) > MAX_LIST_BYTES:
        raise RequestError(
            f"{path.name} has more than {MAX_LIST_BYTES:,} bytes, too many for a list. Give a "
            f"text of {content}."
        )
    text = _decode(data)
    if "\0" in text:
        raise RequestError(f"{path.name} is not a text. Give a text or CSV file of {content}.")
    first = next((line for line in text.splitlines() if _is_content(line)), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    lines, rows = [], []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].startswith(_COMMENT):
                rows.append([cell.strip() for cell in cells])
                lines.append(reader.line_num)
    except csv.Error as exc:
        raise RequestError(
            f"{path.name}, line {reader.line_num}, is not CSV: {exc}. Correct it."
        ) from exc
    if not rows:
        raise RequestError(f"{path.name} is empty. Give a file of {content}.")
    return _Table(path.name, lines, rows)


def _decode(data: bytes) -> str:
    """Decode what editors and spreadsheets write: UTF-8, UTF-16 with a mark, or Windows-1252."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(_COMMENT)


def _is_sheet(cell: str) -> bool:
    try:
        parse_sheet(cell)
    except RequestError:
        return False
    return True


def _parse_sheet(cell: str, label: str, line: int) -> Sheet:
    try:
        return parse_sheet(cell)
    except RequestError as exc:
        raise RequestError(f"{label}, line {line}: {exc}") from exc


def _find_name_column(table: _Table, name_by: str | None) -> int | None:
    if name_by is None:
        return None
    field = choose_field(table.columns(), Selection(name_by), table.label)
    assert field is not None
    return table.columns().index(field)


def _find_coordinate(table: _Table, known: Sequence[str]) -> int:
    """Return the column that has one of the known names."""
    columns = [column.casefold() for column in table.columns()]
    found = next((columns.index(name) for name in known if name in columns), None)
    if found is None:
        raise RequestError(
            f"{table.label} has no column {known[0]} (or {', '.join(known[1:])}); its columns are: "
            f"{', '.join(table.columns())}. Name the columns of the points lon and lat, in degrees."
        )
    return found


def _no_header_error(table: _Table, name_by: str) -> RequestError:
    return RequestError(
        f"{table.label} has no header, in which `name_by={name_by}` could name a column. Add one, "
        "or leave `name_by` out."
    )
