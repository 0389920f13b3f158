"""A rate-limited proxy that counts the bytes of files it sends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.misbehaving import ServerRequest, forward

_PIECE = 16 << 10  # bytes


class Metered(ThreadingHTTPServer):
    """Forwards to another server at a limited rate.

    Args:
        upstream: Scheme and host of that server.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.rate = 1e9
        self.sent = 0
        self.lock = threading.Lock()
        self.at: int | None = None  # bytes after which `do` is called
        self.do: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def begin(
        self, rate: float, at: int | None = None, do: Callable[[], None] = lambda: None
    ) -> None:
        """Reset the count and the rate.

        Args:
            rate: Bytes per second on each connection.
            at: Bytes after which `do` is called once.
            do: What to call.
        """
        with self.lock:
            self.rate, self.sent, self.at, self.do = rate, 0, at, do

    def count(self, size: int) -> None:
        with self.lock:
            self.sent += size
            due = self.at is not None and self.sent >= self.at
            if due:
                self.at = None
        if due:
            self.do()

    def handle_error(self, request, client_address) -> None:
        """Ignore errors: tests kill clients."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Metered

    def setup(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)
        super().setup()

    def _answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ServerRequest(0, self.command, self.path, headers, body)
        reply = forward(request, server.upstream, server.url)
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(reply.body), _PIECE):
            piece = reply.body[start : start + _PIECE]
            self.wfile.write(piece)
            if reply.status == 206:
                server.count(len(piece))
            time.sleep(len(piece) / server.rate)

    do_GET = do_HEAD = do_POST = _answer

    def log_message(self, *args) -> None:
        pass


@contextmanager
def metered(upstream: str) -> Iterator[Metered]:
    """Serve while the context is open."""
    with Metered(upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
