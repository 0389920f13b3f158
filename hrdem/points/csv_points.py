"""Points in text: CSV with a header, or two numbers a line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.errors import RequestError
from hrdem.points.table import BATCH_ROWS, Columns, PointTable, name_coordinates
from hrdem.request.text_table import (
    LATITUDES,
    LONGITUDES,
    TextTable,
    check_two_columns,
    find_column,
    open_text_table,
)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a text file (see `hrdem.points.table.Rows`).

    Attributes:
        table: The file.
        names: Names of the columns.
        count: Number of rows.
    """

    table: TextTable
    names: tuple[str, ...]
    count: int

    def read_batches(self) -> Iterator[Columns]:
        """Yield the cells of each column, as text."""
        width, seen = len(self.names), 0
        for rows in _read_batches(self.table):
            seen += len(rows)
            cells = [[*row[:width], *[""] * (width - len(row))] for _, row in rows]
            yield list(np.array(cells, object).reshape(len(rows), width).T)
        if seen != self.count:
            raise RequestError(
                f"{self.table.label} changed while it was read. Run the command again."
            )


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
        RequestError: If it is no such file, has no such columns or no row, a cell is no number, or
            a row has more cells than there are columns.
    """
    table = open_text_table(label, lambda: path.open("rb"), "points with the columns lon and lat")
    names = table.first if table.has_header else name_coordinates(crs)
    if not table.has_header:
        check_two_columns(table)
    x = _choose_column(names, x_column, LONGITUDES, "x_column", label)
    y = _choose_column(names, y_column, LATITUDES, "y_column", label)
    parts = [_parse(batch, x, y, len(names), label) for batch in _read_batches(table)]
    if not parts:
        raise RequestError(f"{label} has a header and no point. Add lines with points.")
    points = np.concatenate(parts)
    return PointTable(label, points, crs, CsvRows(table, names, len(points)))


def _choose_column(
    names: Sequence[str], chosen: str | None, known: Sequence[str], parameter: str, label: str
) -> int:
    """Return the position of a column: the chosen one, or one with a known name."""
    if chosen is None:
        return find_column(names, known, label, f"Name the one that holds it as `{parameter}`.")
    if chosen not in names:
        raise RequestError(
            f"{label} has no column {chosen}; its columns are: {', '.join(names)}. Give one of "
            f"them as `{parameter}`."
        )
    return names.index(chosen)


def _parse(
    batch: Sequence[tuple[int, list[str]]], x: int, y: int, width: int, label: str
) -> np.ndarray:
    points = np.empty((len(batch), 2))
    for number, (line, row) in enumerate(batch):
        if any(map(str.strip, row[width:])):
            raise RequestError(
                f"{label}, line {line}, has {len(row)} cells, and there are {width} columns. Write "
                'a text that has the delimiter in it between quotes, as "Smith, John".'
            )
        cells = [row[each].strip() if each < len(row) else "" for each in (x, y)]
        try:
            points[number] = [float(cell) if cell else np.nan for cell in cells]
        except ValueError as exc:
            raise RequestError(
                f"{label}, line {line}: {','.join(cells)!r} are not two numbers. Write them with a "
                "decimal point, as -75.7,45.4."
            ) from exc
    return points


def _read_batches(table: TextTable) -> Iterator[list[tuple[int, list[str]]]]:
    """Yield `BATCH_ROWS` rows at a time, without the header, with the numbers of their lines."""
    rows = itertools.islice(table.read_rows(), int(table.has_header), None)
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        yield batch
