"""How a run keeps what it fetches: in which cache, or nowhere, or from there alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hrdem.errors import RequestError
from hrdem.http.cache import USUAL_LIMIT, Cache
from hrdem.http.caching import CachingHttp
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http


@dataclass(frozen=True, slots=True)
class Keeping:
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
    max_cache: int = USUAL_LIMIT
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
        self, http: Http | None, given: Iterable[str] = (), *, prune: bool = False
    ) -> Iterator[Http]:
        """Yield a client that keeps what it fetches, unless nothing is to be kept.

        Args:
            http: What it asks with, left open; one is made for as long as the context lasts
                otherwise.
            given: Addresses of services that may lie anywhere, for a client that is made.
            prune: Whether the cache is brought back within its limit, if all went well: for those
                who fetch pixels. A run that fails leaves everything to the one that goes on.
        """
        with contextlib.ExitStack() as stack:
            if self.offline:
                yield stack.enter_context(CachingHttp(None, self.cache))
                return
            asking = stack.enter_context(HttpClient(given=given)) if http is None else http
            if not self.no_cache:
                asking = stack.enter_context(CachingHttp(asking, self.cache))
            yield asking
        if prune and not self.no_cache:
            with contextlib.suppress(OSError):
                self.cache.prune()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a folder for what is kept beside files: that of the cache, or one that goes."""
        if not self.no_cache:
            yield self.cache.folder
            return
        with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
            yield Path(folder)
