"""What pyproject.toml promises is what the workflow tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOW = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")


def test_every_python_of_the_classifiers_is_tested() -> None:
    """From the oldest that can be installed to the newest that is listed."""
    listed = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    tested = re.search(r"python: \[(.+)\]", WORKFLOW)
    assert tested is not None
    assert re.findall(r'"(.+?)"', tested[1]) == listed
    assert PROJECT["requires-python"] == f">={listed[0]}"
