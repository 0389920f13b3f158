"""The commands of docs/legacy.md, in the order of the page, on the demonstration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "legacy.md"
BLOCK = re.compile(r"^```(bash|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder to work in, with the file of the sea; it is removed, because a BC set is 1.3 GB."""
    folder = tmp_path / "work"
    folder.mkdir()
    ring = [[-132.1, 52.9], [-129.9, 52.9], [-129.9, 54.1], [-132.1, 54.1], [-132.1, 52.9]]
    sea = {"type": "Polygon", "coordinates": [ring]}
    (folder / "coast.geojson").write_text(json.dumps(sea), "utf-8")
    yield folder
    shutil.rmtree(folder)


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
    """Run a command, if its program is installed, and return what it prints."""
    program = command.rpartition("&& ")[2].split()[0]
    if shutil.which(program, path=shell["PATH"]) is None:
        return ""
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=shell, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_every_command_of_the_page_works_and_prints_what_the_page_shows(
    folder: Path, shell: dict[str, str]
) -> None:
    printed = ""
    for kind, block in BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "bash":
            printed = "".join(run(command, folder, shell) for command in block.splitlines())
        elif kind == "text":
            for line in block.splitlines():
                assert line in printed, f"{line}\n{printed}"


def test_the_page_names_every_command() -> None:
    """In its table, and in a block of commands."""
    from hrdem.cli.legacy import COMMANDS

    text = PAGE.read_text("utf-8")
    blocks = "".join(block for kind, block in BLOCK.findall(text) if kind == "bash")
    for name in COMMANDS:
        assert f"| `hrdem legacy {name}` | `hrdem.legacy_{name}` |" in text
        assert f"hrdem legacy {name} " in blocks
