"""Mirrors return only bytes that were written, unaltered."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.http.cache.mirror import Mirror, prepare
from hrdem.http.cache.range_log import MAX_PART_BYTES
from hrdem.runtime.locks import acquire_lock
from tests.systems import needs_cache

FAR = 900_000_000_000
CONTENT = random.Random(1).randbytes(1 << 20)


def open_mirror(folder: Path) -> Mirror:
    folder.mkdir(exist_ok=True)
    lock = acquire_lock(folder / "lock", shared=True)
    assert lock is not None
    prepare(folder)
    return Mirror(folder, lock)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return open_mirror(tmp_path / "mirror")


def write(mirror: Mirror, start: int, stop: int, at: int = 0) -> None:
    mirror.write(at + start, memoryview(CONTENT[start:stop]))


def read(mirror: Mirror, start: int, stop: int) -> tuple[bytes, list[tuple[int, int]]]:
    into = bytearray(stop - start)
    missing = mirror.read(start, memoryview(into))
    return bytes(into), missing


@needs_cache
def test_mirror_of_huge_file_is_sparse(mirror: Mirror, tmp_path: Path) -> None:
    """Bytes at the end of a huge file take only their own size on disk."""
    write(mirror, 0, 300_000, at=FAR)
    content, missing = read(mirror, FAR + 1_000, FAR + 299_000)
    assert (content, missing) == (CONTENT[1_000:299_000], [])
    assert (tmp_path / "mirror" / "bytes").stat().st_blocks * 512 < 1_000_000


def test_other_process_sees_new_ranges(tmp_path: Path) -> None:
    """Ranges that another process writes are found without opening the mirror again."""
    one, other = open_mirror(tmp_path / "mirror"), open_mirror(tmp_path / "mirror")
    assert read(other, 0, 1_000)[1] == [(0, 1_000)]
    write(one, 0, 1_000)
    assert read(other, 0, 1_000) == (CONTENT[:1_000], [])
    assert read(open_mirror(tmp_path / "mirror"), 0, 1_000) == (CONTENT[:1_000], [])


@settings(max_examples=100, deadline=None)
@given(
    written=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 200_000)), max_size=12),
    start=st.integers(0, (1 << 20) - 1),
    size=st.integers(1, 400_000),
)
def test_bytes_are_right_unless_missing(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[int, int]],
    start: int,
    size: int,
) -> None:
    mirror = open_mirror(tmp_path_factory.mktemp("mirror"))
    is_cached = np.zeros(1 << 20, bool)
    for begin, length in written:
        write(mirror, begin, min(begin + length, 1 << 20))
        is_cached[begin : begin + length] = True
    stop = min(start + size, 1 << 20)
    content, missing = read(mirror, start, stop)
    is_missing = mask(missing)
    right = np.frombuffer(content, np.uint8) == np.frombuffer(CONTENT, np.uint8)[start:stop]
    assert (is_missing[start:stop] | right).all()
    assert (mask(mirror.gaps(start, stop)) == ~is_cached)[start:stop].all()
    assert all(start <= first < last <= stop for first, last in missing)


def mask(spans: list[tuple[int, int]]) -> np.ndarray:
    found = np.zeros(1 << 20, bool)
    for start, stop in spans:
        found[start:stop] = True
    return found


def test_bytes_lost_in_power_failure_are_missing(mirror: Mirror, tmp_path: Path) -> None:
    """After a power failure the log lists ranges whose bytes are holes."""
    write(mirror, 0, 200_000)
    os.truncate(tmp_path / "mirror" / "bytes", MAX_PART_BYTES + 100)
    content, missing = read(mirror, 0, 200_000)
    assert missing == [(MAX_PART_BYTES, 200_000)]
    assert content[:MAX_PART_BYTES] == CONTENT[:MAX_PART_BYTES]


def test_altered_byte_is_missing(mirror: Mirror, tmp_path: Path) -> None:
    """A range with a wrong checksum is missing until it is fetched again."""
    write(mirror, 0, 50_000)
    with (tmp_path / "mirror" / "bytes").open("r+b") as file:
        file.seek(10)
        file.write(bytes([CONTENT[10] ^ 1]))
    assert read(mirror, 100, 200)[1] == [(100, 200)]
    write(mirror, 0, 50_000)
    assert read(mirror, 100, 200) == (CONTENT[100:200], [])


@pytest.mark.parametrize("torn", range(1, 24))
def test_truncated_line_is_ignored(tmp_path: Path, torn: int) -> None:
    folder = tmp_path / "mirror"
    mirror = open_mirror(folder)
    for start in (0, 1_000, 2_000):
        write(mirror, start, start + 1_000)
    os.truncate(folder / "record", 3 * 24 - torn)
    again = open_mirror(folder)
    assert again.gaps(0, 3_000) == [(2_000, 3_000)]
    write(again, 2_000, 3_000)
    assert open_mirror(folder).gaps(0, 3_000) == []


@pytest.mark.parametrize("torn", [1, 10, 23])
def test_lines_after_torn_line_are_read(mirror: Mirror, tmp_path: Path, torn: int) -> None:
    """All ranges after a line that a full disk tore were once lost, also to runs in progress."""
    record = tmp_path / "mirror" / "record"
    write(mirror, 0, 1_000)
    assert mirror.gaps(0, 1_000) == []
    with record.open("ab") as file:
        file.write(record.read_bytes()[:torn])
    for start in range(1_000, 9_000, 1_000):
        write(mirror, start, start + 1_000)
    assert mirror.gaps(0, 9_000) == []
    assert read(open_mirror(tmp_path / "mirror"), 0, 9_000) == (CONTENT[:9_000], [])


def test_gaps_include_ranges_beyond_the_file(mirror: Mirror, tmp_path: Path) -> None:
    """The download size of a plan includes ranges that the log lists and the disk lost."""
    write(mirror, 0, 200_000)
    os.truncate(tmp_path / "mirror" / "bytes", MAX_PART_BYTES + 100)
    assert mirror.gaps(0, 200_000) == [(MAX_PART_BYTES, 200_000)]


def test_garbage_log_lists_no_ranges(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    open_mirror(folder)
    (folder / "record").write_bytes(random.Random(2).randbytes(24 * 5_000) + bytes(24 * 5_000))
    mirror = open_mirror(folder)
    assert mirror.gaps(0, 1 << 62) == [(0, 1 << 62)]
    write(mirror, 5, 10)
    assert read(mirror, 5, 10) == (CONTENT[5:10], [])


def test_invalidated_range_is_missing(mirror: Mirror) -> None:
    """A range that is cached several times is missing after one call."""
    write(mirror, 0, 1_000)
    write(mirror, 0, 1_000)
    write(mirror, 500, 3_000)
    mirror.invalidate(0, 10)
    assert read(mirror, 0, 1_000)[1] == [(0, 500)]
    mirror.invalidate(0, 10)
    assert read(mirror, 0, 1_000)[1] == [(0, 500)]
    write(mirror, 0, 1_000)
    assert read(mirror, 0, 3_000) == (CONTENT[:3_000], [])


def test_many_ranges_are_found(mirror: Mirror) -> None:
    for start in range(0, 1 << 20, 100):
        if start % 300:
            write(mirror, start, min(start + 100, 1 << 20))
    content, missing = read(mirror, 0, 90_000)
    assert missing == [(0, 89_800)]  # small gaps cost less to fetch than another request
    assert len(mirror.gaps(0, 90_000)) == 300
    assert content[100:300] == CONTENT[100:300]
