"""The store's web server: nginx, which serves ranges like an object store, and logs them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.links import Link, UnavailableError

_TIMEOUT = 20.0  # seconds for nginx to start, and to have written its log
_QUIET = 0.15  # seconds without a new line after which the log of a run is whole
_CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    types {{ image/tiff tif; }}
    client_body_temp_path {run}/body;
    proxy_temp_path {run}/proxy;
    fastcgi_temp_path {run}/fastcgi;
    uwsgi_temp_path {run}/uwsgi;
    scgi_temp_path {run}/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    keepalive_timeout 75s;
    log_format json escape=json '{{"method":"$request_method","range":"$http_range",'
        '"status":$status,"bytes":$body_bytes_sent,"connection":$connection,'
        '"open":$connections_active,"ended":$msec,"took":$request_time}}';
    access_log {run}/access.jsonl json;
    server {{
        listen {address}:{port}{tls};
        root {root};
        max_ranges 1;  # several ranges in one request get the whole file
        location ~ [.]tif$ {{ }}
        location / {{ return 404; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request, as nginx logged it.

    Attributes:
        method: HTTP method.
        start: First requested byte, 0 without a range.
        status: HTTP status.
        size: Bytes of the body that were sent.
        connection: Number of the connection.
        open: Number of connections that were open.
        began: When the request arrived, seconds since 1970.
    """

    method: str
    start: int
    status: int
    size: int
    connection: int
    open: int
    began: float


class StoreServer:
    """A running nginx."""

    def __init__(self, base: str, log: Path) -> None:
        self.base = base
        self._log = log
        self._read = 0

    def new_requests(self) -> list[LoggedRequest]:
        """Return the requests that were logged since the last call."""
        size, since = self._log.stat().st_size, time.monotonic()
        while time.monotonic() - since < _QUIET:
            time.sleep(0.02)
            if (now := self._log.stat().st_size) != size:
                size, since = now, time.monotonic()
        with self._log.open("rb") as file:
            file.seek(self._read)
            content = file.read(size - self._read)
        self._read = size
        return sorted(map(_parse_log_line, content.splitlines()), key=lambda request: request.began)


def _parse_log_line(text: bytes) -> LoggedRequest:
    entry = json.loads(text)
    first = entry["range"].removeprefix("bytes=").split("-")[0]
    return LoggedRequest(
        method=entry["method"],
        start=int(first or 0),
        status=entry["status"],
        size=entry["bytes"],
        connection=entry["connection"],
        open=entry["open"],
        began=entry["ended"] - entry["took"],
    )


@contextlib.contextmanager
def serve_store(
    link: Link, root: Path, run: Path, certificate: Path | None = None
) -> Iterator[StoreServer]:
    """Serve a folder on the store's side of a link.

    Args:
        link: The link.
        root: Folder with the files.
        run: Folder for configuration and log.
        certificate: PEM file with certificate and key, to serve https; None for http.

    Raises:
        UnavailableError: If nginx is not installed.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise UnavailableError("nginx is missing; Debian has it in the package nginx-light")
    run.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    pem = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    tls = certificate and f" ssl; {pem} ssl_protocols TLSv1.2 TLSv1.3"
    configuration = run / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            run=run, root=root, address=link.store_address, port=port, tls=tls or ""
        ),
        "utf-8",
    )
    (run / "access.jsonl").write_bytes(b"")
    command = [*link.on_store, program, "-c", str(configuration), "-e", str(run / "error.log")]
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + _TIMEOUT
        while not (run / "nginx.pid").exists() or not (run / "nginx.pid").read_text().strip():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"nginx did not start; see {run / 'error.log'}")
            time.sleep(0.02)
        yield StoreServer(
            f"http{'s' if certificate else ''}://{link.store_address}:{port}", run / "access.jsonl"
        )
    finally:
        process.terminate()
        process.wait(_TIMEOUT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
