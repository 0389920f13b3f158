"""Lists of NTS sheets and of points: text files, or CSV with a header or without."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.request.aoi.attributes import choose_field
from hrdem.request.aoi.nts import Sheet, parse_sheet
from hrdem.request.aoi.shape_part import Selection
from hrdem.request.convert import parse_number
from hrdem.request.text_table import (
    LATITUDES,
    LONGITUDES,
    TextTable,
    check_two_columns,
    find_column,
    open_text_table,
)

MAX_LIST_BYTES = 50_000_000  # of a file; a list of all sheets at 1:50,000 has 0.1 MB


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
        text: The text.
        lines: Number of each row's line, from 1.
        rows: Cells of each row.
    """

    text: TextTable
    lines: list[int]
    rows: list[list[str]]

    @property
    def label(self) -> str:
        """Name of the file."""
        return self.text.label

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
    names, x, y = None, 0, 1
    if table.text.has_header:
        names = _find_name_column(table, name_by)
        advice = "Name the columns of the points lon and lat, in degrees."
        x, y = (
            find_column(table.columns(), known, table.label, advice)
            for known in (LONGITUDES, LATITUDES)
        )
    elif name_by is not None:
        raise _no_header_error(table, name_by)
    else:
        check_two_columns(table.text)
    found = []
    for row in range(int(table.text.has_header), len(table.rows)):
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
        path.name.encode()
    except UnicodeEncodeError as exc:
        raise RequestError(
            f"The name of {path.name} is not in UTF-8, in which it would be written into the items "
            "of the tiles. Copy it to a file under another name."
        ) from exc
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
    text = open_text_table(path.name, lambda: io.BytesIO(data), content, has_comments=True)
    lines, rows = [], []
    for line, cells in text.read_rows():
        lines.append(line)
        rows.append([cell.strip() for cell in cells])
    return _Table(text, lines, rows)


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


def _no_header_error(table: _Table, name_by: str) -> RequestError:
    return RequestError(
        f"{table.label} has no header, in which `name_by={name_by}` could name a column. Add one, "
        "or leave `name_by` out."
    )
