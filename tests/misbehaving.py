"""A local HTTP server that replies, delays or fails as a test's script says."""

from __future__ import annotations

import functools
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import trustme


@dataclass
class ServerRequest:
    """A request as received; ``number`` counts from 1."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """A reply and its faults.

    Attributes:
        status: HTTP status.
        body: Body.
        headers: Headers; Content-Length is added.
        cut: Bytes of the body to send before closing the connection.
        stalls: Keep the connection open after the cut, without sending.
        reset: Close the connection with RST.
        dropped: Close it with RST before any response.
        pause: Seconds to wait before each piece of the body.
        piece: Bytes of a piece.
        silent: Never respond.
        length: Content-Length to announce instead of the body's own.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stalls: bool = False
    reset: bool = False
    dropped: bool = False
    pause: float = 0.0
    piece: int = 1
    silent: bool = False
    length: int | None = None

    @classmethod
    def json(cls, document: object, **settings) -> Reply:
        return cls(
            body=json.dumps(document).encode(),
            headers={"Content-Type": "application/json"},
            **settings,
        )


def range_reply(content: bytes, request: ServerRequest) -> Reply:
    """Return the requested range of a file, or all of it."""
    if "range" not in request.headers:
        return Reply(200, content, {"ETag": '"1"'})
    start, stop = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
    part = content[start : stop + 1]
    content_range = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    return Reply(206, part, {"Content-Range": content_range, "ETag": '"1"'})


Script = Callable[[ServerRequest], Reply]


class Misbehaving(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        script: Script,
        certificate: trustme.LeafCert | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__((host, 0), _Handler)
        self.script = script
        self.scheme = "http"
        if certificate is not None:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.requests: list[ServerRequest] = []
        self.lock = threading.Lock()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.server_address[0]}:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        """Ignore errors: clients disconnect at will."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Misbehaving

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = ServerRequest(
                len(self.server.requests) + 1, self.command, self.path, headers, body
            )
            self.server.requests.append(request)
        self._reply(self.server.script(request))

    def _reply(self, reply: Reply) -> None:
        if reply.silent:
            self.server.ended.wait(30)
            self.close_connection = True
            return
        if reply.dropped:
            self._reset()
            return
        self.send_response(reply.status)
        length = len(reply.body) if reply.length is None else reply.length
        self.send_header("Content-Length", str(length))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        sent = reply.body if reply.cut is None else reply.body[: reply.cut]
        if reply.pause:
            for at in range(0, len(sent), reply.piece):
                if self.server.ended.wait(reply.pause):
                    break
                self.wfile.write(sent[at : at + reply.piece])
                self.wfile.flush()
        else:
            self.wfile.write(sent)
        if reply.stalls:
            self.server.ended.wait(30)
        if reply.reset:
            self.wfile.flush()
            time.sleep(0.05)
            self._reset()
        elif reply.cut is not None:
            self.close_connection = True

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    do_GET = do_HEAD = do_POST = _respond

    def log_message(self, *args) -> None:
        pass


@contextmanager
def misbehaving(
    script: Script, certificate: trustme.LeafCert | None = None, host: str = "127.0.0.1"
) -> Iterator[Misbehaving]:
    """Serve a script while the context is open, over TLS with a certificate."""
    with Misbehaving(script, certificate, host) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            for client in threading.enumerate():
                if client.name == "hrdem-connect":  # ssl leaks a socket that is reset early
                    client.join(5)
            server.shutdown()
            thread.join()


@functools.cache
def _client() -> httpx.Client:
    """Return the client of all tests; creating one costs as much as dozens of requests."""
    return httpx.Client(trust_env=False, verify=False, timeout=60)


def forward(request: ServerRequest, upstream: str, base: str) -> Reply:
    """Return the response of another server, with its URLs replaced by ours."""
    kept = {n: v for n, v in request.headers.items() if n not in ("host", "connection")}
    answer = _client().request(
        request.method, upstream + request.path, headers=kept, content=request.body
    )
    body = answer.content
    if "tiff" not in answer.headers.get("content-type", ""):
        body = body.replace(upstream.encode(), base.encode())
    dropped = ("content-length", "connection", "date", "server")
    headers = {n: v for n, v in answer.headers.items() if n not in dropped}
    length = int(answer.headers["content-length"]) if request.method == "HEAD" else None
    return Reply(answer.status_code, body, headers, length=length)
