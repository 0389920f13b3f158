"""Connections without a proxy, whose bodies can be received where they are needed.

httpx hands over a body in pieces of 64 kB, or 16 kB if it is encrypted, each of which was copied
four times, and Python's threads wait for each other at every piece. Here httpcore opens
connections, sends requests and reads the heads of responses, and the socket writes bodies.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import httpcore
import httpx
from httpcore._backends.sync import SyncStream

from hrdem.http.receive import IN_PLACE, LowWaterMark

ALREADY_SENT = "hrdem.already_sent"  # extension of requests: a `FirstRequest`, or None
MAX_PIECE_BYTES = 256 << 10  # of an encrypted body
_MAX_IDLE_SECONDS = 30.0  # routers forget connections after minutes


class DirectTransport(httpx.HTTPTransport):
    """Send requests over one connection at a time, for one thread at a time.

    A response whose length is known has the extension `IN_PLACE`: a function that receives the
    next bytes of the body into memory and returns their number, 0 after the last. It takes the
    iterator of the undecoded body, which has the first bytes, and the memory, as long as the rest.

    Args:
        tls: TLS settings.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool: Any = _Connection(tls)  # httpx translates requests, responses and errors

    def is_connected(self, request: httpx.Request) -> bool:
        """Whether a connection to the server of a request is open."""
        return bool(self._pool.is_connected(_origin(request.url)))

    def connect(self, request: httpx.Request) -> None:
        """Open a connection to the server of a request, unless there is one."""
        self._pool.connect(_origin(request.url), request.extensions)


