"""docs/cli.md says what the command line does."""

from __future__ import annotations

from pathlib import Path

import pytest

import hrdem
from hrdem.cli.reference import EXIT_CODES, commands, fields_of, make_reference
from hrdem.errors import ExitCode
from hrdem.request import fields

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    """Run ``python -m hrdem.cli.reference > docs/cli.md`` to regenerate it."""
    assert PAGE.read_text("utf-8") == make_reference()


def test_each_exit_code_is_described() -> None:
    assert EXIT_CODES.keys() == set(ExitCode)


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_each_command_is_described_with_its_options(name: str) -> None:
    page = make_reference()
    section = page.partition(f"### hrdem {name}\n")[2].partition("\n#")[0]
    for field in fields_of(dict(commands())[name]):
        assert f"`{field.option}`" in section
        assert f"`{field.variable}`" in page


def test_extract_documents_each_parameter_once() -> None:
    text = hrdem.extract.__doc__
    assert text
    for field in fields.EXTRACT:
        assert text.count(f"* ``{field.name}``:") == 1
