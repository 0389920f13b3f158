"""docs/encodings.md lists which encodings each program reads right."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.readers.encodings import measure
from tests.readers.programs import PROGRAMS, Program

DOCS = Path(__file__).parents[2] / "docs" / "encodings.md"


def read_table() -> dict[str, dict[str, str]]:
    """Return the documented judgement on each program and encoding."""
    lines = re.findall(r"^\| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    cells = [line.split(" | ") for line in lines]
    start = next(number for number, row in enumerate(cells) if row[0] == "encoding")
    header, rows = cells[start], cells[start + 2 :]
    width = len(header)
    return {
        program: {row[0]: row[column] for row in rows if len(row) == width}
        for column, programs in enumerate(header[1:], start=1)
        for program in programs.split(", ")
    }


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program_reads_what_the_docs_say(program: Program, tmp_path: Path) -> None:
    if not program.needs.exists():
        message = f"{program.name} is not installed; see tests/readers/README.md"
        if os.environ.get("HRDEM_READERS") == "required":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    found = measure([program], tmp_path)[program.name]
    assert found == read_table()[program.name]
