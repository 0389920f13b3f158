"""An HTTP client that caches byte ranges and responses on disk, and works offline from them."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hrdem.errors import NotCachedError, ServerError
from hrdem.http.cache.range_cache import RangeCache
from hrdem.http.cache.responses import (
    FORBIDDEN,
    CachedRequest,
    CachedResponse,
    is_better,
    is_printable_ascii,
    iter_responses,
    load_response,
    remove_response,
    select_headers,
    store_response,
    touch_response,
)
from hrdem.http.cache.store import Cache
from hrdem.http.cache.writer import CacheWriter
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import ByteSink, Download, Http, Response, ResponseCheck
from hrdem.http.response_checks import check_no_web_page
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.memory import allocate_buffer
from hrdem.runtime.redaction import redact_secrets, url_fingerprint

_BEGINNING_RANGE = re.compile(r"bytes=0-(\d{1,19})")
_BEGINNING_CONTENT_RANGE = re.compile(r"bytes 0-\d{1,19}/(\d{1,19})", re.IGNORECASE)
_CACHED_STATUSES = (403, 404, 405, 501)  # errors that decide what is requested next
_MAX_SILENT_AGE_SECONDS = 24 * 3600.0  # older responses are reported, offline

log = logging.getLogger(__name__)


class CachingClient(Http):
    """Cache what another client fetches; use it as a context manager.

    Byte ranges are read from the cache if it has them for exactly that version of the file. All
    other requests are sent again and their responses cached. Offline, everything comes from the
    cache. If the cache cannot be written, one warning is logged and the run continues.

    Args:
        http: Client to fetch with; None for offline.
        cache: The cache.
        metadata: Metadata to share, offline; None for an empty one. Online it is the client's.
    """

    def __init__(
        self, http: Http | None, cache: Cache, metadata: MetadataCache | None = None
    ) -> None:
        self._http = http
        self._own_metadata = MetadataCache() if metadata is None else metadata
        self._cache = cache
        self._writer = CacheWriter(cache, warns=http is not None)
        self._ranges = RangeCache(cache, self._writer, read_only=http is None)
        self._lock = threading.Lock()
        self._cached_bytes = 0
        self._is_resumable = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()  # threads may outlive an interrupted run
        self._ranges.close()

    @property
    def metadata(self) -> MetadataCache:
        """Parsed headers and tile indexes: those of the wrapped client."""
        return self._own_metadata if self._http is None else self._http.metadata

    @property
    def max_connections(self) -> int:
        """Maximum number of connections of the wrapped client."""
        return super().max_connections if self._http is None else self._http.max_connections

    def limit_connections(self, count: int) -> None:
        """Limit the connections of the wrapped client."""
        if self._http is not None:
            self._http.limit_connections(count)

    @property
    def throttled_count(self) -> int:
        """Number of throttled responses of the wrapped client."""
        return 0 if self._http is None else self._http.throttled_count

    @property
    def offline(self) -> bool:
        """Whether no request is sent."""
        return self._http is None

    @property
    def max_cache(self) -> int:
        """Largest size in bytes of the cache."""
        return self._cache.limit

    @property
    def can_resume(self) -> bool:
        """Whether pixels were fetched and stored, so that another run can resume."""
        return (self._is_resumable or self._ranges.has_written) and self._writer.is_writable

    def mark_resumable(self) -> None:
        """Record that pixels of a download were checked and stored, so that another run resumes."""
        self._is_resumable = True

    @property
    def cached_bytes(self) -> int:
        """Bytes of files that were read from the cache so far."""
        return self._cached_bytes

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = 64 << 20,
        trusted: bool = False,
        check: ResponseCheck = check_no_web_page,
    ) -> Response:
        """Send a request and cache the response; offline, return the cached one.

        Raises:
            NotCachedError: If it is not cached, offline.
            NetworkError: As the client does; cached error responses are raised again.
        """
        byte_range = (headers or {}).get("Range", "")
        key = CachedRequest.of(method, url, params, json, byte_range)
        if self._http is None:
            return self._replay(key)
        cached = None if byte_range else load_response(self._cache.responses, key)
        all_headers = dict(headers or {})
        if (
            method == "GET"
            and cached
            and cached.status == 200
            and (tag := cached.headers.get("etag"))
        ):
            all_headers["If-None-Match"] = tag
        try:
            response = self._http.request(
                method,
                url,
                headers=all_headers,
                params=params,
                json=json,
                max_bytes=max_bytes,
                trusted=trusted,
                check=check,
            )
        except ServerError as exc:
            if exc.status == 304 and cached is not None:
                response = _to_response(cached)
            else:
                if exc.status in _CACHED_STATUSES and not is_better(cached, exc.status):
                    self._cache_response(key, exc.status, key.url, {}, exc.body, str(exc))
                raise
        if byte_range:
            self._cache_beginning(url, key, response)
        else:
            display_url = redact_secrets(response.url)
            self._cache_response(
                key, response.status, display_url, response.headers, response.content, ""
            )
        return response

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read a byte range, from the cache as far as it is there.

        Raises:
            NotCachedError: If some of it is not cached, offline.
            NetworkError: As the client does.
        """
        if not self._ranges.holds(version):
            if self._http is None:
                raise _not_cached_error(version, [(start, stop)])
            return self._http.read_range(url, start, stop, version, headroom, on_bytes)
        buffer = allocate_buffer(headroom + stop - start)
        missing = self._ranges.read(version, start, buffer, headroom)
        sink = self._ranges.sink(version)
        if missing == [(start, stop)] and self._http is not None:
            return self._http.read_range(url, start, stop, version, headroom, sink)
        for begin, end in missing:
            if self._http is None:
                raise _not_cached_error(version, missing)
            fetched = self._http.read_range(url, begin, end, version, 0, sink)
            buffer[headroom + begin - start : headroom + end - start] = fetched
        with self._lock:
            self._cached_bytes += stop - start - sum(end - begin for begin, end in missing)
        return buffer

    def download(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        trusted: bool = False,
    ) -> Download:
        """Download a response to a file, which the caller may cache; offline it fails.

        Raises:
            NotCachedError: Offline.
            NetworkError: As the client does.
        """
        if self._http is None:
            raise NotCachedError(
                f"A response of {redact_secrets(url)} is not in the cache. Run the same command "
                "once without `offline`."
            )
        return self._http.download(
            url, path, params=params, timeouts=timeouts, max_bytes=max_bytes, trusted=trusted
        )

    def open_connections(self, url: str, count: int) -> None:
        """Begin to open connections, unless offline."""
        if self._http is not None:
            self._http.open_connections(url, count)

    def gaps(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of some spans of a file that are not cached."""
        return self._ranges.gaps(version, spans)

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Make sure that some spans of a file, which are damaged, are fetched again."""
        self._ranges.invalidate(version, spans)

    def cached_responses(self, url: str) -> Iterator[CachedResponse]:
        """Yield the cached responses to all requests to an address, the latest first."""
        for response in iter_responses(self._cache.responses):
            if response.request.address == url_fingerprint(url) and not response.error:
                yield response

    def _replay(self, key: CachedRequest) -> Response:
        """Return the cached response, or raise the cached error."""
        cached = load_response(self._cache.responses, key)
        if found := _BEGINNING_RANGE.fullmatch(key.range):
            version = self._ranges.latest(key.address)
            is_forbidden = cached is not None and cached.status == FORBIDDEN
            if version is not None and (cached is None or not cached.error or is_forbidden):
                return self._read_beginning(version, int(found[1]) + 1)
        if cached is None:
            raise NotCachedError(
                f"The response of {key.url} to this request is not in the cache "
                f"{self._cache.folder}. Run the same command once without `offline`."
            )
        self._writer.try_write(touch_response, self._cache.responses, key)
        if cached.error:
            raise ServerError(cached.error, cached.status, cached.content)
        level = logging.WARNING if cached.age > _MAX_SILENT_AGE_SECONDS else logging.INFO
        log.log(level, "The cached response of %s is from %s.", key.url, _format_time(cached.time))
        return _to_response(cached)

    def _read_beginning(self, version: SourceVersion, count: int) -> Response:
        """Return the cached beginning of a file, as its server would send it."""
        count = min(count, version.size)
        buffer = allocate_buffer(count)
        if missing := self._ranges.read(version, 0, buffer, headroom=0):
            raise _not_cached_error(version, missing)
        headers = {
            "etag": version.etag,
            "last-modified": version.last_modified,
            "content-range": f"bytes 0-{count - 1}/{version.size}",
        }
        return Response(version.url, 206, headers, buffer[:])

    def _cache_beginning(self, url: str, key: CachedRequest, response: Response) -> None:
        """Cache the beginning of a file, and drop cached ranges of other versions."""
        size = _BEGINNING_CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status != 206 or not size:
            return
        etag, date = (response.headers.get(name, "") for name in ("etag", "last-modified"))
        if not (is_printable_ascii(etag) and is_printable_ascii(date)):  # the reader will raise
            return
        version = SourceVersion.of(url, etag, int(size[1]), date)
        if self._ranges.holds(version):
            self._ranges.replace_versions(version)
            self._writer.try_write(remove_response, self._cache.responses, key)  # a cached 404
            self._ranges.sink(version)(0, memoryview(response.content))

    def _cache_response(
        self,
        key: CachedRequest,
        status: int,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        error: str,
    ) -> None:
        response = CachedResponse(
            key, status, url, select_headers(headers), content, error, time.time()
        )
        if self._writer.is_writable:
            self._writer.try_write(store_response, self._cache.responses, response)


def _to_response(cached: CachedResponse) -> Response:
    return Response(cached.url, cached.status, cached.headers, cached.content)


def _not_cached_error(version: SourceVersion, missing: list[Span]) -> NotCachedError:
    count = sum(stop - start for start, stop in missing)
    spans = ", ".join(f"{start}-{stop - 1}" for start, stop in missing[:3])
    more = f" and {len(missing) - 3} further spans" if len(missing) > 3 else ""
    return NotCachedError(
        f"{count:,} bytes of {version.url} are not in the cache: bytes {spans}{more} of the "
        f"version {version.etag}. Run the same command once without `offline`."
    )


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
