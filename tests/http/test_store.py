"""The folder of what was fetched: what is in it, what goes first, what is spared."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

import hrdem
from hrdem.cli.main import run as command_line
from hrdem.http.cache.mirror import Mirror
from hrdem.http.cache.responses import CachedRequest, CachedResponse, store_response
from hrdem.http.cache.store import Cache
from hrdem.http.source_version import SourceVersion

MEGABYTE = os.urandom(1 << 20)


def version(name: str = "a", etag: str = '"1"') -> SourceVersion:
    return SourceVersion.of(f"http://store.invalid/{name}.tif", etag, 10**12, "yesterday")


def keep(cache: Cache, what: SourceVersion, count: int = 1, days_ago: float = 0.0) -> Path:
    """Keep some megabytes of a version; returns its folder."""
    mirror = cache.open(what)
    for number in range(count):
        mirror.write(number << 20, memoryview(MEGABYTE))
    mirror.close()
    about = max(cache.folder.rglob("about.json"), key=lambda path: path.stat().st_mtime_ns)
    used = time.time() - days_ago * 86_400
    os.utime(about, (used, used))
    return about.parent


def opened(cache: Cache, what: SourceVersion) -> Mirror:
    mirror = cache.open_to_read(what)
    assert mirror is not None
    return mirror


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=5_500_000)
    old = keep(cache, version("old"), 2, days_ago=3)
    new = keep(cache, version("new"), 2, days_ago=1)
    middle = keep(cache, version("middle"), 2, days_ago=2)
    freed = cache.prune()
    assert 2_000_000 < freed < 2_300_000
    assert not old.exists()
    assert new.exists()
    assert middle.exists()
    assert cache.prune() == 0


def test_what_was_read_is_young_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1_500_000)
    read, other = keep(cache, version("read"), days_ago=9), keep(cache, version("x"), days_ago=1)
    opened(cache, version("read")).close()
    cache.prune()
    assert read.exists()
    assert not other.exists()


def test_what_was_closed_last_was_used_last(tmp_path: Path) -> None:
    """A long run once lost what it had just read to a short one that began after it."""
    cache = Cache(tmp_path, limit=1_500_000)
    read, other = keep(cache, version("long"), days_ago=9), keep(cache, version("short"))
    long = opened(cache, version("long"))
    for folder, age in ((read, 60), (other, 30)):
        os.utime(folder / "about.json", (time.time() - age,) * 2)
    long.close()
    cache.prune()
    assert read.exists()
    assert not other.exists()


def test_what_a_run_uses_is_spared_by_pruning_and_clearing(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=0)
    used, other = (
        keep(cache, version("used"), days_ago=9),
        keep(cache, version("other"), days_ago=1),
    )
    mirror = opened(cache, version("used"))
    assert [entry.in_use for entry in cache.info().entries] == [True, False]
    assert cache.prune() > 0
    assert cache.clear() == 0
    assert used.exists()
    assert not other.exists()
    mirror.close()
    assert cache.clear() > 0
    assert cache.info().entries == ()


def test_a_run_that_uses_more_than_the_limit_keeps_the_answers_that_it_was_given(
    tmp_path: Path,
) -> None:
    cache = Cache(tmp_path, limit=500_000)
    answer = CachedResponse(
        CachedRequest.of("GET", "http://api.invalid/"), 200, "", {}, b"{}", "", time.time()
    )
    store_response(cache.responses, answer)
    with closing(cache.open(version("used"))) as mirror:
        mirror.write(0, memoryview(MEGABYTE))
        other = keep(cache, version("other"))
        cache.prune()
        assert not other.exists()
        assert [entry.kind for entry in cache.info().entries] == ["file", "response"]
        cache.clear()
        assert [entry.kind for entry in cache.info().entries] == ["file", "response"]
    cache.prune()
    assert [entry.kind for entry in cache.info().entries] == ["response"]
    cache.clear()
    assert cache.info().entries == ()


def test_a_mirror_may_be_opened_while_another_process_removes_it(tmp_path: Path) -> None:
    """Whoever opens one that is being removed gets a new one, never half of the old."""
    cache = Cache(tmp_path)
    for _ in range(20):
        keep(cache, version())
        cache.clear()
        mirror = cache.open(version())
        assert mirror.gaps(0, 10) == [(0, 10)]
        mirror.write(0, memoryview(MEGABYTE[:10]))
        assert mirror.gaps(0, 10) == []
        mirror.close()


def test_the_version_that_was_met_last_is_the_latest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.latest(version().address) is None
    keep(cache, version(etag='"1"'), days_ago=2)
    keep(cache, version(etag='"2"'), days_ago=1)
    assert cache.latest(version().address) == version(etag='"2"')


def test_another_version_of_the_same_file_goes_unless_a_run_reads_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    old = keep(cache, version(etag='"1"'))
    neighbour = keep(cache, version("b", '"1"'))
    new = keep(cache, version(etag='"2"'))
    reader = opened(cache, version(etag='"1"'))
    cache.drop_others(version(etag='"2"'))
    assert old.exists()
    reader.close()
    cache.drop_others(version(etag='"2"'))
    assert not old.exists()
    assert new.exists()
    assert neighbour.exists()


def test_files_of_others_in_the_folder_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=0)
    keep(cache, version())
    theirs = [
        tmp_path / "thesis.docx",
        tmp_path / "files" / "thesis.docx",
        tmp_path / "files" / "photos" / "cat.png",
        tmp_path / "wcs" / "notes" / "thesis.tif",
        tmp_path / "answers" / "thesis.json",
        tmp_path / "answers" / ".thesis",
        tmp_path / "proj" / "thesis.tif",
    ]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MEGABYTE)
        os.utime(path, (0, 0))
    assert cache.info().bytes < 1_200_000
    cache.clear()
    cache.prune()
    assert all(path.exists() for path in theirs)


def test_an_empty_name_is_no_folder() -> None:
    """As of a variable of a script that is not set: it would be the folder one is in."""
    with pytest.raises(hrdem.RequestError, match="empty name"):
        Cache("")
    assert command_line(["cache", "clear", "--cache-dir", ""]) == 2


def test_a_file_system_without_holes_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.http.cache.store._disk_bytes", lambda path: path.stat().st_size)
    with pytest.raises(OSError, match="no sparse files"):
        Cache(tmp_path).open(version())
    with pytest.raises(OSError, match="no sparse files"):
        Cache(tmp_path).check()
    assert not list(tmp_path.rglob(".probe*"))


def test_what_a_killed_process_had_begun_to_remove_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    folder = keep(cache, version())
    folder.rename(folder.with_name(".gone-123"))
    assert cache.info().entries == ()
    cache.prune()
    assert not list(tmp_path.glob("files/*"))


def test_the_info_is_json_ready(tmp_path: Path) -> None:
    cache = hrdem.Cache(tmp_path, 10)
    keep(cache, version(), days_ago=1)
    (told,) = cache.info().as_dict()["entries"]
    assert told["kind"] == "file"
    assert told["name"] == "http://store.invalid/a.tif"
    assert told["version"]["etag"] == '"1"'
    assert told["bytes"] >= 1 << 20
