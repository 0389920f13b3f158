"""One HTTP client: timeouts, retries, proxies, certificates, redirects."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from hrdem.errors import BlockedAddressError, TransferError
from hrdem.http.allowed_hosts import HostPolicy
from hrdem.http.body import unsupported_encoding
from hrdem.http.body_reader import BodyReader
from hrdem.http.connections import MAX_CONNECTIONS, ConnectionPool
from hrdem.http.direct import ALREADY_SENT
from hrdem.http.early import EarlyRequests
from hrdem.http.first_request import ACCEPT_ENCODING, USER_AGENT, FirstRequest
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.outgoing import OutgoingRequest
from hrdem.http.protocol import ByteSink, Download, Http, Response, ResponseCheck
from hrdem.http.range_buffer import RangeBuffer
from hrdem.http.response_checks import (
    check_no_web_page,
    check_range,
    describe_transport_error,
    encoding_error,
    error_response,
    is_certificate_error,
    other_range_error,
    quote_error,
    whole_file_error,
)
from hrdem.http.retry import THROTTLING_STATUSES, Retries, RetryableError, run_with_retries
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.http.timeouts import Timeouts
from hrdem.http.transport import RoutedTransport, Routes
from hrdem.runtime.redaction import redact_secrets

_MAX_REDIRECTS = 10

log = logging.getLogger(__name__)


class HttpClient(Http):
    """An HTTP client with timeouts and retries; use it as a context manager.

    Proxies come from the environment, otherwise from the operating system
    (`hrdem.http.proxies`), and so do trusted certificates (`hrdem.http.certificates`).

    Args:
        timeouts: How long to wait.
        retries: How often to try.
        sleep: Waits a number of seconds.
        transport: Replaces the network in tests.
        trusted: User-supplied addresses, which may be on this machine or in a private network;
            other addresses may then be in the same kind of network. Addresses of ``trusted``
            requests are added. All other addresses have to be on the public internet.
        hosts: Addresses that may be requested, shared with other clients; None for a new policy.
        metadata: Headers and tile indexes, shared with other clients; None for an empty cache.
        max_connections: Maximum number of connections at a time, to all servers together.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
        retries: Retries = Retries(),  # noqa: B008 (frozen)
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
        trusted: Iterable[str] = (),
        hosts: HostPolicy | None = None,
        metadata: MetadataCache | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._timeouts = timeouts
        self._retries = retries
        self._sleep = sleep
        self._closed = threading.Event()
        self._early = EarlyRequests()
        self._bodies = BodyReader(timeouts, self._closed.is_set)
        self._hosts = HostPolicy() if hosts is None else hosts
        self._hosts.trust(*trusted)
        self._metadata = MetadataCache() if metadata is None else metadata
        routes = Routes()
        self._max_connections = max_connections
        self._pool = (
            None if transport else ConnectionPool(lambda: RoutedTransport(routes), max_connections)
        )
        self._throttled_count = 0
        self._count_lock = threading.Lock()
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING},
            timeout=_httpx_timeout(timeouts),
            transport=transport or self._pool,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def metadata(self) -> MetadataCache:
        """Headers and tile indexes that were parsed, for all readers that use the client."""
        return self._metadata

    @property
    def max_connections(self) -> int:
        """Maximum number of connections at a time."""
        return self._max_connections

    def limit_connections(self, count: int) -> None:
        """Change the maximum number of connections; idle ones beyond it are closed."""
        self._max_connections = count
        if self._pool is not None:
            self._pool.set_limit(count)

    @property
    def throttled_count(self) -> int:
        """Number of responses so far by which a server asked for fewer requests: 429 and 503."""
        return self._throttled_count

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Do nothing: every read fetches from the server."""

    def close(self) -> None:
        """Close the connections; requests of other threads fail at their next bytes."""
        self._closed.set()
        self._client.close()

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
        """Send a request and return the complete response.

        Connection errors, resets, truncated bodies, 408, 425, 429, 5xx, and responses that do not
        pass the check are retried, so the request has to be one that may be repeated.

        Args:
            method: HTTP method.
            url: Absolute http or https address.
            headers: Additional headers.
            params: Query parameters; they replace parameters of the address with the same names,
                ignoring case.
            json: Body, sent as JSON.
            max_bytes: Maximum size of the body.
            trusted: Whether the user supplied the address; it may then be in any network.
            check: Raises `RetryableError` for a response that another attempt may improve. Of a web
                page it is passed the beginning only, and has to refuse it.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, is blocked.
            RequestError: If the proxy or the certificates for it cannot be used.
            TransferError: If there is no usable response.
            ServerError: If the response has an error status.
            NetworkError: As the check does.
        """
        request = OutgoingRequest(method, url, headers or {}, params, json, trusted=trusted)

        def once() -> Response:
            early = self._early.take(request)
            complete = early.result() if early else self._exchange(request, max_bytes)
            check(complete)
            return complete

        return run_with_retries(once, self._retries, self._sleep)

    def send_early(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        max_bytes: int,
        trusted: bool = False,
        then: Callable[[Response], None] | None = None,
        sent: FirstRequest | None = None,
    ) -> None:
        """Send a request in a thread, once; a `request` that is the same takes its response.

        Args:
            method: HTTP method.
            url: Absolute http or https address.
            headers: Additional headers.
            json: Body, sent as JSON.
            max_bytes: Maximum size of the body.
            trusted: Whether the user supplied the address.
            then: Called with the response, in the thread, before the request gets it.
            sent: The same request, if it was sent before there was a client.
        """
        request = OutgoingRequest(
            method, url, headers or {}, None, json, trusted=trusted, sent=sent
        )
        self._early.send(request, lambda each: self._exchange(each, max_bytes), then)

    def _exchange(self, request: OutgoingRequest, max_bytes: int) -> Response:
        """Send a request once and return the complete response."""
        body = bytearray()
        with self._open_response(request) as response:
            for chunk in self._bodies.read(response, request, max_bytes):
                body += chunk
        return Response(str(response.url), response.status_code, response.headers, bytes(body))

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
        """Send one request without retries, and write the response body to a file.

        Args:
            url: Absolute http or https address.
            path: File to write; its old content is lost even if the request fails.
            params: Query parameters, as for `request`.
            timeouts: How long to wait, instead of the client's own timeouts.
            max_bytes: Maximum size of the body.
            trusted: Whether the user supplied the address; it may then be in any network.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, is blocked.
            RetryableError: If there is no usable response, and another attempt may succeed.
            TransferError: If there is no usable response, and no attempt will succeed.
            ServerError: If the response has an error status.
            OSError: If the file cannot be written.
        """
        request = OutgoingRequest("GET", url, {}, params, timeouts=timeouts, trusted=trusted)
        with path.open("wb") as file, self._open_response(request) as response:
            for chunk in self._bodies.read(response, request, max_bytes):
                file.write(chunk)
            return Download(response.headers.get("content-type", ""), file.tell())

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read a byte range; an interrupted transfer resumes where it stopped.

        It may be interrupted any number of times as long as each attempt brings 64 kB.

        Args:
            url: Absolute http or https address.
            start: First byte.
            stop: Byte after the last.
            version: Version that the file must have.
            headroom: Free bytes at the beginning of the result.
            on_bytes: Called with the bytes as they arrive.

        Returns:
            Anonymous memory: ``headroom`` zero bytes, then the range.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, is blocked.
            TransferError: If the range cannot be read, or the server sends another one.
            ServerError: If the response has an error status, or is not a range.
        """
        received = RangeBuffer(start, stop, headroom, on_bytes)

        def once() -> mmap:
            if received.position < stop:  # otherwise the transfer failed after the last byte
                self._receive_range(url, received, stop, version)
            return received.memory

        return run_with_retries(once, self._retries, self._sleep, lambda: received.position)

    def open_connections(self, url: str, count: int) -> None:
        """Begin to open connections to a server that will soon be needed; return at once."""
        if self._pool is None:
            return
        with contextlib.suppress(BlockedAddressError, httpx.InvalidURL, UnicodeError):
            address = httpx.URL(url)
            extensions = {"trace": self._hosts.connection_check(address)}
            self._pool.open_connections(
                self._client.build_request("GET", address, extensions=extensions), count
            )

    def _receive_range(
        self, url: str, received: RangeBuffer, stop: int, version: SourceVersion
    ) -> None:
        """Request the rest of a range once; raise unless all of it arrives."""
        display_url, begin = redact_secrets(url), received.position
        headers = {"Range": f"bytes={begin}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            with self._open_response(
                OutgoingRequest("GET", url, {**version.condition, **headers})
            ) as response:
                if response.status_code != httpx.codes.PARTIAL_CONTENT:
                    beginning = self._bodies.read_beginning(response)
                    raise whole_file_error(display_url, response.status_code, beginning)
                end = check_range(response, display_url, version, begin, stop)
                self._bodies.read_into(response, received, end, display_url)
        finally:
            received.deliver()
        if received.position < end:  # missing bytes must not become zeros
            raise RetryableError(f"{display_url} sends fewer bytes than it announces.")
        if end < stop:
            raise other_range_error(response, display_url, version, begin, stop)

    @contextlib.contextmanager
    def _open_response(self, request: OutgoingRequest) -> Iterator[httpx.Response]:
        """Send a request once, and yield a successful response whose body is not read yet."""
        display_url = redact_secrets(request.url)
        log.debug("%s %s %s", request.method, display_url, request.headers.get("Range", ""))
        try:
            response = self._send(request)
            try:
                if not response.is_success:
                    if response.status_code in THROTTLING_STATUSES:
                        with self._count_lock:
                            self._throttled_count += 1
                    raise error_response(
                        response, display_url, self._bodies.read_beginning(response)
                    )
                if coding := unsupported_encoding(response):
                    raise encoding_error(display_url, response.status_code, coding)
                yield response
            finally:
                response.close()
        except httpx.TransportError as exc:
            message = f"{display_url} {describe_transport_error(exc)}"
            if (
                isinstance(exc, httpx.ProxyError)
                or is_certificate_error(exc)
                or self._closed.is_set()
            ):
                raise TransferError(message) from exc
            connected = not isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)
            raise RetryableError(message, connected=connected) from exc
        except RecursionError as exc:  # a catalogue's next link has a body
            raise TransferError(
                f"{display_url} cannot be requested: the JSON body is nested too deeply."
            ) from exc
        except httpx.DecodingError as exc:
            raise RetryableError(f"{display_url} cannot be used: {quote_error(exc)}.") from exc
        except (httpx.InvalidURL, UnicodeError) as exc:  # of host names
            why = "" if "@" in request.url else f": {quote_error(exc)}"  # it can quote a password
            raise TransferError(f"{display_url} cannot be used{why}.") from exc

    def _send(self, request: OutgoingRequest) -> httpx.Response:
        """Send a request and follow redirects."""
        first, display_url = request, redact_secrets(request.url)
        if self._closed.is_set():
            raise TransferError(f"{display_url} is not requested: the client was closed.")
        if first.trusted:
            self._hosts.trust(first.url)
        for _ in range(_MAX_REDIRECTS + 1):
            url, referrer = request.full_url, "" if request is first else display_url
            httpx_request = self._client.build_request(
                request.method,
                url,
                headers=dict(request.headers),
                json=request.json,
                timeout=_httpx_timeout(request.timeouts or self._timeouts),
                extensions={
                    "trace": self._hosts.connection_check(url, referrer),
                    ALREADY_SENT: request.sent,
                },
            )
            response = self._client.send(httpx_request, stream=True)
            if not response.has_redirect_location:
                return response
            response.close()
            try:
                request = request.follow(response)
            except ValueError as exc:
                raise TransferError(f"{display_url} redirects to no address: {exc}.") from exc
        raise TransferError(f"{display_url} redirects more than {_MAX_REDIRECTS} times.")


def _httpx_timeout(timeouts: Timeouts) -> httpx.Timeout:
    return httpx.Timeout(timeouts.read, connect=timeouts.connect, pool=None)
