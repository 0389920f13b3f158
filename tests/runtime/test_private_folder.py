"""A folder is private if nobody but its user, or root, can change what is in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import hrdem
from hrdem.runtime.private_folder import Exposure, find_exposure, make_private_folder
from tests.systems import needs_modes

pytestmark = needs_modes


@pytest.mark.parametrize(
    ("mode", "above", "exposed"),
    [
        (0o700, 0o700, None),
        (0o755, 0o755, None),
        (0o700, 0o1777, None),  # as in /tmp
        (0o702, 0o700, "cache"),
        (0o1777, 0o700, "cache"),  # others may add files
        (0o700, 0o777, "above"),  # others may put another folder in its place
    ],
)
def test_folders_that_others_can_write_to_are_exposed(
    tmp_path: Path, mode: int, above: int, exposed: str | None
) -> None:
    folder = tmp_path / "above" / "cache"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    folder.parent.chmod(above)
    found = find_exposure(folder / "missing" if exposed == "above" else folder)
    assert (found and found.path.name) == exposed


def test_a_folder_of_another_user_is_exposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 4_321)
    if owner == 0:
        assert find_exposure(tmp_path) is None  # root can change everything anyway
        os.chown(tmp_path, 1_234, -1)
        owner = 1_234
    assert find_exposure(tmp_path) == Exposure(tmp_path.resolve(), owner)


def test_missing_folders_are_created_for_the_user_alone(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")]
    assert modes == [0o700, 0o700]


def test_a_cache_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    """A pixel that another user planted there would be read as the store's."""
    folder = tmp_path / "shared cache"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(hrdem.RequestError, match=r"Run chmod go-w '.*shared cache', or give"):
        hrdem.search(bbox=(-75.7, 45.4, -75.6, 45.5), cache_dir=folder)
