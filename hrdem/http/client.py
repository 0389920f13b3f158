"""One HTTP client: timeouts, retries, proxies, certificates, redirects."""

from __future__ import annotations

import email.utils
import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from hrdem._version import __version__
from hrdem.errors import RequestError, ServerError, TransferError

PROJECT_URL = "https://github.com/hrdem/hrdem"
USER_AGENT = f"hrdem/{__version__} (+{PROJECT_URL})"
RETRIED_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
_EXCERPT = 200  # characters of an answer that a message quotes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        connect: For a connection.
        read: For the next bytes of an answer.
        total: For one whole answer.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently to try again.

    Attributes:
        attempts: Number of tries in all.
        first_wait: Longest wait before the second try, seconds; doubles with each try.
        longest_wait: Longest wait before any try, seconds.
        longest_retry_after: Longest wait that a server's Retry-After may ask for, seconds.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_retry_after: float = 60.0

    def waits(self) -> Iterator[float]:
        """Yield the wait before each further try: exponential, with jitter."""
        for attempt in range(self.attempts - 1):
            most = min(self.longest_wait, self.first_wait * 2**attempt)
            yield random.uniform(most / 2, most)  # noqa: S311 (jitter)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer with a status of 200 to 299.

    Attributes:
        url: Address that answered, after redirects.
        status: HTTP status.
        headers: By lower-case name.
        content: Body.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes


class Http(Protocol):
    """What the rest of the package needs of an HTTP client."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        max_bytes: int = ...,
    ) -> Response:
        """Send a request and return the whole answer; raise for anything but success."""
        ...


class HttpClient:
    """The HTTP client of a run, to be used as a context manager.

    Proxies come from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; certificates from
    SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else from certifi.

    Args:
        timeouts: How long to wait.
        retries: How often to try.
        sleep: Waits that many seconds.
        transport: Takes the place of the network, for tests.

    Raises:
        RequestError: If the environment names a certificate bundle that cannot be read.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts = Timeouts(),
        retries: Retries = Retries(),
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._timeouts = timeouts
        self._retries = retries
        self._sleep = sleep
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT},
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
            follow_redirects=True,
            max_redirects=10,
            verify=_certificates(),
            transport=transport,
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

    def close(self) -> None:
        """Close the connections."""
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
    ) -> Response:
        """Send a request and return the whole answer.

        Connection errors, resets, truncated bodies, 408, 425, 429 and 5xx are tried again, so
        the request has to be one that may be repeated.

        Args:
            method: HTTP method.
            url: Absolute http or https address.
            headers: Further headers.
            params: Query parameters; they replace a query in the address.
            json: Body, sent as JSON.
            max_bytes: Most bytes of body to accept.

        Raises:
            TransferError: If no usable answer came.
            ServerError: If the answer is not a success.
        """
        waits = self._retries.waits()
        while True:
            try:
                return self._once(method, url, headers, params, json, max_bytes)
            except _Again as again:
                wait = next(waits, None)
                if wait is None:
                    raise again.given_up(f"Tried {self._retries.attempts} times.") from again
                if again.after is not None:
                    if again.after > self._retries.longest_retry_after:
                        raise again.given_up(
                            f"It asks to wait {again.after:.0f} s: try again after that."
                        ) from again
                    wait = again.after
                log.warning("%s Trying again in %.1f s.", again, wait)
                self._sleep(wait)

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, Any] | None,
        json: object,
        max_bytes: int,
    ) -> Response:
        shown = without_credentials(url)
        deadline = time.monotonic() + self._timeouts.total
        log.debug("%s %s", method, shown)
        try:
            with self._client.stream(
                method, url, headers=dict(headers or {}), params=params, json=json
            ) as answer:
                content = self._body(answer, shown, max_bytes, deadline)
                response = Response(str(answer.url), answer.status_code, answer.headers, content)
        except httpx.TransportError as exc:
            said = f"{shown} {_reason(exc)}"
            if isinstance(exc, httpx.UnsupportedProtocol | httpx.ProxyError) or _is_tls(exc):
                raise TransferError(said) from exc
            raise _Again(said) from exc
        except httpx.TooManyRedirects as exc:
            raise TransferError(f"{shown} redirects in a circle.") from exc
        except (httpx.InvalidURL, httpx.DecodingError) as exc:
            raise TransferError(f"{shown} cannot be used: {exc}") from exc
        if 200 <= response.status < 300:
            return response
        said = _refusal(shown, response)
        if response.status in RETRIED_STATUSES:
            raise _Again(said, response.status, _retry_after(response.headers))
        raise ServerError(said, response.status)

    def _body(self, answer: httpx.Response, shown: str, max_bytes: int, deadline: float) -> bytes:
        if not answer.is_success:
            max_bytes = max(max_bytes, 1 << 20)
        announced = int(answer.headers.get("content-length") or 0)
        too_long = f"{shown} answers {answer.status_code} with more than {max_bytes} bytes."
        if announced > max_bytes:
            raise ServerError(f"{too_long} It announces {announced}.", answer.status_code)
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > max_bytes:
                raise ServerError(too_long, answer.status_code)
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(
                    f"no whole answer within {self._timeouts.total:.0f} s", request=answer.request
                )
        return bytes(body)


class _Again(Exception):  # noqa: N818 (it is caught by the loop, not an error yet)
    """The request failed in a way that another try may mend."""

    def __init__(self, said: str, status: int | None = None, after: float | None = None) -> None:
        super().__init__(said)
        self.status = status
        self.after = after

    def given_up(self, why: str) -> TransferError | ServerError:
        """Return the error to raise when there is no other try."""
        if self.status is None:
            return TransferError(f"{self} {why}")
        return ServerError(f"{self} {why}", self.status)


def without_credentials(url: str) -> str:
    """Return an address without user name and password, for messages, tags and logs."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def certificate_bundle() -> str | None:
    """Return the file of certificates that the environment names, if any."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _certificates() -> ssl.SSLContext | bool:
    bundle = certificate_bundle()
    if bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as exc:
        raise RequestError(
            f"The environment names {bundle!r} as the bundle of certificates to trust, which "
            "cannot be read. Mend or unset SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE."
        ) from exc


def _is_tls(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _reason(exc: httpx.TransportError) -> str:
    if _is_tls(exc):
        return (
            f"has a certificate that is not trusted here ({exc}). Behind a proxy that inspects "
            "traffic, set SSL_CERT_FILE to its certificate bundle."
        )
    match exc:
        case httpx.ConnectTimeout():
            return "did not accept a connection in time. Check the network and the address."
        case httpx.ConnectError():
            return f"cannot be reached ({exc}). Check the network, the proxy and the address."
        case httpx.TimeoutException():
            return f"stopped answering ({exc or 'timed out'})."
        case httpx.ProxyError():
            return f"cannot be reached through the proxy ({exc})."
        case httpx.UnsupportedProtocol():
            return "is not an http or https address."
    return f"broke off its answer ({exc})."


def _refusal(shown: str, response: Response) -> str:
    said = " ".join(response.content[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    quoted = f": {said[:_EXCERPT]}" if said else "."
    return f"{shown} answers {response.status}{quoted}"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, when.timestamp() - time.time())
