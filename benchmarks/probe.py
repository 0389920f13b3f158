"""What a line really is like, and what carrying it costs."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.network import Line

_ALONE, _TOGETHER, _CONNECTIONS = 24_000_000, 8_000_000, 8  # bytes of each transfer


@dataclass(frozen=True, slots=True)
class Probe:
    """A line as measured with curl.

    Attributes:
        line: Its name.
        connect: Seconds to connect, which is a round trip.
        alone: MB/s of 24 MB on one connection, with its slow start.
        together: MB/s of eight connections with 8 MB each.
        carrier: Share of a core that the emulator took meanwhile, 0 without one.
    """

    line: str
    connect: float
    alone: float
    together: float
    carrier: float


def probe(line: Line, url: str, start: int) -> Probe:
    """Measure a line with ranges of a file that begin at a byte."""
    connect, _ = _fetch(line, [(url, start, 1)])
    before, began = _processor_time(line.carrier), time.perf_counter()
    _, alone = _fetch(line, [(url, start, _ALONE)])
    ranges = [(url, start + k * _TOGETHER, _TOGETHER) for k in range(_CONNECTIONS)]
    _, together = _fetch(line, ranges)
    used = _processor_time(line.carrier) - before
    return Probe(
        line=line.name,
        connect=connect,
        alone=_ALONE / alone / 1e6,
        together=_CONNECTIONS * _TOGETHER / together / 1e6,
        carrier=used / (time.perf_counter() - began),
    )


def _fetch(line: Line, ranges: list[tuple[str, int, int]]) -> tuple[float, float]:
    """Fetch ranges at a time; return the time to connect, and that of the slowest."""
    command = [*line.on_user, "curl", "--silent", "--parallel", "--parallel-immediate"]
    for number, (url, start, length) in enumerate(ranges):
        command += ["--next"] if number else []
        command += ["--range", f"{start}-{start + length - 1}", "--output", os.devnull]
        command += ["--write-out", "%{time_connect} %{time_total}\n", url]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    times = [tuple(map(float, each.split())) for each in done.stdout.splitlines()]
    return times[0][0], max(total for _, total in times)


def _processor_time(process: int | None) -> float:
    if process is None:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
