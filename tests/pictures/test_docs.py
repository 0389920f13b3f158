"""The commands of docs/pictures.md, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hrdem.cli.main import run

PAGE = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text("utf-8")
COMMANDS = "".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.slow
@pytest.mark.long
def test_every_command_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in COMMANDS.splitlines():
        program, *arguments = shlex.split(line)
        assert program == "hrdem"
        assert run(arguments) == 0, line
    named = set(re.findall(r"-o (\S+\.png)", COMMANDS))
    assert {path.name for path in tmp_path.glob("*.png")} == named | {"slope.png"}
