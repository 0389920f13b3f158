"""The index of cached byte ranges survives damage, other processes and file systems."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hrdem.http.cache.index import RangeIndex
from hrdem.http.cache.index_database import open_to_write, transaction
from hrdem.http.cache.part_store import INDEX, PartStore
from hrdem.http.source_version import SourceVersion
from tests.systems import needs_forks

VERSION = SourceVersion.of("http://store.invalid/a.tif", '"1"', 10**12, "yesterday")
CONTENT = random.Random(1).randbytes(100_000)


def fill(folder: Path) -> None:
    with PartStore(folder) as parts:
        for start in range(0, 100_000, 1_000):
            parts.write(VERSION, start, memoryview(CONTENT)[start : start + 1_000], 1 << 40)


def gaps(folder: Path, *, read_only: bool = False) -> list[tuple[int, int]]:
    with PartStore(folder, read_only=read_only) as parts:
        return parts.gaps(VERSION, 0, 100_000)


@pytest.mark.parametrize("damage", ["garbage", "zeros", "torn", "another database", "other tables"])
def test_damaged_index_is_replaced_by_an_empty_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """Its parts go too, as nothing tells any more what they hold; one line says so."""
    fill(tmp_path)
    path = tmp_path / INDEX
    size = path.stat().st_size
    if damage == "torn":
        os.truncate(path, size // 2)
    elif damage == "other tables":
        with sqlite3.connect(path) as base:
            base.execute("DROP TABLE parts")
        base.close()
    elif damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as base:
            base.execute("CREATE TABLE parts (name TEXT)")
        base.close()
    else:
        path.write_bytes(bytes(size) if damage == "zeros" else random.Random(2).randbytes(size))
    assert gaps(tmp_path) == [(0, 100_000)]
    assert caplog.text.count("was damaged") == 1
    assert [each.name for each in tmp_path.iterdir()] == [INDEX]
    fill(tmp_path)
    assert gaps(tmp_path) == []


def test_damage_during_a_run_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path)
    with PartStore(tmp_path) as parts:
        parts.index.open()
        with (tmp_path / INDEX).open("r+b") as file:
            file.write(random.Random(2).randbytes(20_000))
        parts.write(VERSION, 0, memoryview(CONTENT)[:1_000], 1 << 40)
        assert parts.gaps(VERSION, 0, 100_000) == [(1_000, 100_000)]
    assert caplog.text.count("was damaged") == 1
    assert gaps(tmp_path) == [(1_000, 100_000)]


@pytest.mark.parametrize("torn", [1, 100, 5_000])
def test_torn_journal_loses_the_latest_parts_only(tmp_path: Path, torn: int) -> None:
    """As after a power cut: the database itself is whole."""
    index = RangeIndex(tmp_path / "a" / INDEX, lambda: None)
    index.open()
    with PartStore(tmp_path / "a") as parts:
        for start in range(0, 100_000, 1_000):
            parts.write(VERSION, start, memoryview(CONTENT)[start : start + 1_000], 1 << 40)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    index.close()
    journal = tmp_path / "b" / f"{INDEX}-wal"
    os.truncate(journal, journal.stat().st_size - torn)
    (tmp_path / "b" / f"{INDEX}-shm").unlink()
    found = gaps(tmp_path / "b")
    assert found
    assert found[0][0] > 90_000


def test_index_is_read_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    fill(tmp_path)
    assert gaps(tmp_path, read_only=True) == []
    with sqlite3.connect(f"file:{tmp_path / INDEX}?mode=ro", uri=True) as base:
        assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    base.close()


def test_file_system_without_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite reports an error of the disk there if a write-ahead log is requested."""
    real, modes = sqlite3.connect, []

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values):
            if statement == "PRAGMA journal_mode = WAL":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMMAP
                raise error
            found = super().execute(statement, *values)
            if "journal_mode" in statement:
                modes.append(super().execute("PRAGMA journal_mode").fetchone()[0])
            return found

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **b: real(*a, factory=Connection, **b))
    fill(tmp_path)
    assert gaps(tmp_path) == []
    assert set(modes) == {"truncate"}


_WRITE = """
import sys
from pathlib import Path
from hrdem.http.cache.part_store import PartStore
from tests.http.test_index import CONTENT, VERSION

with PartStore(Path(sys.argv[1])) as parts:
    for start in range(int(sys.argv[2]), 100_000, 4_000):
        parts.write(VERSION, start, memoryview(CONTENT)[start : start + 1_000], 1 << 40)
"""


