"""The cached byte ranges that a client reads and fills: opened when needed, dropped on an error."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable
from mmap import mmap

from hrdem.http.cache.part_store import PartStore
from hrdem.http.cache.store import Cache
from hrdem.http.cache.writer import CacheWriter
from hrdem.http.protocol import ByteSink
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span

log = logging.getLogger(__name__)


class RangeCache:
    """Byte ranges of files by version, for several threads at a time.

    An error of the disk ends all writes, and what cannot be read counts as missing.

    Args:
        cache: The cache.
        writer: Decides whether it is written.
        read_only: Whether to write nothing in any case.
    """

    def __init__(self, cache: Cache, writer: CacheWriter, *, read_only: bool) -> None:
        self._cache = cache
        self._writer = writer
        self._read_only = read_only
        self._lock = threading.Lock()
        self._parts: PartStore | None = None
        self._is_opened = False
        self._has_written = False

    def close(self) -> None:
        """Close the store of parts; nothing is read or written any more."""
        with self._lock:
            parts, self._parts, self._is_opened = self._parts, None, True
        if parts is not None:
            parts.close()

    @property
    def has_written(self) -> bool:
        """Whether bytes that arrived were written."""
        return self._has_written

    def holds(self, version: SourceVersion) -> bool:
        """Whether ranges of a version can be cached: it needs a strong ETag, and a disk."""
        return self._parts_of(version) is not None

    def latest(self, address: str) -> SourceVersion | None:
        """Return the version of a file that was opened last, by the fingerprint of its address."""
        parts = self._open_parts()
        with contextlib.suppress(OSError):
            return None if parts is None else parts.index.latest(address)
        return None

    def replace_versions(self, version: SourceVersion) -> None:
        """Make a version the latest of its file, and drop the byte ranges of others."""
        parts = self._parts_of(version)
        if parts is not None:
            self._writer.try_write(_replace_versions, parts, version)

    def read(self, version: SourceVersion, start: int, buffer: mmap, headroom: int) -> list[Span]:
        """Read the cached parts of a span.

        Args:
            version: Version of the file.
            start: Position of the first byte.
            buffer: Memory for the bytes: ``headroom`` bytes, then as long as the span.
            headroom: Bytes at the beginning of the memory that stay as they are.

        Returns:
            Missing spans by position.
        """
        missing = [(start, start + len(buffer) - headroom)]
        parts = self._parts_of(version)
        if parts is None:
            return missing
        try:
            with memoryview(buffer) as whole, whole[headroom:] as into:
                return parts.read(version, start, into)
        except OSError as exc:
            self._writer.disable(exc)
            return missing

    def sink(self, version: SourceVersion) -> ByteSink:
        """Return a sink that writes bytes of a version as they arrive."""

        def write(start: int, content: memoryview) -> None:
            parts = self._parts_of(version)
            if parts is None or not self._writer.is_writable:
                return
            try:
                self._writer.check_space(len(content))
            except OSError as exc:
                self._writer.disable(exc)
                return
            limit = self._writer.max_part_bytes
            self._writer.try_write(self._write, parts, version, start, content, limit)

        return write

    def gaps(self, version: SourceVersion, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of some spans that are not cached."""
        parts = self._parts_of(version)
        if parts is None:
            return list(spans)
        found: list[Span] = []
        for start, stop in spans:
            try:
                found += parts.gaps(version, start, stop)
            except OSError:
                found.append((start, stop))
        return found

    def invalidate(self, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Remove what is cached of some spans, which are damaged."""
        parts = self._parts_of(version)
        if parts is not None:
            for start, stop in spans:
                self._writer.try_write(parts.invalidate, version, start, stop)

    def _write(
        self,
        parts: PartStore,
        version: SourceVersion,
        start: int,
        content: memoryview,
        max_bytes: int,
    ) -> None:
        if parts.write(version, start, content, max_bytes):
            self._has_written = True

    def _parts_of(self, version: SourceVersion) -> PartStore | None:
        return self._open_parts() if version.pinned else None

    def _open_parts(self) -> PartStore | None:
        """Return the store of parts; None if the disk fails, or after the end."""
        with self._lock:
            if not self._is_opened:
                self._is_opened = True
                self._parts = self._find_parts()
            return self._parts

    def _find_parts(self) -> PartStore | None:
        """Open the store to write, or as it is if that is impossible."""
        for read_only in (self._read_only or not self._writer.is_writable, True):
            parts = self._cache.open_parts(read_only=read_only)
            try:
                parts.index.open()
            except OSError as exc:
                parts.close()
                if not read_only:
                    self._writer.disable(exc)
            else:
                return parts
        return None


def _replace_versions(parts: PartStore, version: SourceVersion) -> None:
    parts.index.mark_opened(version)
    if parts.drop_others(version):
        log.info(
            "%s was republished: the cached ranges of its old version were removed.",
            version.url,
        )
