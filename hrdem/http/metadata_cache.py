"""Metadata of remote files in memory: parsed headers and rows of tile indexes, by version."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

from hrdem.runtime.lru import LruCache

MAX_AGE_SECONDS = 600.0  # after which the catalogue and the files' versions are requested again
MAX_HEADERS = 64
MAX_ANSWERS = 256
MAX_INDEX_BYTES = 8 << 20  # of the rows of all files together


class MetadataCache:
    """What the readers of a client share, so that none parses what another has parsed.

    The types are those of `hrdem.tiff` and of later rooms, which this room does not import.

    Args:
        max_age: Seconds for which answers of servers are recalled; 0 asks them again in each call.

    Attributes:
        headers: Headers of TIFF files by version.
        index_rows: Rows of tile indexes by version, level and number.
        early_searches: Rings that catalogues are already being searched with, by address and
            collection.
    """

    def __init__(self, max_age: float = 0.0) -> None:
        self.headers: LruCache[Any] = LruCache(MAX_HEADERS)
        self.index_rows: LruCache[Any] = LruCache(MAX_INDEX_BYTES)
        self.early_searches: dict[tuple[str, str], list[tuple[float, float]]] = {}
        self._max_age = max_age
        self._answers: LruCache[tuple[float, Any]] = LruCache(MAX_ANSWERS)

    def __reduce__(self) -> tuple[type[MetadataCache], tuple[float]]:
        """Start empty in another process."""
        return MetadataCache, (self._max_age,)

    @property
    def recalls(self) -> bool:
        """Whether answers of servers are recalled."""
        return self._max_age > 0

    def remember(self, key: Hashable, answer: object) -> None:
        """Remember an answer, if answers are recalled."""
        if self.recalls:
            self._answers.put(key, (time.monotonic(), answer), 1)

    def recall(self, key: Hashable) -> Any:
        """Return an answer; None if there is none, or it is too old."""
        found = self._answers.get(key)
        return found[1] if found and time.monotonic() - found[0] < self._max_age else None

    def remembered_at(self, key: Hashable) -> float | None:
        """Return when an answer was remembered, by `time.monotonic`; None if none was."""
        found = self._answers.get(key)
        return found[0] if found else None

    def forget(self, key: Hashable) -> None:
        """Forget an answer."""
        self._answers.put(key, (0.0, None), 1)

    def forget_answers(self) -> None:
        """Forget all results, so that they are requested again."""
        self._answers.clear()
