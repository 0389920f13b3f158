"""Writes to the cache that end with the first error of the disk, while the run continues."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hrdem.http.cache.store import Cache

_DISK_CHECK_BYTES = 64 << 20  # written between two checks of the space

log = logging.getLogger(__name__)


class CacheWriter:
    """Decides whether a cache is written, for several threads at a time.

    Args:
        cache: The cache.
        warns: Whether to log a warning when writes end.
    """

    def __init__(self, cache: Cache, *, warns: bool) -> None:
        self._cache = cache
        self._warns = warns
        self._lock = threading.Lock()
        self._is_writable = True
        self._unchecked_bytes: int | None = None  # None: not checked yet
        self._max_part_bytes = 0

    @property
    def is_writable(self) -> bool:
        """Whether no write has failed, and the run has not ended."""
        return self._is_writable

    @property
    def max_part_bytes(self) -> int:
        """Bytes that byte ranges may take, as of the last check of the space."""
        return self._max_part_bytes

    def try_write(self, work: Callable[..., object], *args: object) -> None:
        """Call a function that writes; an error of the disk ends all writes."""
        try:
            work(*args)
        except OSError as exc:
            self.disable(exc)

    def check_space(self, more: int) -> None:
        """Check now and then that the disk has space for more bytes.

        Raises:
            OSError: If it has none, or the folder cannot be read.
        """
        with self._lock:
            is_known = self._unchecked_bytes is not None
            self._unchecked_bytes = more + (self._unchecked_bytes or 0)
            if is_known and self._unchecked_bytes <= _DISK_CHECK_BYTES:
                return
            self._unchecked_bytes = 0
            self._max_part_bytes = self._cache.max_part_bytes()
        if not self._cache.has_space(_DISK_CHECK_BYTES):
            raise OSError("the disk is nearly full")

    def disable(self, why: OSError) -> None:
        """End all writes, and warn the first time."""
        if self.close() and self._warns:
            log.warning(
                "The cache %s cannot be written (%s): the run continues without it, and cannot "
                "resume if it is interrupted. Give another `cache_dir`, or `no_cache`.",
                self._cache.folder,
                why,
            )

    def close(self) -> bool:
        """End all writes; return whether the cache was written until now."""
        with self._lock:
            was_writable, self._is_writable = self._is_writable, False
        return was_writable
