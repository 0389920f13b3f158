"""The cache folder: its entries, eviction, and entries that are in use."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

import hrdem
from hrdem.cli.main import run as command_line
from hrdem.http.cache.mirror import Mirror
from hrdem.http.cache.responses import CachedRequest, CachedResponse, load_response, store_response
from hrdem.http.cache.store import Cache
from hrdem.http.source_version import SourceVersion
from tests.systems import needs_cache

pytestmark = needs_cache

MEGABYTE = os.urandom(1 << 20)


def version(name: str = "a", etag: str = '"1"') -> SourceVersion:
    return SourceVersion.of(f"http://store.invalid/{name}.tif", etag, 10**12, "yesterday")


def add_version(cache: Cache, what: SourceVersion, count: int = 1, days_ago: float = 0.0) -> Path:
    """Cache some megabytes of a version, and return the folder."""
    mirror = cache.open(what)
    for number in range(count):
        mirror.write(number << 20, memoryview(MEGABYTE))
    mirror.close()
    about = max(cache.folder.rglob("about.json"), key=lambda path: path.stat().st_mtime_ns)
    used = time.time() - days_ago * 86_400
    os.utime(about, (used, used))
    return about.parent


def open_mirror(cache: Cache, what: SourceVersion) -> Mirror:
    mirror = cache.open_to_read(what)
    assert mirror is not None
    return mirror


def test_least_recently_used_is_evicted_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=5_500_000)
    old = add_version(cache, version("old"), 2, days_ago=3)
    new = add_version(cache, version("new"), 2, days_ago=1)
    middle = add_version(cache, version("middle"), 2, days_ago=2)
    freed = cache.prune()
    assert 2_000_000 < freed < 2_300_000
    assert not old.exists()
    assert new.exists()
    assert middle.exists()
    assert cache.prune() == 0


def test_opening_counts_as_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1_500_000)
    read, other = (
        add_version(cache, version("read"), days_ago=9),
        add_version(cache, version("x"), days_ago=1),
    )
    open_mirror(cache, version("read")).close()
    cache.prune()
    assert read.exists()
    assert not other.exists()


def test_closing_counts_as_use(tmp_path: Path) -> None:
    """A short run once evicted the ranges of a long run that began before it."""
    cache = Cache(tmp_path, limit=1_500_000)
    read, other = (
        add_version(cache, version("long"), days_ago=9),
        add_version(cache, version("short")),
    )
    long = open_mirror(cache, version("long"))
    for folder, age in ((read, 60), (other, 30)):
        os.utime(folder / "about.json", (time.time() - age,) * 2)
    long.close()
    cache.prune()
    assert read.exists()
    assert not other.exists()


def test_entries_in_use_are_not_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=0)
    used, other = (
        add_version(cache, version("used"), days_ago=9),
        add_version(cache, version("other"), days_ago=1),
    )
    mirror = open_mirror(cache, version("used"))
    assert [entry.in_use for entry in cache.info().entries] == [True, False]
    assert cache.prune() > 0
    assert cache.clear() == 0
    assert used.exists()
    assert not other.exists()
    mirror.close()
    assert cache.clear() > 0
    assert cache.info().entries == ()


def test_run_above_the_limit_keeps_responses(
    tmp_path: Path,
) -> None:
    """Responses stay while a run uses files that exceed the limit by themselves."""
    cache = Cache(tmp_path, limit=500_000)
    response = CachedResponse(
        CachedRequest.of("GET", "http://api.invalid/"), 200, "", {}, b"{}", "", time.time()
    )
    store_response(cache.responses, response)
    with closing(cache.open(version("used"))) as mirror:
        mirror.write(0, memoryview(MEGABYTE))
        other = add_version(cache, version("other"))
        cache.prune()
        assert not other.exists()
        assert [entry.kind for entry in cache.info().entries] == ["file", "response"]
        cache.clear()
        assert [entry.kind for entry in cache.info().entries] == ["file", "response"]
    cache.prune()
    assert [entry.kind for entry in cache.info().entries] == ["response"]
    cache.clear()
    assert cache.info().entries == ()


def test_open_during_removal_creates_new_mirror(tmp_path: Path) -> None:
    """A mirror that is being removed is replaced by an empty one."""
    cache = Cache(tmp_path)
    for _ in range(20):
        add_version(cache, version())
        cache.clear()
        mirror = cache.open(version())
        assert mirror.gaps(0, 10) == [(0, 10)]
        mirror.write(0, memoryview(MEGABYTE[:10]))
        assert mirror.gaps(0, 10) == []
        mirror.close()


def test_latest_version_is_the_last_opened(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.latest(version().address) is None
    add_version(cache, version(etag='"1"'), days_ago=2)
    add_version(cache, version(etag='"2"'), days_ago=1)
    assert cache.latest(version().address) == version(etag='"2"')


def test_other_versions_are_removed_unless_in_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    old = add_version(cache, version(etag='"1"'))
    neighbour = add_version(cache, version("b", '"1"'))
    new = add_version(cache, version(etag='"2"'))
    reader = open_mirror(cache, version(etag='"1"'))
    cache.drop_others(version(etag='"2"'))
    assert old.exists()
    reader.close()
    cache.drop_others(version(etag='"2"'))
    assert not old.exists()
    assert new.exists()
    assert neighbour.exists()


def test_foreign_files_are_ignored(tmp_path: Path) -> None:
    """Files that hrdem did not create are neither counted nor removed."""
    cache = Cache(tmp_path, limit=0)
    add_version(cache, version())
    foreign = [
        tmp_path / "thesis.docx",
        tmp_path / "files" / "thesis.docx",
        tmp_path / "files" / "photos" / "cat.png",
        tmp_path / "wcs" / "notes" / "thesis.tif",
        tmp_path / "answers" / "thesis.json",
        tmp_path / "answers" / ".thesis",
        tmp_path / "proj" / "thesis.tif",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MEGABYTE)
        os.utime(path, (0, 0))
    assert cache.info().bytes < 1_200_000
    cache.clear()
    cache.prune()
    assert all(path.exists() for path in foreign)


def test_empty_folder_name_is_an_error() -> None:
    """An unset variable of a script would otherwise name the current folder."""
    with pytest.raises(hrdem.RequestError, match="empty name"):
        Cache("")
    assert command_line(["cache", "clear", "--cache-dir", ""]) == 2


def test_file_system_without_sparse_files_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.http.cache.store._disk_bytes", lambda path: path.stat().st_size)
    with pytest.raises(OSError, match="no sparse files"):
        Cache(tmp_path).open(version())
    with pytest.raises(OSError, match="no sparse files"):
        Cache(tmp_path).check()
    assert not list(tmp_path.rglob(".probe*"))


def test_unfinished_removal_is_completed(tmp_path: Path) -> None:
    """The folder that a killed process was removing is removed."""
    cache = Cache(tmp_path)
    folder = add_version(cache, version())
    folder.rename(folder.with_name(".gone-123"))
    assert cache.info().entries == ()
    cache.prune()
    assert not list(tmp_path.glob("files/*"))


def test_info_as_dict(tmp_path: Path) -> None:
    cache = hrdem.Cache(tmp_path, 10)
    add_version(cache, version(), days_ago=1)
    (entry,) = cache.info().as_dict()["entries"]
    assert entry["kind"] == "file"
    assert entry["name"] == "http://store.invalid/a.tif"
    assert entry["version"]["etag"] == '"1"'
    assert entry["bytes"] >= 1 << 20


def test_keys_of_cached_responses_do_not_change(tmp_path: Path) -> None:
    """Responses that an earlier release cached can be replayed offline."""
    request = CachedRequest.of("GET", "http://api.invalid/")
    response = CachedResponse(request, 404, "", {}, b"", "Not found.", time.time())
    store_response(tmp_path, response)
    fields = json.loads((tmp_path / request.name).read_text("utf-8"))
    assert fields.keys() >= {"question", "said", "content", "checksum", "time"}
    assert load_response(tmp_path, request) == response
