"""Measure how WCS pieces adapt to a server's time limit, and how much of its time is wasted.

    python benchmarks/wcs_limit.py [--scale 0.01] [--output FILE.md]

A server forwards the demonstration's coverages after a time that grows with their pixels, and cuts
what takes longer than its limit: NRCan's 5 minutes times the scale. Each kind of server gets the
same area with `hrdem extract --via wcs --wcs-limit`; every pixel is compared.
"""

from __future__ import annotations

import argparse
import http.server
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import rasterio

from hrdem.demo import Addresses, running
from hrdem.demo.terrain import heights

LIMIT = 300.0  # seconds, of the live server
LEFT, TOP, EDGE = 1_499_000, -170_000, 6_000
WCS = "/wrapper/ogc/elevation-hrdem-mosaic"


@dataclass(frozen=True)
class Kind:
    """A kind of server.

    Attributes:
        name: Description.
        seconds: Time for a number of pixels, on the clock of the live server.
    """

    name: str
    seconds: Callable[[int], float]


KINDS = (
    Kind("2 s a megapixel, as MapServer", lambda pixels: 0.5 + 2e-6 * pixels),
    Kind("20 s a megapixel", lambda pixels: 1 + 20e-6 * pixels),
    Kind("100 s a megapixel", lambda pixels: 1 + 100e-6 * pixels),
    Kind("400 s a megapixel", lambda pixels: 1 + 400e-6 * pixels),
    Kind("growing with the square, 20 s at one megapixel", lambda pixels: 20e-12 * pixels**2),
    Kind("nothing above half a megapixel", lambda pixels: 1e9 if pixels > 500_000 else 10.0),
)


@dataclass
class Clock:
    """Times of a server, in seconds of its own clock.

    Attributes:
        kind: The kind of server.
        scale: Real seconds for one of its own.
        completed: Time of each completed response.
        cut: Time of each response that was cut.
        sizes: Pixels of each completed response.
    """

    kind: Kind
    scale: float
    completed: list[float] = field(default_factory=list)
    cut: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def serve(clock: Clock, demo: Addresses) -> http.server.ThreadingHTTPServer:
    """Return a server of a kind."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            started = time.monotonic()
            pixels = requested_pixels(self.path)
            needs = clock.kind.seconds(pixels) if pixels else 0.0
            if needs > LIMIT:
                time.sleep(LIMIT * clock.scale)
                clock.cut.append(LIMIT)
                return self.respond(504, b"<html><title>504 Gateway Time-out</title></html>")
            try:
                with urllib.request.urlopen(demo.url + self.path) as reply:
                    status, body = reply.status, reply.read()
            except urllib.error.HTTPError as refused:
                status, body = refused.code, refused.read()
            time.sleep(max(0.0, needs * clock.scale - (time.monotonic() - started)))
            if pixels:
                clock.completed.append((time.monotonic() - started) / clock.scale)
                clock.sizes.append(pixels)
            return self.respond(status, body)

        def respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def requested_pixels(path: str) -> int:
    """Return the pixels of a GetCoverage request; 0 for other requests."""
    query = parse_qs(urlsplit(path).query)
    if query.get("REQUEST") != ["GetCoverage"]:
        return 0
    x0, y0, x1, y1 = map(float, query["BOUNDINGBOX"][0].split(",")[:4])
    return round((x1 - x0 + 1) * (y1 - y0 + 1))


def measure(kind: Kind, scale: float, demo: Addresses) -> str:
    """Extract the area from a server of a kind, and return a row of the table."""
    clock = Clock(kind, scale)
    server = serve(clock, demo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    box = f"{LEFT},{TOP - EDGE},{LEFT + EDGE},{TOP}"
    with tempfile.TemporaryDirectory(prefix="hrdem-limit-") as folder:
        output = Path(folder, "out.tif")
        command = [
            *(sys.executable, "-m", "hrdem", "extract", "--via", "wcs", "-q"),
            *(f"--bbox={box}", "--bbox-crs", "EPSG:3979", "--product", "dtm", "-o", output),
            *("--stac-url", demo.stac, "--wcs-url", f"http://127.0.0.1:{server.server_port}{WCS}"),
            *("--wcs-limit", str(LIMIT * scale), "--cache-dir", Path(folder, "cache")),
        ]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        with rasterio.open(output) as dataset:
            wrong = int((dataset.read(1) != heights(LEFT, TOP, 1, EDGE, EDGE)).sum())
    server.shutdown()
    times, sizes = clock.completed, sorted(clock.sizes)
    wasted = sum(clock.cut) / (sum(clock.cut) + sum(times))
    middle = statistics.median(sizes[len(sizes) // 2 :])
    return (
        f"| {kind.name} | {len(times)} | {middle / 1e6:.2f} | {statistics.median(times):.0f} "
        f"| {max(times):.0f} | {len(clock.cut)} | {100 * wasted:.1f} % | {wrong} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--scale", type=float, default=0.01, help="real seconds for one of the server's"
    )
    parser.add_argument("--output", type=Path, help="Markdown file for the table")
    arguments = parser.parse_args()
    head = "the server takes", "pieces", "usual size, Mpx", "median s", "longest s", "cut"
    head += "wasted time", "wrong pixels"
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    with running() as demo:
        for kind in KINDS:
            rows.append(measure(kind, arguments.scale, demo))
            sys.stdout.write(f"{rows[-1]}\n")
            sys.stdout.flush()
    if arguments.output:
        arguments.output.write_text("\n".join(rows) + "\n", "utf-8")


if __name__ == "__main__":
    main()
