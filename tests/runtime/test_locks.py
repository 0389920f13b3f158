"""Locks that end with their process, by the calls of POSIX and by those of Windows."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hrdem.runtime import locks
from hrdem.runtime.atomic import staging_dir
from hrdem.runtime.locks import FileLock, acquire_lock
from tests.as_windows import emulation

IMPORTS = (
    "import sys, time; from hrdem.runtime.locks import acquire_lock; from pathlib import Path; "
)


@pytest.fixture(params=["posix", "windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The calls of a system; emulated ones of Windows, in child processes too."""
    if request.param == "posix":
        if locks.windows_locks is not None:
            pytest.skip("this system has the calls of Windows")
        yield
        return
    if os.name != "nt":
        monkeypatch.setitem(sys.modules, "msvcrt", emulation.Msvcrt())
        monkeypatch.setenv("PYTHONPATH", str(Path(emulation.__file__).parent), os.pathsep)
    windows_locks = importlib.import_module("hrdem.runtime.windows_locks")
    monkeypatch.setattr(locks, "windows_locks", windows_locks)
    yield
    sys.modules.pop(windows_locks.__name__)


pytestmark = pytest.mark.usefixtures("system")


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


def test_many_share_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    shared = [acquire_lock(path, shared=True) for _ in range(100)]
    assert None not in shared
    assert acquire_lock(path) is None


def test_lock_on_removed_file_is_taken_on_new_file(tmp_path: Path) -> None:
    if locks.windows_locks is not None:
        pytest.skip("Windows lets nobody remove an open file")
    path = tmp_path / "lock"
    old = acquire_lock(path)
    assert old is not None
    path.unlink()
    with acquire_lock(path) as new:  # type: ignore[union-attr]
        assert new is not None
        assert path.exists()
    old.close()


@pytest.mark.parametrize("shared", [False, True])
def test_wait_ends_in_time_if_another_process_holds_the_lock(tmp_path: Path, shared: bool) -> None:
    with acquire_lock(tmp_path / "lock"):  # type: ignore[union-attr]
        begun = time.monotonic()
        assert acquire_lock(tmp_path / "lock", shared=shared, wait=0.05) is None
    assert 0.05 <= time.monotonic() - begun < 5


@pytest.mark.parametrize("wait", [0, 0.05])
def test_wait_ends_in_time_if_the_file_is_replaced_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: float
) -> None:
    if locks.windows_locks is not None:
        pytest.skip("Windows lets nobody replace an open file")
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    begun = time.monotonic()
    assert acquire_lock(tmp_path / "lock", wait=wait) is None
    assert wait <= time.monotonic() - begun < 5


def test_file_system_without_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if locks.windows_locks is None:
        monkeypatch.setattr(locks.fcntl, "flock", refuse)
    else:
        monkeypatch.setattr(locks.windows_locks.msvcrt, "locking", refuse)
    with pytest.raises(OSError, match="No locks available"):
        acquire_lock(tmp_path / "lock")
    with staging_dir(tmp_path / "a.tif") as room:  # an output needs none
        assert room.is_dir()


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


def test_lock_that_is_held_until_python_ends_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules may be gone when the last object is: a lazy array in a pool of dask has locks."""
    lock = acquire_lock(tmp_path / "lock")
    assert lock is not None
    with monkeypatch.context() as patch:
        patch.setattr("hrdem.runtime.locks.os", None)
        lock.__del__()
    lock.close()
