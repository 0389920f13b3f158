"""Locks that end with their process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hrdem.runtime.atomic import staging_dir
from hrdem.runtime.locks import FileLock, acquire_lock

IMPORTS = (
    "import sys, time; from hrdem.runtime.locks import acquire_lock; from pathlib import Path; "
)


def lock_in_process(path: Path, *, shared: bool = False) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is killed."""
    program = (
        f"{IMPORTS}lock = acquire_lock(Path({str(path)!r}), shared={shared}); "
        "print(1); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-uc", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    return process


def test_exclusive_lock_until_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_in_process(path) as process:
        assert acquire_lock(path) is None
        assert acquire_lock(path, shared=True) is None
        process.kill()
        process.wait()
    lock = acquire_lock(path)
    assert lock is not None
    lock.close()
    lock.close()


def test_shared_lock_excludes_exclusive_lock_only(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock_in_process(path, shared=True) as process:
        with acquire_lock(path, shared=True):  # type: ignore[union-attr]
            assert acquire_lock(path) is None
        assert acquire_lock(path) is None
        process.kill()


def test_lock_on_removed_file_is_taken_on_new_file(
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


def test_staging_dir_removed_before_lock_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run may remove a staging folder that is not locked yet."""
    made: list[Path] = []

    def acquire_too_late(path: Path) -> FileLock | None:
        made.append(path.parent)
        if len(made) == 1:
            shutil.rmtree(path.parent)
        return acquire_lock(path)

    monkeypatch.setattr("hrdem.runtime.atomic.acquire_lock", acquire_too_late)
    with staging_dir(tmp_path / "a.tif") as room:
        assert room == made[1]
        assert room.is_dir()
    assert list(tmp_path.iterdir()) == []
