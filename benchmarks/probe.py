"""Measure a link with curl, and the cost of emulating it."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.links import Link

_ALONE, _TOGETHER, _CONNECTIONS = 24_000_000, 8_000_000, 8  # bytes of each transfer


@dataclass(frozen=True, slots=True)
class Probe:
    """A link as measured with curl.

    Attributes:
        link: Its name.
        connect: Seconds to connect, which is a round trip.
        alone: MB/s of 24 MB on one connection, with its slow start.
        together: MB/s of eight connections with 8 MB each.
        emulator: Share of a core that the emulator took meanwhile, 0 without one.
    """

    link: str
    connect: float
    alone: float
    together: float
    emulator: float


def probe(link: Link, url: str, start: int, environment: dict[str, str]) -> Probe:
    """Measure a link with ranges of a file that begin at a byte."""
    connect, _ = _fetch(link, [(url, start, 1)], environment)
    before, began = _processor_time(link.emulator), time.perf_counter()
    _, alone = _fetch(link, [(url, start, _ALONE)], environment)
    ranges = [(url, start + k * _TOGETHER, _TOGETHER) for k in range(_CONNECTIONS)]
    _, together = _fetch(link, ranges, environment)
    used = _processor_time(link.emulator) - before
    return Probe(
        link=link.name,
        connect=connect,
        alone=_ALONE / alone / 1e6,
        together=_CONNECTIONS * _TOGETHER / together / 1e6,
        emulator=used / (time.perf_counter() - began),
    )


def _fetch(
    link: Link, ranges: list[tuple[str, int, int]], environment: dict[str, str]
) -> tuple[float, float]:
    """Fetch ranges at the same time; return the time to connect, and that of the slowest."""
    command = [*link.on_user, "curl", "--silent", "--parallel", "--parallel-immediate"]
    for number, (url, start, length) in enumerate(ranges):
        command += ["--next"] if number else []
        command += ["--range", f"{start}-{start + length - 1}", "--output", os.devnull]
        command += ["--write-out", "%{time_connect} %{time_total}\n", url]
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    times = [tuple(map(float, each.split())) for each in done.stdout.splitlines()]
    return times[0][0], max(total for _, total in times)


def _processor_time(process: int | None) -> float:
    if process is None:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
