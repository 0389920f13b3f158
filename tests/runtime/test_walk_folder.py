"""Folders are read whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hrdem.errors import RequestError
from hrdem.legacy.check.checked_file import list_folder
from hrdem.legacy.inputs import open_inputs
from hrdem.runtime.walk_folder import walk_folder


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    """They were left out."""
    shelf, elsewhere = tmp_path / "shelf", tmp_path / "elsewhere"
    for folder in (shelf / "b", elsewhere / "deep"):
        folder.mkdir(parents=True)
    for path in (shelf / "1.dem", shelf / "b" / "2.dem", elsewhere / "deep" / "3.dem"):
        path.touch()
    try:
        (shelf / "linked").symlink_to(elsewhere, target_is_directory=True)
        (elsewhere / "deep" / "back").symlink_to(shelf, target_is_directory=True)
        (shelf / "b" / "again").symlink_to(elsewhere / "deep", target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let users make links")
    found = [path.relative_to(shelf).as_posix() for path in walk_folder(shelf)]
    assert found == ["1.dem", "b/2.dem", "b/again/3.dem"]
    assert [each.label for each in list_folder(shelf)] == found


def test_a_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left out, with exit code 0."""
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for read in (list_folder, lambda folder: open_inputs([folder])):
        with pytest.raises(RequestError, match=r"closed cannot be read: Permission denied\. Check"):
            read(tmp_path)
