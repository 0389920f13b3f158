"""How a run keeps what it fetches: in which cache, or nowhere, or from there alone."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import NetworkError, RequestError
from hrdem.http.cache.client import CachingClient
from hrdem.http.cache.mirror import Mirror
from hrdem.http.cache.store import Cache
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.limits import DEFAULT_MAX_CACHE_BYTES

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """What the user says of the cache.

    Attributes:
        cache_dir: Its folder; None for the system's folder for such files.
        no_cache: Whether nothing is kept, and nothing that was kept is used.
        max_cache: Bytes that it may take.
        offline: Whether everything comes from it.

    Raises:
        RequestError: If that makes no sense.
    """

    cache_dir: str | os.PathLike[str] | None = None
    no_cache: bool = False
    max_cache: int = DEFAULT_MAX_CACHE_BYTES
    offline: bool = False

    def __post_init__(self) -> None:
        if self.offline and self.no_cache:
            raise RequestError(
                "--offline takes everything from the cache, which --no-cache forbids: leave one of "
                "them out."
            )
        if self.max_cache < 0:
            raise RequestError(f"--max-cache is a number of bytes, not {self.max_cache}.")

    @property
    def cache(self) -> Cache:
        """The cache."""
        return Cache(self.cache_dir, self.max_cache)

    @contextlib.contextmanager
    def client(
        self, http: Http | None, trusted: Iterable[str] = (), *, fetches: bool = False
    ) -> Iterator[Http]:
        """Yield a client that keeps what it fetches, unless nothing is to be kept.

        Args:
            http: What it asks with, left open; one is made for as long as the context lasts
                otherwise.
            trusted: Addresses of services that may lie anywhere, for a client that is made.
            fetches: Whether pixels are fetched. Then the cache is brought back within its limit if
                all goes well; if not, everything is left to a run that goes on, and the error says
                so.
        """
        with contextlib.ExitStack() as stack:
            if self.offline:
                yield stack.enter_context(CachingClient(None, self.cache))
                return
            asking = stack.enter_context(HttpClient(trusted=trusted)) if http is None else http
            if not self.no_cache:
                asking = stack.enter_context(CachingClient(asking, self.cache))
            used: list[SourceVersion] = []
            try:
                yield asking
                if isinstance(asking, CachingClient):
                    used = asking.versions
            except (NetworkError, KeyboardInterrupt) as exc:
                if fetches and isinstance(asking, CachingClient) and asking.resumable:
                    exc.add_note("What was fetched is kept: the same command goes on from there.")
                raise
        if fetches and not self.no_cache:
            self._prune(used)

    def hold(self, http: Http) -> list[Mirror]:
        """Spare what is kept of the files that a client has met, until that is forgotten."""
        if self.no_cache or not isinstance(http, CachingClient):
            return []
        with contextlib.suppress(OSError):
            mirrors = [self.cache.open_to_read(version) for version in http.versions]
            return [mirror for mirror in mirrors if mirror is not None]
        return []

    def _prune(self, used: Iterable[SourceVersion]) -> None:
        """Bring the cache back within its limit, and say so if that takes what was just used."""
        with contextlib.suppress(OSError):
            self.cache.prune()
        if self.max_cache and not all(map(self.cache.holds, used)):
            log.warning(
                "What was fetched is not kept, as it is more than the %s of --max-cache.",
                format_size(self.max_cache),
            )

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a folder for what is kept beside files: that of the cache, or one that goes."""
        if not self.no_cache:
            yield self.cache.folder
            return
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            yield Path(folder)
