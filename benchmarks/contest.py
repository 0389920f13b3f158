"""Run readers as cold processes, in turn, and note what each took."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import catalogue
from benchmarks.entrants import Entrant
from benchmarks.layout import BLOCK
from benchmarks.network import Line, line
from benchmarks.pixels import reference, verdict
from benchmarks.probe import Probe, probe
from benchmarks.readers.task import Task
from benchmarks.server import Answer, Server, server
from benchmarks.spans import spans, write_ranges
from benchmarks.store import COLUMNS, ITEM, ROWS, Place, StoredFile, place

LARGEST = min(COLUMNS, ROWS) * BLOCK  # pixels; a larger window is mostly sparse
FINE = "equal"
_MARGIN = 60.0  # seconds that the stopwatch itself may take


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one reader.

    Attributes:
        line: Name of the line.
        codec: Codec of the file that was read.
        size: Columns and rows of the window.
        reader: Label of the reader.
        turn: Round, from 0.
        outcome: ``"equal"`` if the pixels are right, else what was wrong.
        wall: Seconds from start to end of the process.
        cpu: Seconds, user and system, of the process and those it started.
        others: Seconds that the machine worked meanwhile for anything else.
        peak: Bytes of memory at the peak, of the largest process.
        requests: To the store.
        connections: On which they came.
        size_received: Bytes of bodies that the store sent.
        first_tile: Seconds from the start of the process to the arrival of the first request for
            tiles at the store, None if there was none.
        round_trips: Round trips in sequence up to the first byte of a tile, with the time that the
            reader spent between its requests, None on a line without a round trip time.
        opening: The requests up to the first for tiles: seconds since the first of them, first
            byte, bytes, number of the connection.
        words: The end of standard error.
    """

    line: str
    codec: str
    size: int
    reader: str
    turn: int
    outcome: str
    wall: float
    cpu: float
    others: float
    peak: int
    requests: int
    connections: int
    size_received: int
    first_tile: float | None
    round_trips: float | None
    opening: list[tuple[float, int, int, int]]
    words: str


@dataclass(frozen=True, slots=True)
class Contest:
    """What is to be measured.

    Attributes:
        lines: Names of the lines.
        files: The store's files.
        sizes: Of the windows.
        entrants: The readers.
        rounds: How often each runs.
        timeout: Seconds that a run may take.
        folder: For outputs and logs.
    """

    lines: Sequence[str]
    files: Sequence[StoredFile]
    sizes: Sequence[int]
    entrants: Sequence[Entrant]
    rounds: int
    timeout: float
    folder: Path


def runs(contest: Contest) -> Iterator[Run | Probe]:
    """Measure, and give each run when it is done; each line is probed before its runs."""
    with tempfile.TemporaryDirectory(dir=contest.folder, prefix="run-") as folder:
        scratch = Path(folder)
        for name in contest.lines:
            with line(name) as up, server(up, contest.folder, scratch / "nginx") as store:
                for number, file in enumerate(contest.files):
                    url = f"{store.base}/{file.codec}/{ITEM}-dtm.tif"
                    _warm(Path(file.path))
                    if number == 0:
                        yield probe(up, url, file.data_start)
                        store.answers()
                    with catalogue(up, url) as stac_url:
                        track = _Track(contest, up, store, file, url, stac_url, BLOCK)
                        if name == contest.lines[0] and number == 0:
                            track.warm_up(scratch)
                        for size in contest.sizes:
                            yield from dataclasses.replace(track, size=size).runs(scratch)


