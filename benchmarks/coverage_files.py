"""Measure how much of a large coverage file is read for a small area, and how long Python blocks.

Two GeoPackages of some 200 MB, with a few long outlines and with many short ones, are read from a
local server that waits before each response: in the separate process that hrdem uses, and by
pyogrio in this process. The server runs in a third process.

    python benchmarks/coverage_files.py [--latency 0.1]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.surveys import lookup as surveys
from hrdem.http.client import HttpClient
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import get_product

MIDDLE = (1_750_000, -250_000)
KINDS = {
    "210 outlines of 60,000 points": (210, 60_000, 25_000.0),
    "200,000 of 50": (200_000, 50, 500.0),
}


def write(path: Path, count: int, points: int, radius: float) -> None:
    """Write round outlines all over a sub-tile."""
    random = np.random.default_rng(3979)
    angle = np.linspace(0, 2 * np.pi, points + 1)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * radius
    centres = random.uniform((1_500_000, -500_000), (2_000_000, 0), (count, 2))
    centres[0] = MIDDLE
    outlines = [shapely.to_wkb(shapely.Polygon(circle + centre)) for centre in centres]
    names = np.array([f"Project {number}" for number in range(count)], object)
    pyogrio.raw.write(
        path, np.array(outlines, object), [names], ["Project"], layer="dtm", driver="GPKG",
        geometry_type="Polygon", crs="EPSG:3979",
    )  # fmt: skip


def serve(folder: Path, latency: float, pipe: Connection) -> None:
    """Serve byte ranges; report what was sent so far on each message."""
    sent: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = folder / self.path.strip("/")
            size = path.stat().st_size if path.exists() else 0
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
            start, stop = (int(part[1]), min(int(part[2]) + 1, size)) if part else (0, size)
            time.sleep(latency)
            sent.append(0 if self.command == "HEAD" else stop - start)
            self.send_response((206 if part else 200) if size else 404)
            self.send_header("Content-Length", str(stop - start))
            self.send_header("ETag", '"1"')
            if part:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.end_headers()
            if self.command == "GET" and size:
                with path.open("rb") as file:
                    file.seek(start)
                    self.wfile.write(file.read(stop - start))

        do_HEAD = do_GET  # noqa: N815 (the name of the base)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pipe.send(server.server_port)
        while pipe.recv():
            pipe.send((len(sent), sum(sent)))
            sent.clear()


@contextmanager
def longest_block() -> Iterator[list[float]]:
    """Measure the longest time that a sleeping thread could not run."""
    blocked, done = [0.0], threading.Event()

    def tick() -> None:
        before = time.monotonic()
        while not done.wait(0.002):
            now = time.monotonic()
            blocked[0] = max(blocked[0], now - before)
            before = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield blocked
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds before each response")
    latency = parser.parse_args().latency
    x, y = MIDDLE
    box = (x - 500, y - 500, x + 500, y + 500)
    report: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name, HttpClient(trusted=["http://127.0.0.1"]) as http:
        folder = Path(name)
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.Process(target=serve, args=(folder, latency, theirs), daemon=True)
        server.start()
        base = f"http://127.0.0.1:{ours.recv()}"
        pyogrio.set_gdal_config_options({"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"})

        def in_worker(url: str) -> int:
            area = Aoi.from_bbox(box, "EPSG:3979")
            item = Item("9_2", "hrdem-mosaic-1m", "", "", None, (Asset("coverage", url, "", ""),))
            return len(surveys.find_surveys([item], area, get_product("dtm"), http).found)

        def in_process(url: str) -> int:
            return len(pyogrio.raw.read(f"/vsicurl/{url}", layer="dtm", bbox=box)[2])

        ways: dict[str, Callable[[str], int]] = {
            "separate process": in_worker,
            "this process": in_process,
        }
        for number, (kind, how) in enumerate(KINDS.items()):
            path = folder / f"{number}.gpkg"
            write(path, *how)
            for way, read in ways.items():
                begin = time.monotonic()
                with longest_block() as blocked:
                    found = read(f"{base}/{path.name}")
                seconds = time.monotonic() - begin
                ours.send(True)
                requests, received = ours.recv()
                report.setdefault(kind, {})[way] = {
                    "outlines": found,
                    "seconds": round(seconds, 2),
                    "blocked_for": round(blocked[0], 2),
                    "requests": requests,
                    "part_of_the_file": round(received / path.stat().st_size, 4),
                }
        ours.send(False)
        server.join()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
