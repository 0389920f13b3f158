"""Measure how fast hrdem starts: until its help ends, until a catalogue has its first request.

    python -m benchmarks.startup [--rounds 7] [--beside FOLDER]

The catalogue is behind TLS, trusted by a file of all usual certificates, and takes 400 ms, as the
live one does. Both it and the store are on this machine. FOLDER is another version's source.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import trustme

from hrdem.demo import running

CATALOGUE_SECONDS = 0.4
AREAS = {
    "in degrees": ["--bbox", "-75.7,45.4,-75.695,45.405"],
    "in EPSG:3979": ["--bbox", "1510000,-165000,1510512,-164488", "--bbox-crs", "EPSG:3979"],
    "in UTM": ["--bbox", "445000,5027000,445512,5027512", "--bbox-crs", "EPSG:2959"],
}
PLAIN = {
    "python -c pass": ["-c", "pass"],
    "hrdem --help": ["-m", "hrdem", "--help"],
    "hrdem extract --help": ["-m", "hrdem", "extract", "--help"],
    "import rasterio": ["-c", "import rasterio"],
}


@dataclass
class Times:
    """Seconds from the start of processes: to the catalogue's first request, and to their ends."""

    arrivals: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        columns = (self.arrivals, self.ends, self.cpu)
        return "  ".join(
            f"{1000 * statistics.median(each):6.0f} ms" if each else " " * 9 for each in columns
        )


class Catalogue(BaseHTTPRequestHandler):
    """A catalogue that passes searches on, notes when they arrive, and answers late."""

    protocol_version = "HTTP/1.1"
    source = ""
    arrivals: list[float] = []  # noqa: RUF012 (of the one that runs)

    def do_POST(self) -> None:
        self.arrivals.append(time.perf_counter())
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = urllib.request.Request(
            f"{self.source}search", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            answer = response.read()
        time.sleep(max(0.0, self.arrivals[-1] + CATALOGUE_SECONDS - time.perf_counter()))
        self.send_response(200)
        self.send_header("Content-Type", "application/geo+json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def serve_catalogue(source: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve a catalogue through TLS; yield its root, and the file of certificates to trust."""
    authority = trustme.CA()
    trusted = folder / "certificates.pem"
    trusted.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    Catalogue.source = source
    with ThreadingHTTPServer(("127.0.0.1", 0), Catalogue) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/", trusted
        server.shutdown()


def run(arguments: list[str], folder: Path, variables: dict[str, str], times: Times | None) -> None:
    """Run Python once in a folder of source."""
    Catalogue.arrivals.clear()
    before = os.times()
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    ended, after = time.perf_counter(), os.times()
    if times is not None:
        times.arrivals += [arrival - started for arrival in Catalogue.arrivals[:1]]
        times.ends.append(ended - started)
        times.cpu.append(sum(after[2:4]) - sum(before[2:4]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--beside", type=Path, help="folder with the source of another version")
    options = parser.parse_args()
    folders = [Path.cwd(), *filter(None, [options.beside])]
    for folder in folders:  # as installing does
        subprocess.run([sys.executable, "-m", "compileall", "-q", "hrdem"], cwd=folder, check=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        running() as addresses,
        serve_catalogue(addresses.by_option["stac_url"], Path(temporary)) as (root, trusted),
    ):
        variables = {"SSL_CERT_FILE": str(trusted)}
        output = ["--no-cache", "--overwrite", "--output", f"{temporary}/output.tif"]
        extract = ["-m", "hrdem", "extract", "--product", "dtm", "--stac-url", root, *output]
        cases = PLAIN | {f"extract {name}": [*extract, *area] for name, area in AREAS.items()}
        table = {(name, folder): Times() for name in cases for folder in folders}
        for turn in range(options.rounds + 1):
            for (name, folder), times in table.items():
                run(cases[name], folder, variables, times if turn else None)  # the first warms up
    print(f"{'':22} {'request':>9}  {'end':>9}  {'CPU':>9}")
    for (name, folder), times in table.items():
        print(f"{name:22} {times}{'' if folder == folders[0] else f'  {folder}'}")


if __name__ == "__main__":
    main()
