"""The examples run, and the documentation names every option."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hrdem.cli.main import cli

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def python(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.long
def test_area_example_and_its_relief(tmp_path: Path) -> None:
    printed = python(str(EXAMPLES / "extract_area.py"), "--demo", cwd=tmp_path)
    assert "pixels from 9_2-mosaic-1m" in printed
    python(str(EXAMPLES / "shaded_relief.py"), "ottawa.tif", "ottawa.png", cwd=tmp_path)
    assert (tmp_path / "ottawa.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_notebook_runs(tmp_path: Path) -> None:
    notebook = json.loads((EXAMPLES / "area.ipynb").read_text("utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    (tmp_path / "cells.py").write_text("\n".join(cells), "utf-8")
    assert "m on average" in python("cells.py", cwd=tmp_path)


def test_readme_begins_with_the_main_job_and_the_tests() -> None:
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert "hrdem extract --demo" in blocks[0]
    assert "pytest" in blocks[1]


@pytest.mark.parametrize("name", ["extract", "plan", "preview", "search", "assets", "demo"])
def test_the_reference_names_every_option(name: str) -> None:
    """A new option is documented."""
    reference = (ROOT / "docs" / "cli.md").read_text("utf-8")
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    for parameter in command.params:
        for option in parameter.opts:
            assert not option.startswith("--") or f"`{option}" in reference, option
