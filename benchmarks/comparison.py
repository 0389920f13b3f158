"""Run readers as cold processes, in turn, and record what each took."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.catalog_server import serve_catalog
from benchmarks.certificate import Certificate, make_certificate
from benchmarks.compare_pixels import compare_pixels, digest_window
from benchmarks.layout import BLOCK
from benchmarks.links import Link, open_link
from benchmarks.probe import Probe, probe
from benchmarks.reader_list import Reader
from benchmarks.readers.task import Task
from benchmarks.results import EQUAL, Run
from benchmarks.store import COLUMNS, ROWS, SquareWindow, StoredFile, window_of_size
from benchmarks.store_server import LoggedRequest, StoreServer, serve_store
from benchmarks.tile_ranges import tile_ranges, tiles_under, write_curl_config

LARGEST = min(COLUMNS, ROWS) * BLOCK  # pixels; a larger window is mostly sparse
_MARGIN = 60.0  # seconds that the stopwatch itself may take


@dataclass(frozen=True, slots=True)
class Services:
    """How store and catalogue answer.

    Attributes:
        tls: Both on HTTPS, with a certificate that the readers trust.
        catalog_ms: Milliseconds that the catalogue takes for each response.
    """

    tls: bool = False
    catalog_ms: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A benchmark: every combination of link, file, window and reader.

    Attributes:
        links: Names of the links.
        files: The store's files.
        sizes: Of the windows.
        readers: The readers.
        rounds: How often each runs.
        timeout: Seconds that a run may take.
        folder: For outputs and logs.
        is_warm: Whether every reader has run before.
        services: How store and catalogue answer.
    """

    links: Sequence[str]
    files: Sequence[StoredFile]
    sizes: Sequence[int]
    readers: Sequence[Reader]
    rounds: int
    timeout: float
    folder: Path
    is_warm: bool = False
    services: Services = Services()


def run_all(comparison: Comparison) -> Iterator[Run | Probe]:
    """Run every reader on every case; each link is probed first."""
    with tempfile.TemporaryDirectory(dir=comparison.folder, prefix="run-") as folder:
        scratch = Path(folder)
        for name in comparison.links:
            for number, file in enumerate(comparison.files):
                opened = open_case(name, file, scratch, comparison.timeout, comparison.services)
                with opened as case:
                    if number == 0:
                        yield case.probe()
                        if name == comparison.links[0] and not comparison.is_warm:
                            case.warm_up(comparison.readers)
                    for size in comparison.sizes:
                        yield from case.runs(size, comparison.readers, comparison.rounds)


@contextlib.contextmanager
def open_case(
    link_name: str, file: StoredFile, scratch: Path, timeout: float, services: Services = Services()
) -> Iterator[Case]:
    """Serve a file, and a catalogue that lists it, over a link.

    Args:
        link_name: Name of the link.
        file: The file, which lies in a folder of its codec's name.
        scratch: Folder for outputs and logs.
        timeout: Seconds that a run may take.
        services: How store and catalogue answer.

    Raises:
        UnavailableError: If this machine cannot emulate the link, or lacks nginx.
    """
    path = Path(file.path)
    scratch.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(open_link(link_name))
        addresses = link.store_address, link.user_address
        tls = make_certificate(scratch / "tls", addresses) if services.tls else None
        pem = tls and tls.server
        store = stack.enter_context(serve_store(link, path.parents[1], scratch / "nginx", pem))
        url = f"{store.base}/{file.codec}/{path.name}"
        stac_url = stack.enter_context(serve_catalog(link, url, services.catalog_ms, pem))
        _read_into_page_cache(path)
        yield Case(link, store, file, url, stac_url, scratch, timeout, services, tls)


