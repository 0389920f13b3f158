"""The HTTP client protocol, and the values that its methods return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.http.timeouts import Timeouts

if TYPE_CHECKING:
    from hrdem.http.cache.responses import CachedResponse


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response with a status of 200 to 299.

    Attributes:
        url: Address that responded, after redirects.
        status: HTTP status.
        headers: By lower-case name.
        content: Body.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Download:
    """A complete response with a status of 200 to 299, whose body was written to a file.

    Attributes:
        media_type: Content-Type as sent, or empty.
        size: Size of the body in bytes.
    """

    media_type: str
    size: int


ByteSink = Callable[[int, memoryview], None]
"""Called with bytes of a file as they arrive: position of the first, and a view that is valid only
during the call."""


ResponseCheck = Callable[[Response], object]
"""Called with the complete response of an attempt; raises `RetryableError` if another attempt may
get a better one."""


class Http(Protocol):
    """An HTTP client: requests, byte ranges and downloads; what a cache adds is optional.

    A client without a cache subclasses this and implements `request`, `read_range`, `download`,
    `metadata` and `invalidate`; the other methods have defaults for a client without a cache.
    """

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = ...,
        trusted: bool = ...,
        check: ResponseCheck = ...,
    ) -> Response:
        """Send a request and return the complete response; raise for anything but success.

        Only an address that the user supplied is ``trusted`` and may be in any network. Responses
        from a network pass the ``check``, which refuses web pages by default.
        """
        ...

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read the bytes of a file from ``start`` up to ``stop``; raise if they do not arrive."""
        ...

    def download(
        self,
        url: str,
        path: Path,
        *,
        params: Mapping[str, Any],
        timeouts: Timeouts,
        max_bytes: int,
        trusted: bool = ...,
    ) -> Download:
        """Send one request without retries and write the response body to a file."""
        ...

    def open_connections(self, url: str, count: int) -> None:
        """Begin to open connections to a server that will soon be needed; return at once.

        Failures are left to the requests that need them.
        """
        return

    @property
    def max_connections(self) -> int:
        """Maximum number of connections at a time, to all servers together."""
        return MAX_CONNECTIONS

    def limit_connections(self, count: int) -> None:
        """Change the maximum number of connections; idle ones beyond it are closed.

        With 0 all are closed, also those in use once they are free, and requests wait until there
        is another limit.
        """
        return

    @property
    def throttled_count(self) -> int:
        """Number of responses so far by which a server asked for fewer requests: 429 and 503."""
        return 0

    @property
    def metadata(self) -> MetadataCache:
        """Headers and tile indexes that were parsed, for all readers that use the client."""
        ...

    @property
    def offline(self) -> bool:
        """Whether everything comes from a cache and no request is sent."""
        return False

    @property
    def max_cache(self) -> int | None:
        """Largest size in bytes of the cache that stores byte ranges; None without a cache."""
        return None

    @property
    def can_resume(self) -> bool:
        """Whether pixels were fetched and stored, so that another run can resume."""
        return False

    def mark_resumable(self) -> None:
        """Record that pixels of a download were checked and stored, so that another run resumes."""
        return

    @property
    def cached_bytes(self) -> int:
        """Bytes of files that were read from a cache so far."""
        return 0

    def gaps(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> list[Span]:
        """Return the parts of some spans of a file that are not cached."""
        return list(spans)

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Make sure that some spans of a file, which are damaged, are fetched again."""
        ...

    def cached_responses(self, url: str) -> Iterator[CachedResponse]:
        """Yield the cached responses to all requests to an address, the latest first."""
        return iter(())
