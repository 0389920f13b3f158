"""Every test in this folder is a test of the `readers` kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.readers)


def require_program(name: str) -> str:
    """Return the path of a program; skip the test if it is missing, or fail if it is required."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed; see tests/readers/README.md"
        if os.environ.get("HRDEM_READERS") == "required":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path
