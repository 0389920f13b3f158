"""The cache folder: its entries, their eviction, and coverages that are in use."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

import hrdem
from hrdem.cli.main import run as command_line
from hrdem.http.cache.coverage_locks import coverage_lock
from hrdem.http.cache.responses import CachedRequest, CachedResponse, load_response, store_response
from hrdem.http.cache.store import Cache
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.locks import acquire_lock

MEGABYTE = os.urandom(1 << 20)
DAY = 86_400


def version(name: str = "a", etag: str = '"1"') -> SourceVersion:
    return SourceVersion.of(f"http://store.invalid/{name}.tif", etag, 10**12, "yesterday")


def add_version(cache: Cache, what: SourceVersion, count: int = 1, days_ago: float = 0.0) -> None:
    """Cache some megabytes of a version."""
    real, used = time.time, time.time() - days_ago * DAY
    time.time = lambda: used
    try:
        with cache.open_parts() as parts:
            parts.index.mark_opened(what)
            for number in range(count):
                parts.write(what, number << 20, memoryview(MEGABYTE), 1 << 40)
    finally:
        time.time = real


def add_coverage(cache: Cache, name: str, days_ago: float = 0.0) -> Path:
    path = cache.folder / "wcs" / (name * 24) / "0_0_1_1.tif"
    path.parent.mkdir(parents=True)
    path.write_bytes(MEGABYTE)
    used = time.time() - days_ago * DAY
    os.utime(path, (used, used))
    return path


def add_response(cache: Cache) -> None:
    request = CachedRequest.of("GET", "http://api.invalid/")
    store_response(cache.responses, CachedResponse(request, 200, "", {}, b"{}", "", time.time()))


def files(cache: Cache) -> list[str]:
    """The names of cached files, the latest first."""
    return [entry.name.rpartition("/")[2] for entry in cache.info().entries if entry.kind == "file"]


def test_least_recently_used_is_evicted_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=4_500_000)
    for name, age in (("old", 3), ("new", 1), ("middle", 2)):
        add_version(cache, version(name), 2, days_ago=age)
    assert cache.prune() == 2 << 20
    assert files(cache) == ["new.tif", "middle.tif"]
    assert cache.prune() == 0


def test_file_is_evicted_in_parts(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=2_500_000)
    add_version(cache, version(), 4)
    cache.prune()
    (entry,) = cache.info().entries
    assert entry.bytes == 2 << 20


def test_reading_counts_as_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1_500_000)
    add_version(cache, version("read"), days_ago=9)
    add_version(cache, version("other"), days_ago=1)
    with cache.open_parts() as parts:
        assert parts.read(version("read"), 10, memoryview(bytearray(10))) == []
    cache.prune()
    assert files(cache) == ["read.tif"]


def test_coverages_are_evicted_by_their_use_as_well(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=2_500_000)
    old, new = add_coverage(cache, "a", days_ago=3), add_coverage(cache, "b", days_ago=1)
    add_version(cache, version("middle"), days_ago=2)
    add_version(cache, version("oldest"), days_ago=4)
    assert cache.prune() == 2 << 20
    assert (old.exists(), new.exists()) == (False, True)
    assert files(cache) == ["middle.tif"]


def test_coverages_in_use_are_not_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=0)
    used, other = add_coverage(cache, "a"), add_coverage(cache, "b")
    lock = acquire_lock(coverage_lock(used.parent), shared=True)
    assert lock is not None
    with lock:
        assert sorted(entry.in_use for entry in cache.info().entries) == [False, True]
        assert cache.prune() == 1 << 20
        assert cache.clear() == 0
        assert (used.exists(), other.exists()) == (True, False)
    assert cache.clear() == 1 << 20
    assert cache.info().entries == ()


def test_responses_are_evicted_last(tmp_path: Path) -> None:
    """A run requests them again, so that they are the last to go."""
    cache = Cache(tmp_path, limit=200_000)
    add_response(cache)
    add_version(cache, version())
    add_coverage(cache, "a")
    assert cache.prune() == 2 << 20
    assert [entry.kind for entry in cache.info().entries] == ["response"]
    Cache(tmp_path, limit=0).prune()
    assert cache.info().entries == ()


def test_latest_version_is_the_last_opened(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    add_version(cache, version(etag='"1"'), days_ago=2)
    add_version(cache, version(etag='"2"'), days_ago=1)
    with cache.open_parts() as parts:
        assert parts.index.latest(version("other").address) is None
        assert parts.index.latest(version().address) == version(etag='"2"')


def test_other_versions_are_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for what in (version(etag='"1"'), version("b"), version(etag='"2"')):
        add_version(cache, what)
    with cache.open_parts() as parts:
        assert parts.drop_others(version(etag='"2"'))
        assert not parts.drop_others(version(etag='"2"'))
    assert {entry.version for entry in cache.info().entries} == {
        version(etag='"2"'), version("b")
    }  # fmt: skip


def test_foreign_files_are_ignored(tmp_path: Path) -> None:
    """Files that hrdem did not create are neither counted nor removed."""
    cache = Cache(tmp_path, limit=0)
    add_version(cache, version())
    foreign = [
        tmp_path / "thesis.docx",
        tmp_path / "files" / "thesis.docx",
        tmp_path / "files" / "photos" / "cat.png",
        tmp_path / "ranges" / "thesis.docx",
        tmp_path / "ranges" / "ab" / "cat.png",
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


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the working folder becomes while the cache is used."""
    monkeypatch.chdir(tmp_path)
    cache = Cache("cache")
    monkeypatch.chdir("/")
    assert cache.folder == tmp_path / "cache"


def test_empty_folder_name_is_an_error() -> None:
    """An unset variable of a script would otherwise name the current folder."""
    with pytest.raises(hrdem.RequestError, match="empty name"):
        Cache("")
    assert command_line(["cache", "clear", "--cache-dir", ""]) == 2


def test_sparse_mirrors_of_earlier_versions_are_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    mirror = tmp_path / "files" / ("a" * 24) / ("b" * 16)
    for folder in (mirror, mirror.with_name(".gone-0123456789ab")):
        folder.mkdir(parents=True)
        (folder / "bytes").write_bytes(MEGABYTE)
    cache.prune()
    assert not list(tmp_path.iterdir())


def test_info_as_dict(tmp_path: Path) -> None:
    cache = hrdem.Cache(tmp_path, 10)
    add_version(cache, version(), days_ago=1)
    (entry,) = cache.info().as_dict()["entries"]
    assert entry["kind"] == "file"
    assert entry["name"] == "http://store.invalid/a.tif"
    assert entry["version"]["etag"] == '"1"'
    assert entry["bytes"] == 1 << 20


def test_keys_of_cached_responses_do_not_change(tmp_path: Path) -> None:
    """Responses that an earlier release cached can be replayed offline."""
    request = CachedRequest.of("GET", "http://api.invalid/")
    response = CachedResponse(request, 404, "", {}, b"", "Not found.", time.time())
    store_response(tmp_path, response)
    fields = json.loads((tmp_path / request.name).read_text("utf-8"))
    assert fields.keys() >= {"question", "said", "content", "checksum", "time"}
    assert load_response(tmp_path, request) == response
