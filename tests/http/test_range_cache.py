"""What a client caches of files: only what the limit, the disk and the version allow."""

from __future__ import annotations

import errno
from mmap import mmap
from pathlib import Path

import pytest

from hrdem.http.cache.range_cache import RangeCache
from hrdem.http.cache.store import Cache
from hrdem.http.cache.writer import CacheWriter
from hrdem.http.source_version import SourceVersion

CONTENT = bytes(range(256)) * 100
VERSION = SourceVersion.of("http://store.invalid/a.tif", '"1"', 10**12, "yesterday")
WITHOUT_TAG = SourceVersion.of("http://store.invalid/a.tif", "", 10**12, "yesterday")


def open_ranges(folder: Path, limit: str = "10MB", *, read_only: bool = False) -> RangeCache:
    cache = Cache(folder, limit)
    return RangeCache(cache, CacheWriter(cache, warns=True), read_only=read_only)


def test_bytes_come_back_after_the_headroom(tmp_path: Path) -> None:
    ranges = open_ranges(tmp_path)
    ranges.sink(VERSION)(1_000, memoryview(CONTENT))
    buffer = mmap(-1, 7 + len(CONTENT))
    assert ranges.has_written
    assert ranges.read(VERSION, 1_000, buffer, headroom=7) == []
    assert bytes(buffer) == bytes(7) + CONTENT
    ranges.close()


def test_nothing_is_resumable_that_the_limit_has_no_room_for(tmp_path: Path) -> None:
    ranges = open_ranges(tmp_path, "1B")
    ranges.sink(VERSION)(0, memoryview(CONTENT))
    assert not ranges.has_written
    assert ranges.gaps(VERSION, [(0, 9)]) == [(0, 9)]
    ranges.close()


def test_versions_without_a_strong_tag_are_not_cached(tmp_path: Path) -> None:
    ranges = open_ranges(tmp_path)
    ranges.sink(WITHOUT_TAG)(0, memoryview(CONTENT))
    assert not ranges.holds(WITHOUT_TAG)
    assert not list(tmp_path.iterdir())
    ranges.close()


def test_broken_disk_counts_as_an_empty_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ranges").write_text("a file where the folder should be")
    ranges = open_ranges(tmp_path)
    assert not ranges.holds(VERSION)
    assert ranges.read(VERSION, 5, mmap(-1, 10), headroom=2) == [(5, 13)]
    assert "the run continues without it" in caplog.text
    ranges.close()


def test_a_folder_that_fails_meanwhile_ends_the_caching_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one of the network, whose server was restarted."""

    def fail(_: Cache) -> int:
        raise OSError(errno.EIO, "Input/output error")

    ranges = open_ranges(tmp_path)
    monkeypatch.setattr(Cache, "max_part_bytes", fail)
    ranges.sink(VERSION)(0, memoryview(CONTENT))
    assert "the run continues without it" in caplog.text
    assert ranges.gaps(VERSION, [(0, 9)]) == [(0, 9)]
    ranges.close()


def test_nothing_is_read_after_the_end(tmp_path: Path) -> None:
    ranges = open_ranges(tmp_path)
    sink = ranges.sink(VERSION)
    sink(0, memoryview(CONTENT))
    ranges.close()
    sink(1 << 20, memoryview(CONTENT))  # a thread that outlives the run
    assert ranges.gaps(VERSION, [(0, 9)]) == [(0, 9)]
    again = open_ranges(tmp_path, read_only=True)
    assert again.gaps(VERSION, [(0, 1 << 21)]) == [(len(CONTENT), 1 << 21)]
    again.close()
