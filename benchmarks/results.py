"""The results of runs, as they are stored in JSON."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.probe import Probe

EQUAL = "equal"
BEFORE = "before"  # label of the hrdem of an earlier checkout
_ROOT = Path(__file__).parents[1]


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
        tls: Whether store and catalogue were on HTTPS.
        catalog_ms: Milliseconds that the catalogue took for each response.
        page_faults: How often the kernel had to provide a page of memory.
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
    tls: bool = False
    catalog_ms: int = 0
    page_faults: int = 0

    @property
    def summary(self) -> str:
        """One line for people."""
        message = "" if self.outcome == EQUAL else f"  {self.stderr.rpartition(chr(10))[2]}"
        cpu = f"{self.cpu:6.2f} CPU, {self.other_cpu:.2f} other"
        taken = f"{self.wall:7.2f} s  {cpu}  {self.peak / 1e6:5.0f} MB"
        moved = f"{self.requests} requests on {self.connections}, {self.size_received / 1e6:.1f} MB"
        case = f"{self.link}  {self.codec}  {self.size}  {self.round + 1}"
        return f"{case}  {self.reader:18} {taken}  {moved}  {self.outcome}{message}"


@dataclass(frozen=True, slots=True)
class Results:
    """Runs of one state of the code on one machine.

    Attributes:
        commit: Of the code, with a plus sign if it was changed since.
        date: When they were made, as ISO 8601.
        machine: Description of the machine.
        versions: Of readers, libraries and programs.
        commands: Command lines that made them.
        links: Measurements of the links.
        runs: The runs.
    """

    commit: str
    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    commands: tuple[str, ...]
    links: tuple[Probe, ...]
    runs: tuple[Run, ...]

    def to_json(self) -> str:
        """Write them with a line for each run, without what is of use only at once."""
        head = {
            name: value for name, value in asdict(self).items() if name not in ("links", "runs")
        }
        runs = (asdict(run) | {"opening": [], "stderr": ""} for run in self.runs)
        parts = [f'"{name}": {json.dumps(value)}' for name, value in head.items()]
        for name, rows in (("links", map(asdict, self.links)), ("runs", runs)):
            lines = ",\n".join(map(json.dumps, rows))
            parts.append(f'"{name}": [\n{lines}\n]')
        return "{" + ",\n".join(parts) + "}\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
        """Read what `to_json` wrote."""
        found: dict[str, Any] = json.loads(text)
        found["commands"] = tuple(found["commands"])
        found["links"] = tuple(Probe(**each) for each in found["links"])
        found["runs"] = tuple(Run(**each) for each in found["runs"])
        return cls(**found)


def new_results(
    versions: dict[str, str], command: str, links: Sequence[Probe], runs: Sequence[Run]
) -> Results:
    """Return results of this machine, of now, and of the code as it is checked out."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine = describe_machine()
    return Results(commit(), today, machine, versions, (command,), tuple(links), tuple(runs))


def join_results(every: Iterable[Results]) -> Results:
    """Join results of the same state of the code.

    Raises:
        ValueError: If they are of several commits or machines.
    """
    first, *others = every
    for other in others:
        if (other.commit, other.machine) != (first.commit, first.machine):
            raise ValueError(
                f"Results of {first.commit} and {other.commit}, or of two machines, cannot be "
                "joined: measure all of them again."
            )
    parts = (first, *others)
    links = {probe.link: probe for each in parts for probe in each.links}
    return Results(
        commit=first.commit,
        date=max(each.date for each in parts),
        machine=first.machine,
        versions=first.versions,
        commands=tuple(command for each in parts for command in each.commands),
        links=tuple(links.values()),
        runs=tuple(run for each in parts for run in each.runs),
    )


def commit(checkout: Path = _ROOT) -> str:
    """Return the commit of a checkout, with a plus sign if it was changed since."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty=+", "--abbrev=10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def describe_machine() -> dict[str, str]:
    """Return processor, cores, memory and kernel of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