@dataclass(frozen=True, slots=True)
class Case:
    """A file that is served on a link.

    Attributes:
        link: The link.
        server: The store.
        file: The file.
        url: Its address.
        stac_url: Root of the catalogue.
        scratch: Folder for outputs.
        timeout: Seconds that a run may take.
        services: How store and catalogue answer.
        tls: Their certificate, None without TLS.
        prefix: Words before each reader's command, such as taskset's.
    """

    link: Link
    server: StoreServer
    file: StoredFile
    url: str
    stac_url: str
    scratch: Path
    timeout: float
    services: Services
    tls: Certificate | None
    prefix: tuple[str, ...] = ()

    def probe(self) -> Probe:
        """Measure the link."""
        found = probe(self.link, self.url, self.file.data_start, self._environment())
        self.server.new_requests()
        return found

    def warm_up(self, readers: Iterable[Reader]) -> None:
        """Run every reader once and forget it: Python compiles modules the first time."""
        for _ in self.runs(BLOCK, readers, 1):
            pass

    def runs(self, size: int, readers: Iterable[Reader], rounds: int) -> Iterator[Run]:
        """Run every reader on the window of a size, round by round."""
        readers = [each for each in readers if self._takes_part(each, size)]
        if not readers:
            return
        window = window_of_size(size)
        tiles = tiles_under(Path(self.file.path), window)
        write_curl_config(self.scratch / "ranges", self.url, tile_ranges(tiles))
        (self.scratch / "tiles").write_text(json.dumps(tiles), "utf-8")
        expected = digest_window(self.file.path, window)
        for turn in range(rounds):
            shift = turn % len(readers)  # so that none always follows the same one
            for reader in readers[shift:] + readers[:shift]:
                yield self._run(reader, window, turn, expected)

    def _takes_part(self, reader: Reader, size: int) -> bool:
        return size <= LARGEST or (
            reader.name == "hrdem" and not self.link.rtt and self.file.codec == "lzw"
        )

    def _run(self, reader: Reader, window: SquareWindow, turn: int, expected: str) -> Run:
        output = self.scratch / "output.tif"
        extra = dict(reader.extra)
        if reader.needs_catalog:
            extra["stac_url"] = self.stac_url
        if reader.given:
            extra[reader.given] = str(self.scratch / reader.given)
        task = Task(self.url, window.column, window.row, window.size, str(output), extra)
        self.server.new_requests()
        took = self._measure(reader.command(task), reader.folder)
        requests = self.server.new_requests()
        if took["timed_out"]:
            outcome = f"timeout after {self.timeout:.0f} s"
        elif took["status"] != 0:
            outcome = f"failed with status {took['status']}"
        elif reader.name == "floor":
            outcome = EQUAL if all(request.status == 206 for request in requests) else "refused"
        else:
            outcome = compare_pixels(output, window, expected)
        for left in self.scratch.glob("output*"):
            if left.is_dir():
                shutil.rmtree(left)  # a cache
            else:
                left.unlink()
        first_tile, round_trips = self._first_tile(requests, took["began"])
        return Run(
            link=self.link.name,
            codec=self.file.codec,
            size=window.size,
            reader=reader.label,
            round=turn,
            outcome=outcome,
            wall=took["wall"],
            cpu=took["cpu"],
            other_cpu=took["other_cpu"],
            peak=took["peak"],
            requests=len(requests),
            connections=len({request.connection for request in requests}),
            size_received=sum(request.size for request in requests),
            first_tile=first_tile,
            round_trips=round_trips,
            opening=_opening_requests(requests, self.file.data_start),
            stderr=took["stderr"],
            tls=self.services.tls,
            catalog_ms=self.services.catalog_ms,
            page_faults=took["page_faults"],
        )

    def _measure(self, command: list[str], folder: Path | None) -> dict[str, Any]:
        watch = [sys.executable, "-m", "benchmarks.stopwatch", str(self.timeout)]
        done = subprocess.run(
            [*self.link.on_user, *watch, *self.prefix, *command],
            capture_output=True,
            check=True,
            timeout=self.timeout + _MARGIN,
            cwd=folder,
            env=self._environment(),
        )
        return json.loads(done.stdout)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **(self.tls.environment if self.tls else {})}

    def _first_tile(
        self, requests: list[LoggedRequest], began: float
    ) -> tuple[float | None, float | None]:
        tiles = [
            request.began
            for request in requests
            if request.method == "GET" and request.start >= self.file.data_start
        ]
        if not tiles:
            return None, None
        # one round trip to connect, one for the tile itself; those of header and index in between
        between = tiles[0] - requests[0].began
        round_trips = 2 + between / self.link.rtt if self.link.rtt else None
        return tiles[0] - began, round_trips


def _opening_requests(
    requests: list[LoggedRequest], data_start: int
) -> list[tuple[float, int, int, int]]:
    found = []
    for request in requests:
        since = round(request.began - requests[0].began, 3)
        found.append((since, request.start, request.size, request.connection))
        if request.method == "GET" and request.start >= data_start:
            break
    return found


def _read_into_page_cache(path: Path) -> None:
    """Read a file once; holes cost nothing."""
    with path.open("rb") as file:
        while file.read(16 << 20):
            pass