@pytest.mark.slow
def test_several_processes_fill_one_store(tmp_path: Path) -> None:
    """They also create it at the same time."""
    processes = [
        subprocess.Popen([sys.executable, "-c", _WRITE, str(tmp_path), str(first)])
        for first in range(0, 4_000, 1_000)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert gaps(tmp_path) == []
    with PartStore(tmp_path) as parts:
        assert parts.index.total_bytes() == 100 * 4_096


@needs_forks
def test_connection_is_not_used_after_a_fork(tmp_path: Path) -> None:
    with PartStore(tmp_path) as parts:
        parts.write(VERSION, 0, memoryview(CONTENT)[:1_000], 1 << 40)
        child = os.fork()
        if not child:
            parts.write(VERSION, 1_000, memoryview(CONTENT)[1_000:2_000], 1 << 40)
            parts.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        parts.write(VERSION, 2_000, memoryview(CONTENT)[2_000:3_000], 1 << 40)
        assert parts.gaps(VERSION, 0, 3_000) == []


def alter_index(folder: Path, statement: str) -> None:
    """Change the index as a damaged disk may."""
    with contextlib.closing(sqlite3.connect(folder / "index.sqlite")) as base, base:
        base.execute(statement)


@pytest.mark.parametrize(
    "change", ["start = 1000", "version = (SELECT key FROM versions WHERE key != version)"]
)
def test_a_part_is_not_read_for_another_place(tmp_path: Path, change: str) -> None:
    """A damaged index can name one, while the bytes of the part are whole."""
    other = SourceVersion.of("http://store.invalid/b.tif", VERSION.etag, VERSION.size)
    with PartStore(tmp_path) as parts:
        for version in (VERSION, other):
            parts.write(version, 0, memoryview(CONTENT)[:1_000], 1 << 40)
    alter_index(tmp_path, f"UPDATE parts SET {change}")
    with PartStore(tmp_path) as parts:
        for version in (VERSION, other):
            assert parts.read(version, 0, memoryview(bytearray(2_000))) == [(0, 2_000)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM total", "UPDATE parts SET used = 'x'", "UPDATE parts SET size = 'x'"],
)
def test_an_index_without_its_numbers_is_replaced(tmp_path: Path, statement: str) -> None:
    with PartStore(tmp_path) as parts:
        parts.write(VERSION, 0, memoryview(CONTENT)[:1_000], 1 << 40)
    alter_index(tmp_path, statement)
    with PartStore(tmp_path) as parts:
        parts.read(VERSION, 0, memoryview(bytearray(1_000)))
        parts.evict(0)
        parts.write(VERSION, 0, memoryview(CONTENT)[:1_000], 1 << 40)
        assert parts.gaps(VERSION, 0, 1_000) == []


def test_a_wrong_total_is_counted_again(tmp_path: Path) -> None:
    with PartStore(tmp_path) as parts:
        parts.write(VERSION, 0, memoryview(CONTENT)[:1_000], 1 << 40)
        for work in (parts.sweep, parts.clear):
            alter_index(tmp_path, "UPDATE total SET bytes = 1000000000, swept = 0")
            work()
            assert parts.index.total_bytes() == (4_096 if work == parts.sweep else 0)


def test_a_republished_version_is_not_the_latest_after_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = SourceVersion.of(VERSION.url, '"2"', VERSION.size)
    with PartStore(tmp_path) as parts:
        for version, now in ((VERSION, 2e9), (new, 1e9)):
            monkeypatch.setattr(time, "time", lambda now=now: now)
            parts.index.mark_opened(version)
            parts.drop_others(version)
            parts.write(version, 0, memoryview(CONTENT)[:1_000], 1 << 40)
        assert parts.index.latest(VERSION.address) == new


def test_a_size_that_no_file_has_is_not_recorded(tmp_path: Path) -> None:
    """A server that reports it is refused by who reads the file."""
    huge = SourceVersion.of("http://store.invalid/a.tif", '"1"', 10**19)
    index = RangeIndex(tmp_path / INDEX, pytest.fail)
    with pytest.raises(OSError, match="too large"):
        index.mark_opened(huge)
    index.close()


class InterruptedBase:
    """A database whose lock another process holds, for as long as Ctrl-C is pressed."""

    def __init__(self, base: sqlite3.Connection) -> None:
        self._base = base

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        done = self._base.execute(statement, *values)
        if statement == "BEGIN IMMEDIATE":
            raise KeyboardInterrupt  # when it returns
        return done


def test_an_interrupt_that_waited_for_the_lock_releases_it(tmp_path: Path) -> None:
    """Else nobody could write as long as somebody keeps the traceback, as notebooks do."""
    fill(tmp_path)
    with contextlib.closing(open_to_write(tmp_path / INDEX)) as base:
        with pytest.raises(KeyboardInterrupt), transaction(InterruptedBase(base)):  # type: ignore[arg-type]
            pytest.fail("not reached")
        assert not base.in_transaction
    assert gaps(tmp_path) == []


def test_an_index_is_closed_after_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    index = RangeIndex(tmp_path / INDEX, pytest.fail)
    (part, *_) = index.find(VERSION, 0, 1_000)
    monkeypatch.setattr(time, "time", lambda: part.used + 86_400 * 100)
    index.look_up(VERSION, part)
    monkeypatch.setattr(RangeIndex, "_record_use", interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        index.close()
    with pytest.raises(OSError, match="was closed"):
        index.open()


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
