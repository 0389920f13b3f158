"""Text tables in the encodings and with the delimiters that editors and spreadsheets write."""

from __future__ import annotations

import io

import pytest

from hrdem.errors import RequestError
from hrdem.request.text_table import TextTable, find_column, open_text_table


def read(data: bytes, *, has_comments: bool = False) -> TextTable:
    return open_text_table(
        "list.csv", lambda: io.BytesIO(data), "places", has_comments=has_comments
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_spreadsheets_write_it(encoding: str, delimiter: str) -> None:
    lines = (("nom", "lon", "lat"), ("Trois-Rivières", "-72.5", "46.3"))
    text = "".join(delimiter.join(line) + "\r\n" for line in lines)
    table = read(text.encode(encoding))
    assert table.has_header
    assert table.first == lines[0]
    assert list(table.read_rows()) == [(1, list(lines[0])), (2, list(lines[1]))]


def test_blank_lines_count_as_lines_but_are_no_rows() -> None:
    table = read(b"\n-75.7,45.4\n , \n-75.8,45.5\n")
    assert not table.has_header
    assert [line for line, _ in table.read_rows()] == [2, 4]


def test_quoted_cells_may_hold_delimiters_and_lines() -> None:
    table = read(b'name,lon\n"Ottawa, ON", -75.7\n"Hull\nQC",-75.8\n')
    assert [row[0] for _, row in table.read_rows()] == ["name", "Ottawa, ON", "Hull\nQC"]


@pytest.mark.parametrize(("has_comments", "rows"), [(True, 2), (False, 3)])
def test_comments_are_left_out_only_where_they_are_allowed(has_comments: bool, rows: int) -> None:
    table = read(b"name,number\n#12,1\nA,2\n", has_comments=has_comments)
    assert len(list(table.read_rows())) == rows


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "list.csv is empty. Give a file of places"),
        (b"\n \n", "list.csv is empty"),
        (b"a\0b\n", "list.csv is not a text. Give a text or CSV file of places"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read(data)


def test_a_cell_without_end_is_located() -> None:
    table = read(b'a,b\n"' + b"x" * 200_000)
    with pytest.raises(RequestError, match=r"list\.csv, line \d+, is not CSV: field larger"):
        list(table.read_rows())


def test_a_column_is_found_in_any_case_or_the_columns_are_listed() -> None:
    assert find_column(("Name", "LON"), ("longitude", "lon"), "list.csv", "") == 1
    with pytest.raises(
        RequestError, match=r"no column longitude \(or lon\); .* Name, X\. Add it\."
    ):
        find_column(("Name", "X"), ("longitude", "lon"), "list.csv", "Add it.")
