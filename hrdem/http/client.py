"""One HTTP client: timeouts, retries, proxies, certificates, redirects."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from hrdem._version import __version__
from hrdem.errors import RequestError, ServerError, TransferError
from hrdem.http.allowed_hosts import HostPolicy
from hrdem.http.body import ACCEPTED, decoded, in_large_reads, in_time, refused_coding
from hrdem.http.certificates import trusted_certificates
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import ByteSink, Download, Http, Response
from hrdem.http.response_checks import (
    check_part,
    check_version,
    coded,
    is_tls,
    reason,
    refusal,
    words,
)
from hrdem.http.retry import Retries, RetryableError, retried
from hrdem.http.source_version import SourceVersion
from hrdem.http.spans import Span
from hrdem.http.timeouts import Timeouts
from hrdem.runtime.memory import allocate_buffer
from hrdem.runtime.redaction import redact_secrets

PROJECT_URL = "https://github.com/hrdem/hrdem"
USER_AGENT = f"hrdem/{__version__} (+{PROJECT_URL})"
_HARMLESS = frozenset(
    {"accept", "accept-encoding", "if-match", "if-none-match", "if-unmodified-since", "range"}
)  # headers
_MOST_REDIRECTS = 10
CONNECTIONS = 16  # at most, to all servers together
_FLUSH_BYTES = 64 << 10  # bytes of a range that are passed to a sink at a time
_BEGINNING = 4096  # bytes of a refusal that are read

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is sent, once or several times."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, Any] | None = None
    json: object = None
    timeouts: Timeouts | None = None
    trusted: bool = False


class HttpClient(Http):
    """The HTTP client of a run, to be used as a context manager.

    Proxies come from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; certificates from
    SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else from certifi.

    Args:
        timeouts: How long to wait.
        retries: How often to try.
        sleep: Waits that many seconds.
        transport: Takes the place of the network, for tests.
        trusted: Addresses of services that may lie anywhere, as on this machine or in a private
            network; others may then lie in that kind of place too. Those of requests that are
            ``trusted`` join them. Whatever else is asked has to lie on the public internet.

    Raises:
        RequestError: If the environment names certificates or a proxy that cannot be used.
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
    ) -> None:
        self._timeouts = timeouts
        self._retries = retries
        self._sleep = sleep
        self._closed = False
        self._hosts = HostPolicy() if hosts is None else hosts
        self._hosts.trust(*trusted)
        self._metadata = MetadataCache() if metadata is None else metadata
        certificates = trusted_certificates()
        try:
            self._client = httpx.Client(
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED},
                timeout=_waits(timeouts),
                verify=certificates,
                limits=httpx.Limits(
                    max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS
                ),
                transport=transport,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as exc:
            why = f" ({words(exc)})" if isinstance(exc, ImportError) else ""  # no password
            raise RequestError(
                f"The proxy of the environment cannot be used{why}. Mend or unset "
                "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; SOCKS needs pip install httpx[socks]."
            ) from exc

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

    def invalidate(self, url: str, version: SourceVersion, spans: Iterable[Span]) -> None:
        """Do nothing: every read fetches from the server."""

    def close(self) -> None:
        """Close the connections; what other threads still wait for is given up."""
        self._closed = True
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
    ) -> Response:
        """Send a request and return the whole answer.

        Connection errors, resets, truncated bodies, 408, 425, 429 and 5xx are tried again, so
        the request has to be one that may be repeated.

        Args:
            method: HTTP method.
            url: Absolute http or https address.
            headers: Further headers.
            params: Query parameters; they replace those of the address that have the same names,
                in any case.
            json: Body, sent as JSON.
            max_bytes: Most bytes of body to accept.
            trusted: Whether the user supplied the address; it may then be in any network.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, may not be asked.
            TransferError: If no usable answer came.
            ServerError: If the answer is not a success.
        """
        question = _Question(method, url, headers or {}, params, json, trusted=trusted)

        def once() -> Response:
            body = bytearray()
            with self._answer(question) as answer:
                for chunk in self._body(answer, question, max_bytes):
                    body += chunk
                return Response(str(answer.url), answer.status_code, answer.headers, bytes(body))

        return retried(once, self._retries, self._sleep)

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
        """Ask once, and write the body of the answer into a file.

        Args:
            url: Absolute http or https address.
            path: File to write; what it held is lost, also if the answer fails.
            params: Query parameters, likewise.
            timeouts: How long to wait, in the place of the client's own.
            max_bytes: Most bytes of body to accept.
            trusted: Whether the user supplied the address; it may then be in any network.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, may not be asked.
            Again: If no usable answer came, and another try may mend it.
            TransferError: If no usable answer came, and none will.
            ServerError: If the answer is not a success.
            OSError: If the file cannot be written.
        """
        question = _Question("GET", url, {}, params, timeouts=timeouts, trusted=trusted)
        with path.open("wb") as file, self._answer(question) as answer:
            for chunk in self._body(answer, question, max_bytes):
                file.write(chunk)
            return Download(answer.headers.get("content-type", ""), file.tell())

    def read_range(
        self,
        url: str,
        start: int,
        stop: int,
        version: SourceVersion,
        headroom: int = 0,
        on_bytes: ByteSink | None = None,
    ) -> mmap:
        """Read a part of a file; a transfer that breaks off goes on where it stopped.

        As long as it brings something each time, it may break off any number of times.

        Args:
            url: Absolute http or https address.
            start: First byte.
            stop: The byte after the last.
            version: Which file it has to be a part of.
            headroom: Bytes to leave free at the beginning of the result.
            on_bytes: Is told of the bytes as they come.

        Returns:
            Anonymous memory: ``headroom`` zero bytes, then the part.

        Raises:
            BlockedAddressError: If the address, or one that it redirects to, may not be asked.
            TransferError: If the part does not come, or another part than was asked for.
            ServerError: If the answer is not a success, or not a part.
        """
        shown = redact_secrets(url)
        part = allocate_buffer(headroom + stop - start)
        done = told = headroom

        def tell() -> None:
            nonlocal told
            if on_bytes is not None and done > told:
                with memoryview(part) as whole, whole[told:done] as came:
                    on_bytes(start + told - headroom, came)
            told = done

        def once() -> mmap:
            nonlocal done
            if done == len(part):  # what broke off came after the last byte
                return part
            begin = start + done - headroom
            asked = {"Range": f"bytes={begin}-{stop - 1}", "Accept-Encoding": "identity"}
            try:
                with self._answer(_Question("GET", url, {**version.condition, **asked})) as answer:
                    check_part(answer, shown, f"bytes {begin}-{stop - 1}/{version.size}")
                    check_version(answer, shown, version)
                    for chunk in in_time(answer, in_large_reads(answer), self._timeouts):
                        if done + len(chunk) > len(part):
                            raise TransferError(f"{shown} sends more bytes than asked for.")
                        part[done : done + len(chunk)] = chunk
                        done += len(chunk)
                        if done - told >= _FLUSH_BYTES:
                            tell()
            finally:
                tell()
            if done < len(part):  # what is missing must not pass as zeros
                raise RetryableError(f"{shown} sends fewer bytes than it says.")
            return part

        return retried(once, self._retries, self._sleep, lambda: done)

    def _body(self, answer: httpx.Response, asked: _Question, max_bytes: int) -> Iterator[bytes]:
        """Pass on a body of bounded length, in bounded time."""
        said = f"{redact_secrets(asked.url)} answers {answer.status_code}"
        too_long = f"{said} with more than {max_bytes} bytes."
        announced = int(answer.headers.get("content-length") or 0)
        if announced > max_bytes:
            raise ServerError(f"{too_long} It announces {announced}.", answer.status_code)
        came = 0
        for chunk in in_time(answer, decoded(answer), asked.timeouts or self._timeouts):
            came += len(chunk)
            if came > max_bytes:
                raise ServerError(too_long, answer.status_code)
            yield chunk

    @contextlib.contextmanager
    def _answer(self, asked: _Question) -> Iterator[httpx.Response]:
        """Send a request once; yields a successful answer whose body is still to be read."""
        shown = redact_secrets(asked.url)
        log.debug("%s %s %s", asked.method, shown, asked.headers.get("Range", ""))
        try:
            answer = self._sent(asked)
            try:
                if not answer.is_success:
                    raise refusal(answer, shown, self._beginning(answer))
                if coding := refused_coding(answer):
                    raise TransferError(coded(shown, coding))
                yield answer
            finally:
                answer.close()
        except httpx.TransportError as exc:
            said = f"{shown} {reason(exc)}"
            if isinstance(exc, httpx.ProxyError) or is_tls(exc) or self._closed:
                raise TransferError(said) from exc
            met = not isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout)
            raise RetryableError(said, met=met) from exc
        except RecursionError as exc:  # a next link's body
            raise TransferError(f"{shown} cannot be asked for what is nested so deeply.") from exc
        except (httpx.InvalidURL, httpx.DecodingError, UnicodeError) as exc:  # of names of hosts
            why = "" if "@" in asked.url else f": {words(exc)}"  # which may quote a password
            raise TransferError(f"{shown} cannot be used{why}.") from exc

    def _sent(self, asked: _Question) -> httpx.Response:
        """Send a request and follow redirects, which keep method and body unless they say 303."""
        first, shown = asked, redact_secrets(asked.url)
        if first.trusted:
            self._hosts.trust(first.url)
        for _ in range(_MOST_REDIRECTS + 1):
            url = _with_query(asked.url, asked.params)
            request = self._client.build_request(
                asked.method,
                url,
                headers=dict(asked.headers),
                json=asked.json,
                timeout=_waits(asked.timeouts or self._timeouts),
                extensions={
                    "trace": self._hosts.connection_check(url, "" if asked is first else shown)
                },
            )
            answer = self._client.send(request, stream=True)
            if not answer.has_redirect_location:
                return answer
            answer.close()
            target = urljoin(str(answer.url), answer.headers["location"])
            asked = replace(asked, url=target, params=None, headers=_onwards(asked, target))
            if answer.status_code == httpx.codes.SEE_OTHER:
                asked = replace(asked, method="GET", json=None)
        raise TransferError(f"{shown} redirects in a circle.")

    def _beginning(self, answer: httpx.Response) -> bytes:
        """The beginning of a refusal's text; nothing if it is packed in some other way."""
        if refused_coding(answer):
            return b""
        said = bytearray()
        with contextlib.suppress(httpx.DecodingError):
            for chunk in in_time(answer, decoded(answer), self._timeouts):
                said += chunk
                if len(said) >= _BEGINNING:
                    break
        return bytes(said[:_BEGINNING])


def _onwards(asked: _Question, target: str) -> Mapping[str, str]:
    """The headers that follow a redirect: to another place, none that may hold a secret."""
    before, after = httpx.URL(asked.url), httpx.URL(target)
    if (before.scheme, before.host, before.port) == (after.scheme, after.host, after.port):
        return asked.headers
    return {name: value for name, value in asked.headers.items() if name.lower() in _HARMLESS}


def _with_query(url: str, params: Mapping[str, Any] | None) -> httpx.URL:
    """Put parameters into an address, in the place of any that have their names."""
    address = httpx.URL(url)
    if not params:
        return address
    names = {name.lower() for name in params}
    kept = [(n, v) for n, v in address.params.multi_items() if n.lower() not in names]
    return address.copy_with(params=[*kept, *params.items()])


def _waits(timeouts: Timeouts) -> httpx.Timeout:
    return httpx.Timeout(timeouts.read, connect=timeouts.connect, pool=None)
