"""Metadata of remote files in memory: parsed headers and rows of tile indexes, by version."""

from __future__ import annotations

from typing import Any

from hrdem.runtime.lru import LruCache

MAX_HEADERS = 64
MAX_INDEX_BYTES = 8 << 20  # of the rows of all files together


class MetadataCache:
    """What the readers of a session share, so that none parses what another has parsed.

    The types are those of `hrdem.tiff`, which this room does not import.

    Attributes:
        headers: Headers of TIFF files by version.
        index_rows: Rows of tile indexes by version, level and number.
        early_searches: Rings that catalogues are already being searched with, by address and
            collection.
    """

    def __init__(self) -> None:
        self.headers: LruCache[Any] = LruCache(MAX_HEADERS)
        self.index_rows: LruCache[Any] = LruCache(MAX_INDEX_BYTES)
        self.early_searches: dict[tuple[str, str], list[tuple[float, float]]] = {}

    def __reduce__(self) -> tuple[type[MetadataCache], tuple[()]]:
        """Start empty in another process."""
        return MetadataCache, ()
