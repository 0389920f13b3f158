"""A session: one cache setting, and the clients that share it."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hrdem.errors import NetworkError, RequestError
from hrdem.http.allowed_hosts import HostPolicy
from hrdem.http.cache.client import CachingClient
from hrdem.http.cache.mirror import Mirror
from hrdem.http.cache.store import IS_SUPPORTED, Cache
from hrdem.http.client import HttpClient
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES
from hrdem.runtime.private_folder import make_private_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """Cache settings of a call, and what its clients share in memory.

    Attributes:
        cache_dir: Folder of the cache; None for the system's cache folder.
        no_cache: Whether to neither read nor write the cache.
        max_cache: Largest size of the cache in bytes.
        offline: Whether to read everything from the cache and send no request.
        hosts: Addresses that may be requested.
        metadata: Parsed headers and tile indexes of remote files.

    Raises:
        RequestError: If the settings contradict each other.
    """

    cache_dir: str | os.PathLike[str] | None = None
    no_cache: bool = False
    max_cache: int = DEFAULT_MAX_CACHE_BYTES
    offline: bool = False
    hosts: HostPolicy = field(default_factory=HostPolicy, compare=False)
    metadata: MetadataCache = field(default_factory=MetadataCache, compare=False)

    def __post_init__(self) -> None:
        if self.offline and self.no_cache:
            raise RequestError(
                "`offline` reads everything from the cache, and `no_cache` disables it: leave one "
                "of them out."
            )
        if self.offline and not IS_SUPPORTED:
            raise RequestError(
                "`offline` reads everything from the cache, and this system has none yet. Leave it "
                "out."
            )
        if self.max_cache < 0:
            raise RequestError(f"`max_cache` is a number of bytes, not {self.max_cache}.")

    @property
    def uses_cache(self) -> bool:
        """Whether the cache is read and written: unless it is disabled, or the system has none."""
        return IS_SUPPORTED and not self.no_cache

    @property
    def cache(self) -> Cache:
        """The cache.

        Raises:
            RequestError: If others can write to its folder.
        """
        cache = Cache(self.cache_dir, self.max_cache)
        cache.check_private()
        if not self.offline:
            with contextlib.suppress(OSError):  # it is reported where something is to be cached
                make_private_folder(cache.folder)
        return cache

    @contextlib.contextmanager
    def client(
        self, http: Http | None, trusted: Iterable[str] = (), *, fetches: bool = False
    ) -> Iterator[Http]:
        """Yield a client that reads and fills the cache as configured.

        Args:
            http: Client to wrap, which is left open; None to create one for the context.
            trusted: User-supplied addresses, which may be in any network, for a client that is
                created.
            fetches: Whether pixels are fetched. On success the cache is then pruned to its limit;
                on failure nothing is pruned, so that another run can resume; a note on the error
                says that.
        """
        with contextlib.ExitStack() as stack:
            if self.offline:
                yield stack.enter_context(CachingClient(None, self.cache, self.metadata))
                return
            if http is None:
                http = stack.enter_context(
                    HttpClient(trusted=trusted, hosts=self.hosts, metadata=self.metadata)
                )
            if self.uses_cache:
                http = stack.enter_context(CachingClient(http, self.cache))
            try:
                yield http
                used = http.cached_versions
            except (NetworkError, KeyboardInterrupt) as exc:
                if fetches and http.can_resume:
                    exc.add_note("Fetched data is cached: run the same command again to resume.")
                raise
        if fetches and self.uses_cache:
            self._prune(used)

    def lock_cached_files(self, http: Http) -> list[Mirror]:
        """Protect the cached ranges of files that a client has opened while the result is alive."""
        if not self.uses_cache:
            return []
        with contextlib.suppress(OSError):
            mirrors = [self.cache.open_to_read(version) for version in http.cached_versions]
            return [mirror for mirror in mirrors if mirror is not None]
        return []

    def _prune(self, used: Iterable[SourceVersion]) -> None:
        """Prune the cache to its limit; warn if that removes what was just used."""
        with contextlib.suppress(OSError):
            self.cache.prune()
        if self.max_cache and not all(map(self.cache.has, used)):
            log.warning(
                "Fetched data was removed from the cache: it is larger than the limit of %s "
                "(`max_cache`).",
                format_size(self.max_cache),
            )

    @contextlib.contextmanager
    def data_dir(self) -> Iterator[Path]:
        """Yield a folder for other files to cache: that of the cache, or a temporary one."""
        if self.uses_cache:
            yield self.cache.folder
            return
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            yield Path(folder)