@dataclass(frozen=True, slots=True)
class _Track:
    """One window of one file on one line."""

    contest: Contest
    line: Line
    server: Server
    file: StoredFile
    url: str
    stac_url: str
    size: int

    def warm_up(self, scratch: Path) -> None:
        """Run every reader once and forget it: Python compiles modules the first time."""
        where = place(self.size)
        write_ranges(scratch / "ranges", self.url, spans(Path(self.file.path), where))
        for entrant in self.contest.entrants:
            self._run(entrant, where, 0, "", scratch)

    def runs(self, scratch: Path) -> Iterator[Run]:
        """Run every reader on the window, round by round."""
        entrants = [each for each in self.contest.entrants if self._admits(each)]
        if not entrants:
            return
        where = place(self.size)
        write_ranges(scratch / "ranges", self.url, spans(Path(self.file.path), where))
        expected = reference(self.file.path, where)
        for turn in range(self.contest.rounds):
            shift = turn % len(entrants)  # so that none always follows the same one
            for entrant in entrants[shift:] + entrants[:shift]:
                yield self._run(entrant, where, turn, expected, scratch)

    def _admits(self, entrant: Entrant) -> bool:
        return self.size <= LARGEST or (
            entrant.name == "hrdem" and not self.line.rtt and self.file.codec == "lzw"
        )

    def _run(self, entrant: Entrant, where: Place, turn: int, expected: str, scratch: Path) -> Run:
        output = scratch / "output.tif"
        extra = dict(entrant.extra)
        if entrant.asks_catalogue:
            extra["stac_url"] = self.stac_url
        if entrant.name == "floor":
            extra["ranges"] = str(scratch / "ranges")
        task = Task(self.url, where.column, where.row, where.size, str(output), extra)
        self.server.answers()
        took = self._measured(entrant.command(task))
        answers = self.server.answers()
        if took["timed_out"]:
            outcome = f"timeout after {self.contest.timeout:.0f} s"
        elif took["status"] != 0:
            outcome = f"failed with status {took['status']}"
        elif entrant.name == "floor":
            outcome = FINE if all(answer.status == 206 for answer in answers) else "refused"
        else:
            outcome = verdict(output, where, expected)
        for left in scratch.glob("output*"):
            left.unlink()
        first_tile, round_trips = self._beginning(answers, took["began"])
        return Run(
            line=self.line.name,
            codec=self.file.codec,
            size=self.size,
            reader=entrant.label,
            turn=turn,
            outcome=outcome,
            wall=took["wall"],
            cpu=took["cpu"],
            others=took["others"],
            peak=took["peak"],
            requests=len(answers),
            connections=len({answer.connection for answer in answers}),
            size_received=sum(answer.size for answer in answers),
            first_tile=first_tile,
            round_trips=round_trips,
            opening=_opening(answers, self.file.data_start),
            words=took["words"],
        )

    def _measured(self, command: list[str]) -> dict[str, float | int | str | bool]:
        watch = [sys.executable, "-m", "benchmarks.stopwatch", str(self.contest.timeout)]
        done = subprocess.run(
            [*self.line.on_user, *watch, *command],
            capture_output=True,
            check=True,
            timeout=self.contest.timeout + _MARGIN,
        )
        return json.loads(done.stdout)

    def _beginning(self, answers: list[Answer], began: float) -> tuple[float | None, float | None]:
        tiles = [
            answer.began
            for answer in answers
            if answer.method == "GET" and answer.start >= self.file.data_start
        ]
        if not tiles:
            return None, None
        # one round trip to connect, one for the tile itself; between lie those of header and index
        between = tiles[0] - answers[0].began
        round_trips = 2 + between / self.line.rtt if self.line.rtt else None
        return tiles[0] - began, round_trips


def _opening(answers: list[Answer], data_start: int) -> list[tuple[float, int, int, int]]:
    found = []
    for answer in answers:
        since = round(answer.began - answers[0].began, 3)
        found.append((since, answer.start, answer.size, answer.connection))
        if answer.method == "GET" and answer.start >= data_start:
            break
    return found


def _warm(path: Path) -> None:
    """Bring a file into the page cache; holes cost nothing."""
    with path.open("rb") as file:
        while file.read(16 << 20):
            pass
