"""Connections to servers: each is used, and closed, by one thread at a time.

httpx and httpcore can share connections between threads, but then a thread may close one that
another thread is about to use (https://github.com/encode/httpcore/issues/1110). The other reads
from a closed descriptor: "Bad file descriptor", silence until a timeout, or the bytes of whatever
file or connection has been opened under the same number since.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

import httpx

from hrdem.errors import TransferError
from hrdem.runtime.forks import add_thread
from hrdem.runtime.redaction import redact_secrets

MAX_CONNECTIONS = 16  # to all servers together
MAX_RELEASE_SECONDS = 120.0  # for connections in use, which time out before
Origin = tuple[str, bytes, int | None]


def get_origin(url: httpx.URL) -> Origin:
    """Return scheme, host and port: addresses that share them can share a connection."""
    return url.scheme, url.raw_host, url.port


class PooledTransport(httpx.BaseTransport):
    """A transport with one connection, which may be opened before a request is sent."""

    def is_connected(self, request: httpx.Request) -> bool:
        """Whether a connection to the server of a request is open, as far as is known."""
        return True

    def connect(self, request: httpx.Request) -> None:
        """Open a connection to the server of a request, if possible."""


class ConnectionPool(httpx.BaseTransport):
    """Send each request through a transport that no other thread uses until its response is closed.

    Args:
        make_transport: Makes a transport with one connection.
        limit: Maximum number of connections.
    """

    def __init__(
        self, make_transport: Callable[[], PooledTransport], limit: int = MAX_CONNECTIONS
    ) -> None:
        self._make_transport = make_transport
        self._limit = limit
        self._idle: list[tuple[Origin, PooledTransport]] = []  # the one used last at the end
        self._count = 0
        self._opening: list[Origin] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._process = os.getpid()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its response has to be closed.

        Raises:
            TransferError: If the pool is closed.
        """
        origin = get_origin(request.url)
        transport = self._take(origin, request.url)
        try:
            response = transport.handle_request(request)
        except BaseException:
            self._give_back(origin, transport)
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Stream(response.stream, lambda: self._give_back(origin, transport))
        return response

    def open_connections(self, request: httpx.Request, count: int) -> None:
        """Begin to open connections in threads, as far as so many are not idle or being opened.

        Args:
            request: A request as those that will need them.
            count: How many of them will be sent at the same time.
        """
        origin = get_origin(request.url)
        with self._changed:
            if self._is_closed:
                return
            self._close_inherited()
            idle = [each for other, each in self._idle if other == origin]
            cold = [each for each in idle if not each.is_connected(request)]
            missing = max(0, count - len(idle) + len(cold) - self._opening.count(origin))
            new = max(0, min(missing - len(cold), self._limit - self._count))
            self._count += new
            opening = [*cold[:missing], *(self._make_transport() for _ in range(new))]
            self._idle = [each for each in self._idle if each[1] not in opening]
            self._opening += [origin] * len(opening)
        for transport in opening:
            arguments = transport, origin, request
            thread = threading.Thread(
                target=self._open, args=arguments, name="hrdem-connect", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the system allows no more threads
                self._end_opening(origin, transport)

    def _open(self, transport: PooledTransport, origin: Origin, request: httpx.Request) -> None:
        add_thread()
        with contextlib.suppress(Exception):  # the request that needs it reports what is wrong
            transport.connect(request)
        self._end_opening(origin, transport)

    def _end_opening(self, origin: Origin, transport: PooledTransport) -> None:
        with self._changed:
            self._opening.remove(origin)
        self._give_back(origin, transport)

    @property
    def limit(self) -> int:
        """Maximum number of connections."""
        return self._limit

    def set_limit(self, limit: int) -> None:
        """Change the maximum number of connections, and close idle ones beyond it.

        Connections that are in use beyond it are closed when they are given back.

        Args:
            limit: The number; with 0, requests wait until there is another limit, and connections
                in use are waited for: threads of a read that failed may still have some.
        """
        with self._changed:
            self._limit = limit
            self._close_inherited()
            excess = self._idle[: max(0, self._count - limit)]
            del self._idle[: len(excess)]
        for _, transport in excess:
            transport.close()
        with self._changed:
            self._count -= len(excess)
            self._changed.notify_all()
            if not limit:
                self._changed.wait_for(lambda: not self._count, MAX_RELEASE_SECONDS)

    def close(self) -> None:
        """Close the connections that are not in use; threads close theirs with their responses."""
        with self._changed:
            self._is_closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for _, transport in idle:
            transport.close()
        with self._changed:
            self._count -= len(idle)
            self._changed.notify_all()

    def _take(self, origin: Origin, url: httpx.URL) -> PooledTransport:
        """Return a transport, if possible with a connection to the server; wait for one."""
        with self._changed:
            self._close_inherited()
            while not self._is_closed:
                for number in reversed(range(len(self._idle))):
                    if self._idle[number][0] == origin:
                        return self._idle.pop(number)[1]
                if self._count < self._limit:
                    transport = self._make_transport()
                    self._count += 1
                    return transport
                if self._idle:
                    return self._idle.pop(0)[1]  # closes its connection to another server
                self._changed.wait()
        raise TransferError(f"{redact_secrets(str(url))} is not requested: the client was closed.")

    def _close_inherited(self) -> None:
        """Close connections of a parent process here: each would receive bytes of the other."""
        if self._process != os.getpid():
            self._process = os.getpid()
            idle, self._idle, self._count = self._idle, [], 0
            self._opening = []
            for _, transport in idle:
                transport.close()

    def _give_back(self, origin: Origin, transport: PooledTransport) -> None:
        with self._changed:
            stays_open = not self._is_closed and self._count <= self._limit
            if stays_open:
                self._idle.append((origin, transport))
                self._changed.notify()
        if not stays_open:
            transport.close()
            with self._changed:  # not before: another connection may take its place
                self._count -= 1
                self._changed.notify_all()


class _Stream(httpx.SyncByteStream):
    """The body of a response, which gives back its transport when it is closed."""

    def __init__(self, stream: httpx.SyncByteStream, give_back: Callable[[], None]) -> None:
        self._stream = stream
        self._give_back: Callable[[], None] | None = give_back

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        try:
            self._stream.close()
        finally:
            give_back()
