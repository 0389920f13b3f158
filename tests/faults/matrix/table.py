"""The rows as tables of docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.faults.matrix.row import Row
from tests.faults.matrix.rows import GROUPS

DOCUMENT = Path(__file__).parents[3] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- rows -->\n", "<!-- end of rows -->\n"


def written_into(text: str) -> str:
    """Put the tables between the markers of a text."""
    before, _, rest = text.partition(_BEGIN)
    _, found, after = rest.partition(_END)
    assert found, "the markers are missing"
    return before + _BEGIN + "".join(_tables()) + "\n" + _END + after


def _tables() -> Iterator[str]:
    for title, rows in GROUPS:
        yield f"\n### {title}\n\n| what goes wrong | what happens | exit | what is said |\n"
        yield "|---|---|---|---|\n"
        yield from map(_line, rows)


def _line(row: Row) -> str:
    where = f" ({', '.join(row.at)})" if row.at else ""
    codes = ", ".join(f"{code:d}" for code in row.codes)
    said = row.said.replace("|", "\\|")
    return f"| {row.wrong}{where} | {row.happens} | {codes} | {f'`{said}`' if said else ''} |\n"
