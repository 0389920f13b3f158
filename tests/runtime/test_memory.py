"""Memory for bytes and pixels on their way."""

import numpy as np
import pytest

from hrdem.runtime.memory import allocate_buffer, trim_allocator

SIZE = 3_000_000


def address(buffer: memoryview) -> int:
    return int(np.frombuffer(buffer, np.uint8).ctypes.data)


@pytest.fixture(autouse=True)
def without_spare_memory() -> None:
    trim_allocator()


def test_memory_that_nobody_refers_to_is_used_again() -> None:
    buffer = allocate_buffer(SIZE)
    before = address(buffer)
    del buffer
    smaller = allocate_buffer(SIZE - 300_000)
    assert address(smaller) == before
    assert len(smaller) == SIZE - 300_000


def test_memory_is_kept_for_the_last_view_of_it() -> None:
    pixels = np.frombuffer(allocate_buffer(SIZE)[8:], np.uint8)[5:]
    pixels[:] = 7
    part = memoryview(pixels)[100:200]
    del pixels
    allocate_buffer(SIZE)[:] = bytes(SIZE)
    assert bytes(part) == b"\7" * 100


def test_much_larger_memory_is_left_for_those_who_need_it() -> None:
    before = address(allocate_buffer(SIZE))
    small = allocate_buffer(1_000)
    assert address(small) != before
    assert address(allocate_buffer(SIZE)) == before
