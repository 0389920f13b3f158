"""The commands of docs/legacy.md, in the order of the page, on the demonstration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "legacy.md"
BLOCK = re.compile(r"^```(bash|text|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOLATILE = ("download", "time")


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment with the demonstration as service, and hrdem as this Python has it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "hrdem"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hrdem "$@"\n', "utf-8")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HRDEM_DEMO": "1"}


def run(command: str, folder: Path, shell: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=shell, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_every_command_of_the_page_works_and_prints_what_the_page_shows(
    tmp_path: Path, shell: dict[str, str]
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    printed = ""
    for kind, block in BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "bash":
            printed = ""
            for command in block.splitlines():
                if shutil.which(command.split()[0]) or command.startswith("hrdem"):
                    printed += run(command, folder, shell)
        elif kind == "text":
            for line in block.splitlines():
                assert line.startswith(VOLATILE) or line in printed, f"{line}\n{printed}"


def test_the_page_names_every_command() -> None:
    """In its table, and in a block of commands."""
    from hrdem.cli.legacy import COMMANDS

    text = PAGE.read_text("utf-8")
    blocks = "".join(block for kind, block in BLOCK.findall(text) if kind == "bash")
    for name in COMMANDS:
        assert f"| `hrdem legacy {name}` | `hrdem.legacy_{name}` |" in text
        assert f"hrdem legacy {name} " in blocks
