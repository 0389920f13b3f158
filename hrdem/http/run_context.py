"""The context of a run: client, cache folder and limits, passed as one value."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from hrdem.http.cache.store import default_cache_dir
from hrdem.http.client_settings import ClientSettings
from hrdem.http.metadata_cache import MAX_AGE_SECONDS, MetadataCache
from hrdem.http.protocol import Http
from hrdem.runtime.limits import DEFAULT_CODERS, DEFAULT_MAX_MEMORY_BYTES
from hrdem.runtime.memory import measure_baseline
from hrdem.runtime.progress import OnProgress, ignore_progress


@dataclass(frozen=True, slots=True)
class Transfer:
    """What was transferred for a result, and how long it took.

    Attributes:
        received_bytes: Bytes of source tiles fetched; None if GDAL fetched them.
        cached_bytes: Bytes that came from the cache.
        seconds: Duration.
    """

    received_bytes: int | None = 0
    cached_bytes: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "received_bytes": self.received_bytes,
            "cached_bytes": self.cached_bytes,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run reads with, and how much it may use.

    Attributes:
        http: HTTP client.
        cache: Cache folder.
        max_memory: Peak memory of the process, bytes.
        max_download: Maximum bytes to fetch; None for no limit.
        on_progress: Called whenever a tile is read or written.
        coders: Threads that decode and encode. Memory is divided by their number, so that it
            affects the order of the tiles in a file, but no pixel.
        baseline_memory: Returns the bytes that the process used when it was first called. A run
            that starts again then divides memory as before and writes tiles in the same order.
        received_bytes: Bytes that earlier runs of the same call fetched; they count as well.
    """

    http: Http
    cache: Path = field(default_factory=default_cache_dir)
    max_memory: int = DEFAULT_MAX_MEMORY_BYTES
    max_download: int | None = None
    on_progress: OnProgress = ignore_progress
    coders: int = DEFAULT_CODERS
    baseline_memory: Callable[[], int] = field(
        default_factory=lambda: functools.cache(measure_baseline)
    )
    received_bytes: int = 0

    def after(self, received: int | None) -> RunContext:
        """Return the context of the next run of a call, which has the rest of the limit.

        Args:
            received: Bytes that a run fetched; None, if GDAL fetched them, counts as none.
        """
        return replace(self, received_bytes=self.received_bytes + (received or 0))

    def memory_as_dict(self) -> dict[str, int]:
        """Return what memory is divided by as JSON-ready values."""
        used = self.baseline_memory()
        return {"max_memory": self.max_memory, "used_memory": used, "coders": self.coders}

    def with_memory(self, values: Mapping[str, int]) -> RunContext:
        """Return the context that divides memory as another did, from its `memory_as_dict`."""
        used = values["used_memory"]
        return replace(
            self,
            max_memory=values["max_memory"],
            coders=values["coders"],
            baseline_memory=lambda: used,
        )

    def split_bytes(self, read: int | None, cached_before: int = 0) -> tuple[int | None, int]:
        """Split the bytes of source tiles that a run read into fetched and cached ones.

        Args:
            read: Bytes that were read; None if GDAL read them.
            cached_before: `Http.cached_bytes` before the run.

        Returns:
            Fetched bytes, None if GDAL fetched them; and bytes that came from the cache.
        """
        cached = self.http.cached_bytes - cached_before
        return None if read is None else max(0, read - cached), cached


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings that run contexts are opened with; picklable for the workers of dask.

    Attributes:
        client_settings: Cache settings, and what clients share.
        http: HTTP client to use, left open; None opens one for each context.
        trusted: Addresses of user-supplied services, which may have any network scope.
        max_memory: Peak memory of the process, bytes.
        max_download: Maximum bytes to fetch; None for no limit.
        on_progress: Called whenever a tile is read or written.
    """

    client_settings: ClientSettings
    http: Http | None
    trusted: tuple[str, ...]
    max_memory: int
    max_download: int | None
    on_progress: OnProgress

    @classmethod
    def of(
        cls,
        values: Mapping[str, Any],
        http: Http | None,
        on_progress: OnProgress,
        trusted: tuple[str, ...] = (),
    ) -> Self:
        """Return the settings that the parameters of a function name.

        Args:
            values: The parameters, among them those of the cache and the limits.
            http: As the attribute.
            on_progress: As the attribute.
            trusted: As the attribute.
        """
        cache = {name: values[name] for name in ("cache_dir", "no_cache", "max_cache", "offline")}
        limits = {name: values[name] for name in ("max_memory", "max_download")}
        return cls(ClientSettings(**cache), http, trusted, **limits, on_progress=on_progress)

    def recalling(self) -> Self:
        """Return settings for several plans of one area: each server is asked once for all."""
        metadata = MetadataCache(MAX_AGE_SECONDS)
        return replace(self, client_settings=replace(self.client_settings, metadata=metadata))

    @contextlib.contextmanager
    def open(self) -> Iterator[RunContext]:
        """Open a client and a cache folder, and yield the context of a run."""
        with (
            self.client_settings.client(self.http, self.trusted, fetches=True) as http,
            self.client_settings.data_dir() as cache,
        ):
            yield RunContext(http, cache, self.max_memory, self.max_download, self.on_progress)
