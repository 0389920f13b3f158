"""Locks that end with their process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hrdem.runtime.atomic import staging_dir
from hrdem.runtime.locks import FileLock, acquire_lock

HOLD = "import sys, time; from hrdem.runtime.locks import acquire_lock; from pathlib import Path; "


def holder(path: Path, *, shared: bool = False) -> subprocess.Popen[str]:
    """Another process that holds a lock until it is killed."""
    program = (
        f"{HOLD}held = acquire_lock(Path({str(path)!r}), shared={shared}); print(1); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-uc", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    return process


def test_a_lock_is_held_alone_until_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        assert acquire_lock(path) is None
        assert acquire_lock(path, shared=True) is None
        process.kill()
        process.wait()
    held = acquire_lock(path)
    assert held is not None
    held.close()
    held.close()


def test_a_shared_lock_keeps_off_only_who_wants_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, shared=True) as process:
        with acquire_lock(path, shared=True):  # type: ignore[union-attr]
            assert acquire_lock(path) is None
        assert acquire_lock(path) is None
        process.kill()


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_taken_on_the_new_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    old = acquire_lock(path)
    assert old is not None
    path.unlink()
    with acquire_lock(path) as new:  # type: ignore[union-attr]
        assert new is not None
        assert path.exists()
    old.close()


def test_a_run_that_is_held_up_before_its_lock_makes_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run takes its folder for one that is left over, as it may be."""
    made: list[Path] = []

    def held_up(path: Path) -> FileLock | None:
        made.append(path.parent)
        if len(made) == 1:
            shutil.rmtree(path.parent)
        return acquire_lock(path)

    monkeypatch.setattr("hrdem.runtime.atomic.acquire_lock", held_up)
    with staging_dir(tmp_path / "a.tif") as room:
        assert room == made[1]
        assert room.is_dir()
    assert list(tmp_path.iterdir()) == []
