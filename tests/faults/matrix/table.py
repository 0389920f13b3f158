"""Write the rows as tables into docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.faults.matrix.row import Row
from tests.faults.matrix.rows import GROUPS

DOCUMENT = Path(__file__).parents[3] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- rows -->\n", "<!-- end of rows -->\n"


def with_tables(text: str) -> str:
    """Return a text with the tables between its markers."""
    before, _, rest = text.partition(_BEGIN)
    _, found, after = rest.partition(_END)
    assert found, "the markers are missing"
    return before + _BEGIN + "".join(_tables()) + "\n" + _END + after


def _tables() -> Iterator[str]:
    for title, rows in GROUPS:
        yield f"\n### {title}\n\n| fault | effect | exit code | message |\n"
        yield "|---|---|---|---|\n"
        yield from map(_line, rows)


def _line(row: Row) -> str:
    where = f" ({', '.join(row.at)})" if row.at else ""
    exit_codes = ", ".join(f"{code:d}" for code in row.exit_codes)
    message = row.message.replace("|", "\\|")
    message = f"`{message}`" if message else ""
    return f"| {row.fault}{where} | {row.effect} | {exit_codes} | {message} |\n"
