"""A real server on this machine that answers as a test tells it to, or not at all."""

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
    """One request, as it arrived; ``number`` counts from 1."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One answer.

    ``cut`` sends only so many bytes of the body, then closes, or if it ``stalls`` nothing more;
    ``reset`` closes with RST, ``dropped`` without any answer before; ``pause`` waits before each
    ``piece`` of so many bytes; ``silent`` never answers; ``length`` is announced instead of the
    body's own.
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
    """Answer with the part of a file that is asked for, or all of it."""
    if "range" not in request.headers:
        return Reply(200, content, {"ETag": '"1"'})
    start, stop = map(int, request.headers["range"].removeprefix("bytes=").split("-"))
    part = content[start : stop + 1]
    told = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    return Reply(206, part, {"Content-Range": told, "ETag": '"1"'})


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
        """A client that goes away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Misbehaving

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = ServerRequest(
                len(self.server.requests) + 1, self.command, self.path, headers, body
            )
            self.server.requests.append(request)
        self._give(self.server.script(request))

    def _give(self, reply: Reply) -> None:
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

    do_GET = do_HEAD = do_POST = _answer

    def log_message(self, *args) -> None:
        pass


@contextmanager
def misbehaving(
    script: Script, certificate: trustme.LeafCert | None = None, host: str = "127.0.0.1"
) -> Iterator[Misbehaving]:
    """Serve a script for as long as the context lasts, over TLS if there is a certificate."""
    with Misbehaving(script, certificate, host) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


@functools.cache
def _client() -> httpx.Client:
    """One for all tests: to make one takes as long as dozens of its requests."""
    return httpx.Client(trust_env=False, verify=False, timeout=60)


def forward(request: ServerRequest, upstream: str, base: str) -> Reply:
    """Fetch the answer of another server, with its addresses replaced by ours."""
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
