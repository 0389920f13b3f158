"""Serve a STAC API with one item, which answers at once, because its cost is not measured.

python -m benchmarks.catalog_server ADDRESS HREF    prints the API's root; exits with its parent
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
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
def serve_catalog(link: Link, href: str) -> Iterator[str]:
    """Serve a catalogue on the user's side of a link; yield its root.

    It listens in the store's network scope: hrdem refuses files elsewhere.
    """
    command = [sys.executable, "-m", "benchmarks.catalog_server", link.user_address, href]
    command = [*link.on_user, *command]
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
    address, href = sys.argv[1:]
    server = ThreadingHTTPServer((address, 0), _Handler)
    base = f"http://{address}:{server.server_port}"
    _Handler.documents = {
        path: json.dumps(document).encode() for path, document in make_documents(base, href).items()
    }
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    print(f"{base}{_PREFIX}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
