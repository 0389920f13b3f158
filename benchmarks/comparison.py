"""Run readers as cold processes, in turn, and record what each took."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalog_server import serve_catalog
from benchmarks.compare_pixels import compare_pixels, digest_window
from benchmarks.layout import BLOCK
from benchmarks.links import Link, open_link
from benchmarks.probe import Probe, probe
from benchmarks.reader_list import Reader
from benchmarks.readers.task import Task
from benchmarks.store import COLUMNS, ITEM, ROWS, SquareWindow, StoredFile, window_of_size
from benchmarks.store_server import LoggedRequest, StoreServer, serve_store
from benchmarks.tile_ranges import tile_ranges, write_curl_config

LARGEST = min(COLUMNS, ROWS) * BLOCK  # pixels; a larger window is mostly sparse
EQUAL = "equal"
_MARGIN = 60.0  # seconds that the stopwatch itself may take


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one reader.

    Attributes:
        link: Name of the network link.
        codec: Codec of the file that was read.
        size: Columns and rows of the window.
        reader: Label of the reader.
        round: Round, from 0.
        outcome: ``"equal"`` if the pixels are right, else what was wrong.
        wall: Seconds from start to end of the process.
        cpu: Seconds, user and system, of the process and those it started.
        other_cpu: CPU seconds that the machine spent on anything else meanwhile.
        peak: Bytes of memory at the peak, of the largest process.
        requests: To the store.
        connections: On which they came.
        size_received: Bytes of bodies that the store sent.
        first_tile: Seconds from the start of the process to the arrival of the first request for
            tiles at the store, None if there was none.
        round_trips: Round trips in sequence up to the first byte of a tile, with the time that the
            reader spent between its requests, None on a link without a round trip time.
        opening: The requests up to the first for tiles: seconds since the first of them, first
            byte, bytes, number of the connection.
        stderr: The end of standard error.
    """

    link: str
    codec: str
    size: int
    reader: str
    round: int
    outcome: str
    wall: float
    cpu: float
    other_cpu: float
    peak: int
    requests: int
    connections: int
    size_received: int
    first_tile: float | None
    round_trips: float | None
    opening: list[tuple[float, int, int, int]]
    stderr: str


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
    """

    links: Sequence[str]
    files: Sequence[StoredFile]
    sizes: Sequence[int]
    readers: Sequence[Reader]
    rounds: int
    timeout: float
    folder: Path


def run_all(comparison: Comparison) -> Iterator[Run | Probe]:
    """Run every reader on every case; each link is probed first."""
    with tempfile.TemporaryDirectory(dir=comparison.folder, prefix="run-") as folder:
        scratch = Path(folder)
        for name in comparison.links:
            with (
                open_link(name) as link,
                serve_store(link, comparison.folder, scratch / "nginx") as store,
            ):
                for number, file in enumerate(comparison.files):
                    url = f"{store.base}/{file.codec}/{ITEM}-dtm.tif"
                    _read_into_page_cache(Path(file.path))
                    if number == 0:
                        yield probe(link, url, file.data_start)
                        store.new_requests()
                    with serve_catalog(link, url) as stac_url:
                        case = _Case(comparison, link, store, file, url, stac_url, BLOCK)
                        if name == comparison.links[0] and number == 0:
                            case.warm_up(scratch)
                        for size in comparison.sizes:
                            yield from dataclasses.replace(case, size=size).runs(scratch)


@dataclass(frozen=True, slots=True)
class _Case:
    """One window of one file on one link."""

    comparison: Comparison
    link: Link
    server: StoreServer
    file: StoredFile
    url: str
    stac_url: str
    size: int

    def warm_up(self, scratch: Path) -> None:
        """Run every reader once and forget it: Python compiles modules the first time."""
        window = window_of_size(self.size)
        write_curl_config(scratch / "ranges", self.url, tile_ranges(Path(self.file.path), window))
        for reader in self.comparison.readers:
            self._run(reader, window, 0, "", scratch)

    def runs(self, scratch: Path) -> Iterator[Run]:
        """Run every reader on the window, round by round."""
        readers = [each for each in self.comparison.readers if self._takes_part(each)]
        if not readers:
            return
        window = window_of_size(self.size)
        write_curl_config(scratch / "ranges", self.url, tile_ranges(Path(self.file.path), window))
        expected = digest_window(self.file.path, window)
        for turn in range(self.comparison.rounds):
            shift = turn % len(readers)  # so that none always follows the same one
            for reader in readers[shift:] + readers[:shift]:
                yield self._run(reader, window, turn, expected, scratch)

    def _takes_part(self, reader: Reader) -> bool:
        return self.size <= LARGEST or (
            reader.name == "hrdem" and not self.link.rtt and self.file.codec == "lzw"
        )

    def _run(
        self, reader: Reader, window: SquareWindow, turn: int, expected: str, scratch: Path
    ) -> Run:
        output = scratch / "output.tif"
        extra = dict(reader.extra)
        if reader.needs_catalog:
            extra["stac_url"] = self.stac_url
        if reader.name == "floor":
            extra["ranges"] = str(scratch / "ranges")
        task = Task(self.url, window.column, window.row, window.size, str(output), extra)
        self.server.new_requests()
        took = self._measure(reader.command(task))
        requests = self.server.new_requests()
        if took["timed_out"]:
            outcome = f"timeout after {self.comparison.timeout:.0f} s"
        elif took["status"] != 0:
            outcome = f"failed with status {took['status']}"
        elif reader.name == "floor":
            outcome = EQUAL if all(request.status == 206 for request in requests) else "refused"
        else:
            outcome = compare_pixels(output, window, expected)
        for left in scratch.glob("output*"):
            left.unlink()
        first_tile, round_trips = self._first_tile(requests, took["began"])
        return Run(
            link=self.link.name,
            codec=self.file.codec,
            size=self.size,
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
        )

    def _measure(self, command: list[str]) -> dict[str, float | int | str | bool]:
        watch = [sys.executable, "-m", "benchmarks.stopwatch", str(self.comparison.timeout)]
        done = subprocess.run(
            [*self.link.on_user, *watch, *command],
            capture_output=True,
            check=True,
            timeout=self.comparison.timeout + _MARGIN,
        )
        return json.loads(done.stdout)

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