class _Connection:
    """A connection that is kept for the next request to the same server."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._backend = httpcore.SyncBackend()
        self._origin: httpcore.Origin | None = None
        self._stream: httpcore.NetworkStream | None = None
        self._received = 0  # in place, by this connection
        self._idle_since = 0.0

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request; its response has to be closed."""
        origin = request.url.origin
        is_sent = self._adopt(origin, request.extensions)
        if not is_sent:
            self.connect(origin, request.extensions)
        stream, self._stream = self._stream, None
        assert stream is not None
        exchange = httpcore.HTTP11Connection(origin, _BorrowedStream(stream, is_sent=is_sent))
        try:
            response = exchange.handle_request(request)
        except BaseException:
            stream.close()
            raise
        timeout = request.extensions.get("timeout", {}).get("read")
        body = _Body(self, stream, exchange, response, timeout, self._received)
        extensions = dict(response.extensions)
        if body.length is not None:
            extensions[IN_PLACE] = body.receive_into
        return httpcore.Response(
            response.status, headers=response.headers, content=body, extensions=extensions
        )

    def close(self) -> None:
        """Close the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def keep(self, stream: httpcore.NetworkStream, received: int) -> None:
        """Take back a connection after a complete response, with bytes received in place."""
        self._stream, self._idle_since = stream, time.monotonic()
        self._received += received

    def is_connected(self, origin: httpcore.Origin) -> bool:
        """Whether there is a connection to a server that can be expected to work."""
        if self._stream is None or self._origin != origin:
            return False
        return time.monotonic() - self._idle_since < _MAX_IDLE_SECONDS and _is_open(self._stream)

    def connect(self, origin: httpcore.Origin, extensions: Mapping[str, Any]) -> None:
        """Connect to a server, unless there is a connection to it."""
        if self.is_connected(origin):
            return
        timeout = extensions.get("timeout", {}).get("connect")
        host = origin.host.decode("ascii")
        connect = functools.partial(self._backend.connect_tcp, host, origin.port, timeout)
        stream = self._open(origin, extensions, connect)
        if origin.scheme == b"https":
            stream = stream.start_tls(self._tls, host, timeout)
        self.keep(stream, 0)

    def _adopt(self, origin: httpcore.Origin, extensions: Mapping[str, Any]) -> bool:
        """Take the connection that a request was sent on already; return whether it was."""
        first = extensions.get(ALREADY_SENT)
        try:
            connection = first and first.take()
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        if connection is None:
            return False
        self.keep(self._open(origin, extensions, lambda: SyncStream(connection)), 0)
        return True

    def _open(
        self,
        origin: httpcore.Origin,
        extensions: Mapping[str, Any],
        connect: Callable[[], httpcore.NetworkStream],
    ) -> httpcore.NetworkStream:
        """Close the connection, and return a new one whose address was checked."""
        self.close()
        trace, host = extensions["trace"], origin.host.decode("ascii")
        trace("connection.connect_tcp.started", {"host": host, "port": origin.port})
        stream = connect()
        trace("connection.connect_tcp.complete", {"return_value": stream})
        self._origin, self._received = origin, 0
        return stream


class _Body:
    """The body of a response, which gives back its connection when it is closed.

    Attributes:
        length: Its bytes; None if they are not known.
    """

    def __init__(
        self,
        owner: _Connection,
        stream: httpcore.NetworkStream,
        exchange: httpcore.HTTP11Connection,
        response: httpcore.Response,
        timeout: float | None,
        before: int,
    ) -> None:
        self._owner = owner
        self._stream: httpcore.NetworkStream | None = stream
        self._socket = stream.get_extra_info("socket")
        self._exchange = exchange
        self._response = response
        self._timeout = timeout
        headers = {name.lower(): value for name, value in response.headers}
        is_framed = b"transfer-encoding" in headers or b"content-length" not in headers
        self.length = None if is_framed else int(headers[b"content-length"])
        self._mark = LowWaterMark(stream, self.length or 0, before)
        self._received = 0  # in place

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._response.stream, Iterable)
        yield from self._response.stream

    def receive_into(self, chunks: Iterator[bytes], memory: memoryview) -> int:
        """Receive the next bytes; return their number, 0 after the last."""
        assert self.length is not None
        to_come = self.length - self._received
        if not to_come:
            return 0
        if not self._received:  # they came with the head, or are the first after it
            self._mark.set(0)
            first = next(chunks, b"")
            count = len(first)
            memory[:count] = first
        else:
            count = self._receive(memory[:to_come])
        if not count:
            raise httpx.RemoteProtocolError(
                f"the connection was closed after {self._received} of {self.length} bytes"
            )
        self._received += count
        self._mark.set(self._received)
        return count

    def _receive(self, memory: memoryview) -> int:
        """Wait for bytes, and receive those that are there."""
        try:
            self._socket.settimeout(self._timeout)
            count: int = self._socket.recv_into(memory)
        except TimeoutError as exc:
            raise httpx.ReadTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpx.ReadError(str(exc)) from exc
        if isinstance(self._socket, ssl.SSLSocket) and count:  # it decrypts 16 kB at a time
            most = min(len(memory), MAX_PIECE_BYTES)
            self._socket.settimeout(0)
            with contextlib.suppress(OSError):  # nothing is there; an error comes again
                while count < most and (more := self._socket.recv_into(memory[count:most])):
                    count += more
        return count

    def close(self) -> None:
        """Give back the connection if the whole body was received, otherwise close it."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self._response.close()
        is_whole = self._received == self.length and _is_persistent(self._response)
        if is_whole or self._exchange.is_idle():
            self._owner.keep(stream, self._received)
        else:
            stream.close()


class _BorrowedStream(httpcore.NetworkStream):
    """A connection for the time of one request: closed by whoever has opened it.

    Args:
        stream: The connection.
        is_sent: Whether the request was sent already.
    """

    def __init__(self, stream: httpcore.NetworkStream, *, is_sent: bool) -> None:
        self._stream = stream
        self._is_sent = is_sent

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._is_sent:
            self._stream.write(buffer, timeout)

    def close(self) -> None:
        return

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _origin(url: httpx.URL) -> httpcore.Origin:
    address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target="/")
    return address.origin


def _is_persistent(response: httpcore.Response) -> bool:
    """Whether the server expects another request on the connection (RFC 9112, 9.3)."""
    options = b",".join(v for name, v in response.headers if name.lower() == b"connection")
    is_closing = b"close" in {option.strip() for option in options.lower().split(b",")}
    return response.extensions["http_version"] == b"HTTP/1.1" and not is_closing


def _is_open(stream: httpcore.NetworkStream) -> bool:
    """Whether the server has sent nothing since, except for tickets to resume a TLS session."""
    connection = stream.get_extra_info("socket")
    is_encrypted = isinstance(connection, ssl.SSLSocket)
    if is_encrypted and connection.pending():  # decrypted with the end of the last body
        return False
    if not stream.get_extra_info("is_readable"):
        return True
    if not is_encrypted:
        return False  # its end, or bytes that nobody asked for
    connection.settimeout(0)
    try:
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False
