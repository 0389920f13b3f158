"""An LRU cache stays within its limit and returns what was put in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hrdem.runtime.lru import LruCache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=60))
def test_size_stays_within_limit(puts: list[tuple[int, int]]) -> None:
    cache: LruCache[int] = LruCache(20)
    sizes: dict[int, int] = {}
    for number, (key, size) in enumerate(puts):
        cache.put(key, number, size)
        sizes[key] = size
        assert cache.get(key) == number
        assert sum(sizes[each] for each in sizes if cache.get(each) is not None) <= 20
    cache.clear()
    assert all(cache.get(key) is None for key in sizes)


def test_least_recently_used_is_evicted() -> None:
    cache: LruCache[str] = LruCache(2)
    cache.put("a", "A", 1)
    cache.put("b", "B", 1)
    cache.get("a")
    cache.put("c", "C", 1)
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]
