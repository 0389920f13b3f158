"""What is kept of a file: only bytes that are there, and that are those that came."""

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

FAR = 900_000_000_000
CONTENT = random.Random(1).randbytes(1 << 20)


def opened(folder: Path) -> Mirror:
    folder.mkdir(exist_ok=True)
    held = acquire_lock(folder / "lock", shared=True)
    assert held is not None
    prepare(folder)
    return Mirror(folder, held)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return opened(tmp_path / "mirror")


def keep(mirror: Mirror, start: int, stop: int, at: int = 0) -> None:
    mirror.write(at + start, memoryview(CONTENT[start:stop]))


def read(mirror: Mirror, start: int, stop: int) -> tuple[bytes, list[tuple[int, int]]]:
    into = bytearray(stop - start)
    missing = mirror.read(start, memoryview(into))
    return bytes(into), missing


def test_bytes_at_the_end_of_a_huge_file_take_no_more_than_themselves(
    mirror: Mirror, tmp_path: Path
) -> None:
    keep(mirror, 0, 300_000, at=FAR)
    content, missing = read(mirror, FAR + 1_000, FAR + 299_000)
    assert (content, missing) == (CONTENT[1_000:299_000], [])
    assert (tmp_path / "mirror" / "bytes").stat().st_blocks * 512 < 1_000_000


def test_another_process_finds_what_was_kept_since_it_began(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "mirror"), opened(tmp_path / "mirror")
    assert read(other, 0, 1_000)[1] == [(0, 1_000)]
    keep(one, 0, 1_000)
    assert read(other, 0, 1_000) == (CONTENT[:1_000], [])
    assert read(opened(tmp_path / "mirror"), 0, 1_000) == (CONTENT[:1_000], [])


@settings(max_examples=100, deadline=None)
@given(
    kept=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 200_000)), max_size=12),
    start=st.integers(0, (1 << 20) - 1),
    size=st.integers(1, 400_000),
)
def test_what_is_not_missing_is_right(
    tmp_path_factory: pytest.TempPathFactory,
    kept: list[tuple[int, int]],
    start: int,
    size: int,
) -> None:
    mirror = opened(tmp_path_factory.mktemp("mirror"))
    there = np.zeros(1 << 20, bool)
    for begin, length in kept:
        keep(mirror, begin, min(begin + length, 1 << 20))
        there[begin : begin + length] = True
    stop = min(start + size, 1 << 20)
    content, missing = read(mirror, start, stop)
    lacking = mask(missing)
    right = np.frombuffer(content, np.uint8) == np.frombuffer(CONTENT, np.uint8)[start:stop]
    assert (lacking[start:stop] | right).all()
    assert (mask(mirror.gaps(start, stop)) == ~there)[start:stop].all()
    assert all(start <= first < last <= stop for first, last in missing)


def mask(spans: list[tuple[int, int]]) -> np.ndarray:
    found = np.zeros(1 << 20, bool)
    for start, stop in spans:
        found[start:stop] = True
    return found


def test_bytes_that_never_came_onto_the_disk_are_missing(mirror: Mirror, tmp_path: Path) -> None:
    """As when the power fails: the record is there, and holes are where the bytes should be."""
    keep(mirror, 0, 200_000)
    os.truncate(tmp_path / "mirror" / "bytes", MAX_PART_BYTES + 100)
    content, missing = read(mirror, 0, 200_000)
    assert missing == [(MAX_PART_BYTES, 200_000)]
    assert content[:MAX_PART_BYTES] == CONTENT[:MAX_PART_BYTES]


def test_a_byte_that_the_disk_has_altered_is_missing(mirror: Mirror, tmp_path: Path) -> None:
    keep(mirror, 0, 50_000)
    with (tmp_path / "mirror" / "bytes").open("r+b") as file:
        file.seek(10)
        file.write(bytes([CONTENT[10] ^ 1]))
    assert read(mirror, 100, 200)[1] == [(100, 200)]
    keep(mirror, 0, 50_000)
    assert read(mirror, 100, 200) == (CONTENT[100:200], [])


@pytest.mark.parametrize("torn", range(1, 24))
def test_a_line_that_was_not_written_whole_does_not_count(tmp_path: Path, torn: int) -> None:
    folder = tmp_path / "mirror"
    mirror = opened(folder)
    for start in (0, 1_000, 2_000):
        keep(mirror, start, start + 1_000)
    os.truncate(folder / "record", 3 * 24 - torn)
    again = opened(folder)
    assert again.gaps(0, 3_000) == [(2_000, 3_000)]
    keep(again, 2_000, 3_000)
    assert opened(folder).gaps(0, 3_000) == []


@pytest.mark.parametrize("torn", [1, 10, 23])
def test_lines_after_one_that_a_full_disk_tore_count(
    mirror: Mirror, tmp_path: Path, torn: int
) -> None:
    """All that was kept later was once lost, also to runs that were going on."""
    record = tmp_path / "mirror" / "record"
    keep(mirror, 0, 1_000)
    assert mirror.gaps(0, 1_000) == []
    with record.open("ab") as file:
        file.write(record.read_bytes()[:torn])
    for start in range(1_000, 9_000, 1_000):
        keep(mirror, start, start + 1_000)
    assert mirror.gaps(0, 9_000) == []
    assert read(opened(tmp_path / "mirror"), 0, 9_000) == (CONTENT[:9_000], [])


def test_a_span_beyond_the_end_of_what_is_kept_is_missing(mirror: Mirror, tmp_path: Path) -> None:
    """What a plan says is to be fetched must not be less than is fetched."""
    keep(mirror, 0, 200_000)
    os.truncate(tmp_path / "mirror" / "bytes", MAX_PART_BYTES + 100)
    assert mirror.gaps(0, 200_000) == [(MAX_PART_BYTES, 200_000)]


def test_a_record_of_garbage_tells_of_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    opened(folder)
    (folder / "record").write_bytes(random.Random(2).randbytes(24 * 5_000) + bytes(24 * 5_000))
    mirror = opened(folder)
    assert mirror.gaps(0, 1 << 62) == [(0, 1 << 62)]
    keep(mirror, 5, 10)
    assert read(mirror, 5, 10) == (CONTENT[5:10], [])


def test_what_is_spoilt_is_missing_however_often_it_was_kept(mirror: Mirror) -> None:
    keep(mirror, 0, 1_000)
    keep(mirror, 0, 1_000)
    keep(mirror, 500, 3_000)
    mirror.invalidate(0, 10)
    assert read(mirror, 0, 1_000)[1] == [(0, 500)]
    mirror.invalidate(0, 10)
    assert read(mirror, 0, 1_000)[1] == [(0, 500)]
    keep(mirror, 0, 1_000)
    assert read(mirror, 0, 3_000) == (CONTENT[:3_000], [])


def test_many_parts_are_found_again(mirror: Mirror) -> None:
    for start in range(0, 1 << 20, 100):
        if start % 300:
            keep(mirror, start, min(start + 100, 1 << 20))
    content, missing = read(mirror, 0, 90_000)
    assert missing == [(0, 89_800)]  # gaps that are cheaper to fetch than to ask around
    assert len(mirror.gaps(0, 90_000)) == 300
    assert content[100:300] == CONTENT[100:300]
