"""Serve a STAC API with one item, at once or after a time that the live one takes.

Prints the API's root, and exits with its parent:

    python -m benchmarks.catalog_server ADDRESS HREF MILLISECONDS [PEM]
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.links import Link
from benchmarks.store import ITEM
from hrdem.demo.catalog import list_collections, list_items, make_landing_page

_PREFIX = "/stac/api"
_TIMEOUT = 10  # seconds


def make_documents(base: str, href: str) -> dict[str, Any]:
    """Return every response, by path."""
    item = next(each for each in list_items(base) if each["id"] == ITEM)
    item["assets"] = {"dtm": {**item["assets"]["dtm"], "href": href}}
    found = {"type": "FeatureCollection", "links": [], "features": [item], "numberMatched": 1}
    return {
        "/": make_landing_page(base),
        "/search": found,
        **{f"/collections/{each['id']}": each for each in list_collections(base)},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    documents: dict[str, bytes]
    seconds = 0.0  # before each response

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.seconds)
        path = "/" + self.path.partition("?")[0].removeprefix(_PREFIX).strip("/")
        body = self.documents.get(path, b"{}")
        self.send_response(200 if path in self.documents else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _respond  # noqa: N815 (the names are http.server's)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def serve_catalog(
    link: Link, href: str, milliseconds: int, certificate: Path | None
) -> Iterator[str]:
    """Serve a catalogue on the user's side of a link; yield its root.

    It listens in the store's network scope: hrdem refuses files elsewhere.
    """
    arguments = [link.user_address, href, str(milliseconds)]
    arguments += [str(certificate)] if certificate else []
    command = [*link.on_user, sys.executable, "-m", "benchmarks.catalog_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            root = process.stdout.readline().strip()
            if not root:
                raise RuntimeError("the catalog server did not start")
            yield root
        finally:
            process.terminate()
            process.wait(_TIMEOUT)


def _exit_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    address, href, milliseconds, *certificate = sys.argv[1:]
    server = ThreadingHTTPServer((address, 0), _Handler)
    base = f"{'https' if certificate else 'http'}://{address}:{server.server_port}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    _Handler.seconds = int(milliseconds) / 1e3
    _Handler.documents = {
        path: json.dumps(document).encode() for path, document in make_documents(base, href).items()
    }
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    print(f"{base}{_PREFIX}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
