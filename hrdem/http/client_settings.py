"""One cache setting, and the clients that share it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hrdem.errors import NetworkError, OutputError, RequestError
from hrdem.http.allowed_hosts import HostPolicy
from hrdem.http.cache.client import CachingClient
from hrdem.http.cache.store import Cache
from hrdem.http.client import HttpClient
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES
from hrdem.runtime.private_folder import make_private_folder


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Cache settings of a call, and what its clients share in memory.

    Attributes:
        cache_dir: Folder of the cache; None for the system's cache folder.
        no_cache: Whether to neither read nor write the cache.
        max_cache: Largest size of the cache in bytes.
        offline: Whether to read everything from the cache and send no request.
        max_connections: Maximum number of connections of a client at a time.
        hosts: Addresses that may be requested.
        metadata: Parsed headers and tile indexes of remote files.

    Raises:
        RequestError: If the settings contradict each other.
    """

    cache_dir: str | os.PathLike[str] | None = None
    no_cache: bool = False
    max_cache: int = DEFAULT_MAX_CACHE_BYTES
    offline: bool = False
    max_connections: int = MAX_CONNECTIONS
    hosts: HostPolicy = field(default_factory=HostPolicy, compare=False)
    metadata: MetadataCache = field(default_factory=MetadataCache, compare=False)

    def __post_init__(self) -> None:
        if self.offline and self.no_cache:
            raise RequestError(
                "`offline` reads everything from the cache, and `no_cache` disables it: leave one "
                "of them out."
            )
        if self.max_cache < 0:
            raise RequestError(f"`max_cache` is a number of bytes, not {self.max_cache}.")

    @property
    def uses_cache(self) -> bool:
        """Whether the cache is read and written."""
        return not self.no_cache

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

    def make_client(self, trusted: Iterable[str] = ()) -> HttpClient:
        """Return a new client without the cache.

        Args:
            trusted: User-supplied addresses, which may be in any network.
        """
        return HttpClient(
            trusted=trusted,
            hosts=self.hosts,
            metadata=self.metadata,
            max_connections=self.max_connections,
        )

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
                on failure a note on the error says that another run can resume.
        """
        with contextlib.ExitStack() as stack:
            if self.offline:
                yield stack.enter_context(CachingClient(None, self.cache, self.metadata))
                return
            if http is None:
                http = stack.enter_context(self.make_client(trusted))
            if self.uses_cache:
                http = stack.enter_context(CachingClient(http, self.cache))
            try:
                yield http
            except (NetworkError, KeyboardInterrupt) as exc:
                if fetches and http.can_resume:
                    exc.add_note("Fetched data is cached: run the same command again to resume.")
                raise
        if fetches and self.uses_cache:
            with contextlib.suppress(OSError):
                self.cache.prune()

    @contextlib.contextmanager
    def data_dir(self) -> Iterator[Path]:
        """Yield a folder for other files to cache: that of the cache, or a temporary one.

        Raises:
            OutputError: If a temporary one cannot be created.
        """
        if self.uses_cache:
            yield self.cache.folder
            return
        try:
            temporary = tempfile.TemporaryDirectory(prefix="hrdem-")
        except OSError as exc:
            raise OutputError(
                f"No folder for temporary files can be created: {exc.strerror or exc}. Set TMPDIR "
                "to a folder that can be written, or leave `no_cache` out."
            ) from exc
        with temporary as folder:
            yield Path(folder)
