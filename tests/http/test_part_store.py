"""The store of parts returns only bytes that were written, unaltered, and holds its limit."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.http.cache.index import MAX_PART_BYTES
from hrdem.http.cache.part_store import PartStore
from hrdem.http.source_version import SourceVersion

FAR = 900_000_000_000
CONTENT = random.Random(1).randbytes(1 << 20)
VERSION = SourceVersion.of("http://store.invalid/a.tif", '"1"', 10**12, "yesterday")
OTHER = SourceVersion.of("http://store.invalid/a.tif", '"2"', 10**12, "today")
PLENTY = 1 << 40


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[PartStore]:
    with PartStore(tmp_path / "ranges") as parts:
        yield parts


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartStore]:
    with PartStore(tmp_path_factory.mktemp("ranges")) as parts:
        yield parts


def write(
    parts: PartStore, start: int, stop: int, version: SourceVersion = VERSION, limit: int = PLENTY
) -> None:
    parts.write(version, start, memoryview(CONTENT[start:stop]), limit)


def read(
    parts: PartStore, start: int, stop: int, version: SourceVersion = VERSION
) -> tuple[bytes, list[tuple[int, int]]]:
    into = bytearray(stop - start)
    missing = parts.read(version, start, memoryview(into))
    return bytes(into), missing


def files(folder: Path) -> list[Path]:
    return list(folder.glob("ranges/??/*"))


def test_part_of_huge_file_takes_its_own_size(parts: PartStore, tmp_path: Path) -> None:
    parts.write(VERSION, FAR, memoryview(CONTENT[:300_000]), PLENTY)
    assert read(parts, FAR + 1_000, FAR + 299_000) == (CONTENT[1_000:299_000], [])
    sizes = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(sizes) < 600_000


def test_bytes_belong_to_one_version(parts: PartStore) -> None:
    write(parts, 0, 1_000)
    assert read(parts, 0, 1_000, OTHER)[1] == [(0, 1_000)]
    parts.clear()
    write(parts, 0, 1_000, OTHER)
    assert read(parts, 0, 1_000)[1] == [(0, 1_000)]


def test_other_process_sees_new_parts(parts: PartStore, tmp_path: Path) -> None:
    with PartStore(tmp_path / "ranges") as other:
        assert read(other, 0, 1_000)[1] == [(0, 1_000)]
        write(parts, 0, 1_000)
        assert read(other, 0, 1_000) == (CONTENT[:1_000], [])


@settings(max_examples=100, deadline=None)
@given(
    written=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 200_000)), max_size=12),
    start=st.integers(0, (1 << 20) - 1),
    size=st.integers(1, 400_000),
)
def test_bytes_are_right_unless_missing(
    shared: PartStore, written: list[tuple[int, int]], start: int, size: int
) -> None:
    is_cached = np.zeros(1 << 20, bool)
    stop = min(start + size, 1 << 20)
    version = SourceVersion.of(f"http://store.invalid/{uuid.uuid4()}", '"1"', 10**12)
    for begin, length in written:
        write(shared, begin, min(begin + length, 1 << 20), version)
        is_cached[begin : begin + length] = True
    content, missing = read(shared, start, stop, version)
    gaps = shared.gaps(version, start, stop)
    is_missing = mask(missing)
    right = np.frombuffer(content, np.uint8) == np.frombuffer(CONTENT, np.uint8)[start:stop]
    assert (is_missing[start:stop] | right).all()
    assert (mask(gaps) == ~is_cached)[start:stop].all()
    assert all(start <= first < last <= stop for first, last in missing)


def mask(spans: list[tuple[int, int]]) -> np.ndarray:
    found = np.zeros(1 << 20, bool)
    for start, stop in spans:
        found[start:stop] = True
    return found


def test_large_pieces_are_divided(parts: PartStore, tmp_path: Path) -> None:
    content = memoryview(CONTENT * 5)
    parts.write(VERSION, 7, content, PLENTY)
    assert [path.stat().st_size <= MAX_PART_BYTES for path in files(tmp_path)] == [True, True]
    assert read(parts, 7 + (3 << 20), 7 + (5 << 20)) == (CONTENT * 2, [])


def test_parts_share_a_few_folders(parts: PartStore, tmp_path: Path) -> None:
    for start in range(0, 4_000, 100):
        write(parts, start, start + 100)
    assert len({path.parent for path in files(tmp_path)}) <= 16


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, 100),
        lambda path: path.write_bytes(bytes(200_000)),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(CONTENT[1:200_001]),
        lambda path: path.unlink(),
    ],
    ids=["truncated", "zeroed", "emptied", "altered", "lost"],
)
def test_part_that_a_power_cut_damaged_is_missing(parts: PartStore, damage, tmp_path: Path) -> None:
    """Until it is written again; the damaged file is removed."""
    write(parts, 0, 200_000)
    write(parts, 200_000, 400_000)
    damage(max(files(tmp_path), key=lambda path: path.read_bytes() == CONTENT[:200_000]))
    assert read(parts, 100, 300_000)[1] == [(100, 200_000)]
    assert parts.gaps(VERSION, 0, 400_000) == [(0, 200_000)]
    assert len(files(tmp_path)) == 1
    write(parts, 0, 200_000)
    assert read(parts, 0, 400_000) == (CONTENT[:400_000], [])


def test_bytes_are_read_from_an_index_that_cannot_be_written(parts: PartStore, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    write(parts, 0, 1_000)
    monkeypatch.setattr("hrdem.http.cache.index.RangeIndex.mark_used", refuse)
    assert read(parts, 0, 1_000) == (CONTENT[:1_000], [])


def test_invalidated_part_is_missing(parts: PartStore, tmp_path: Path) -> None:
    """A range that is cached in several parts is missing after one call."""
    write(parts, 0, 1_000)
    write(parts, 500, 3_000)
    parts.invalidate(VERSION, 0, 10)
    assert read(parts, 0, 1_000)[1] == [(0, 500)]
    parts.invalidate(VERSION, 600, 601)
    assert files(tmp_path) == []


def test_store_that_is_only_read_removes_nothing(parts: PartStore, tmp_path: Path) -> None:
    write(parts, 0, 1_000)
    with (
        PartStore(tmp_path / "ranges", read_only=True) as other,
        pytest.raises(OSError, match="is only read"),
    ):
        other.invalidate(VERSION, 0, 1_000)
    assert read(parts, 0, 1_000) == (CONTENT[:1_000], [])


def test_what_is_written_again_takes_no_space(parts: PartStore, tmp_path: Path) -> None:
    """The beginning of each file is fetched in every run."""
    for stop in (1_000, 1_000, 12_288, 12_288):
        write(parts, 0, stop)
    assert len(files(tmp_path)) == 1
    assert parts.index.total_bytes() == 12_288


def test_small_gaps_are_joined(parts: PartStore) -> None:
    for start in range(0, 90_000, 1_000):
        if start % 3_000:
            write(parts, start, start + 1_000)
    assert read(parts, 0, 90_000)[1] == [(0, 88_000)]  # less to fetch than more requests cost
    assert len(parts.gaps(VERSION, 0, 90_000)) == 30


def test_limit_holds_while_several_threads_write(parts: PartStore, tmp_path: Path) -> None:
    """Parts go before others are written, the least recently used first."""
    found = []

    def fill(first: int) -> None:
        for start in range(first, 1_000_000, 200_000):
            write(parts, start, start + 50_000, limit=400_000)
            found.append(sum(map(size_of, files(tmp_path))))

    threads = [threading.Thread(target=fill, args=(first,)) for first in range(0, 200_000, 50_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 100_000 < max(found) <= 400_000
    assert parts.index.total_bytes() <= 400_000


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_least_recently_used_part_goes_first(parts: PartStore, monkeypatch, tmp_path: Path) -> None:
    now = time.time()
    for at in range(4):
        monkeypatch.setattr("time.time", lambda at=at: now + at)
        write(parts, at * 4_096, (at + 1) * 4_096)
    monkeypatch.setattr("time.time", lambda: now + 100)
    assert read(parts, 0, 4_096)[1] == []
    write(parts, 4 * 4_096, 5 * 4_096, limit=4 * 4_096)
    assert parts.gaps(VERSION, 0, 5 * 4_096) == [(4_096, 8_192)]
    assert parts.evict(4_096) == 3 * 4_096
    assert len(files(tmp_path)) == 1


def test_part_beyond_the_limit_is_not_written(parts: PartStore) -> None:
    write(parts, 0, 4_096, limit=5_000)
    write(parts, 10_000, 30_000, limit=5_000)
    assert parts.gaps(VERSION, 0, 4_096) == []
    assert parts.gaps(VERSION, 10_000, 30_000) == [(10_000, 30_000)]


def test_files_of_killed_runs_are_removed(tmp_path: Path) -> None:
    """After an hour: younger ones may be of a run that is just about to list them."""
    folder = tmp_path / "ranges" / "ab"
    folder.mkdir(parents=True)
    old, new, foreign = folder / ("0" * 14), folder / ("1" * 14), folder / "thesis"
    for path in (old, new, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (0, 0))
    with PartStore(tmp_path / "ranges") as parts:
        write(parts, 0, 1_000)
        parts.sweep()
        assert sorted(folder.iterdir()) == [new, foreign]
        assert read(parts, 0, 1_000) == (CONTENT[:1_000], [])


def test_clearing_does_no_harm_to_a_run(parts: PartStore, tmp_path: Path) -> None:
    write(parts, 0, 1_000)
    with PartStore(tmp_path / "ranges") as other:
        assert other.clear() == 4_096
    assert read(parts, 0, 1_000)[1] == [(0, 1_000)]
    write(parts, 0, 1_000)
    assert read(parts, 0, 1_000) == (CONTENT[:1_000], [])
