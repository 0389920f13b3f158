"""What is remembered stays within its limit, and is what was put in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hrdem.runtime.lru import LruCache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=60))
def test_it_never_holds_more_than_it_may(puts: list[tuple[int, int]]) -> None:
    memory: LruCache[int] = LruCache(20)
    sizes: dict[int, int] = {}
    for number, (key, size) in enumerate(puts):
        memory.put(key, number, size)
        sizes[key] = size
        assert memory.get(key) == number
        assert sum(sizes[each] for each in sizes if memory.get(each) is not None) <= 20
    memory.clear()
    assert all(memory.get(key) is None for key in sizes)


def test_what_was_used_last_stays() -> None:
    memory: LruCache[str] = LruCache(2)
    memory.put("a", "A", 1)
    memory.put("b", "B", 1)
    memory.get("a")
    memory.put("c", "C", 1)
    assert [memory.get(key) for key in "abc"] == ["A", None, "C"]
