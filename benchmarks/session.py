"""Measure many small extractions in one process: requests, CPU and time of each.

    python -m benchmarks.session [--size 512] [--count 100] [--round-trip 0.06]

The demonstration serves catalogue and files from a process of its own, through a relay here that
counts requests to the store and delays the first byte of each answer by a round trip.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hrdem
from hrdem.demo import running

LEFT, TOP = 1_507_000, -166_000


class Relay(BaseHTTPRequestHandler):
    """Passes requests on after a round trip; runs in a process of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    source = ""
    round_trip = 0.0
    counts: dict[str, int] = {}  # noqa: RUF012 (of the one that runs)

    def _relay(self) -> None:
        if self.path == "/counts":
            self._send(200, {}, json.dumps(self.counts).encode())
            return
        self.counts[self.command] = self.counts.get(self.command, 0) + 1
        time.sleep(self.round_trip)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        names = ("Range", "If-Match", "Content-Type")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        request = urllib.request.Request(
            self.source + self.path, body, headers, method=self.command
        )
        with urllib.request.urlopen(request) as response:
            content = response.read()
            own = f"http://{self.headers['Host']}"
            if b"json" in response.headers.get("Content-Type", "").encode():
                content = content.replace(self.source.encode(), own.encode())
            self._send(response.status, dict(response.headers), content)

    do_GET = do_POST = do_HEAD = _relay  # noqa: N815 (the names are http.server's)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Content-Range", "ETag", "Last-Modified"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


def serve(round_trip: float) -> None:
    """Serve the demonstration through a relay; print the relay's address."""
    with running() as addresses:
        Relay.source, Relay.round_trip = addresses.url, round_trip
        with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f"http://127.0.0.1:{server.server_port}", flush=True)
            sys.stdin.read()


def count_requests(url: str) -> int:
    with urllib.request.urlopen(f"{url}/counts") as response:
        return sum(json.loads(response.read()).values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--round-trip", type=float, default=0.06)
    parser.add_argument("--alone", action="store_true", help="without a session")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.round_trip)
        return
    command = [sys.executable, "-m", "benchmarks.session", "--serve"]
    command += ["--round-trip", str(options.round_trip)]
    rows = []
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
        tempfile.TemporaryDirectory() as folder,
        hrdem.Session() as session,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        for number in range(options.count):
            left = LEFT + number % 10 * options.size
            top = TOP - number // 10 * options.size
            before = count_requests(url)
            cpu, began = time.process_time(), time.perf_counter()
            hrdem.extract(
                bbox=(left, top - options.size, left + options.size, top),
                bbox_crs="EPSG:3979",
                product="dtm",
                stac_url=f"{url}/stac/api/",
                output=Path(folder) / "output.tif",
                cache_dir=Path(folder) / "cache",
                overwrite=True,
                http=None if options.alone else session,
            )
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            rows.append((count_requests(url) - before, wall, cpu))
        server.stdin.close()
    for name, part in (("first", rows[:1]), ("second", rows[1:2]), ("last ten", rows[-10:])):
        requests, wall, cpu = (statistics.median(column) for column in zip(*part, strict=True))
        print(f"{name:10} {requests:4.0f} requests {wall:7.3f} s  CPU {cpu:6.3f} s")


if __name__ == "__main__":
    main()
