"""The results as a document."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.aims import aims_table
from benchmarks.contest import FINE, LARGEST, Run
from benchmarks.entrants import versions
from benchmarks.network import LINES
from benchmarks.probe import Probe

_NOTES = """\
Each run is a process of its own that starts cold and writes one window as a local GeoTIFF; the
readers take turns, and a figure is the median of the rounds in which the pixels were right. The
window is not aligned to tiles. Every output is compared with the pixels of the store's file.

- **wall**: seconds from start to end of the process, with the start of the interpreter.
- **CPU**: user and system seconds of the process and all that it started.
- **other**: seconds that the machine worked meanwhile for anything else: the server, the emulated
  line, and strangers. Where it is large, wall is not to be trusted.
- **peak**: resident memory of its largest process.
- **requests, connections, MB**: as the store's log has them; MB of 10^6 bytes of bodies.
- **x floor**: wall over that of the floor. The floor is an interpreter that becomes curl: the exact
  bytes of the tiles, known beforehand, over 16 connections, decoded and written by nobody.
- **x hrdem**: wall over that of hrdem; above 1, hrdem is faster.
- **round trips**: in sequence until the first byte of a tile arrives: one to connect, those up to
  the first request for tiles, and that request's own. Measured as the time between the first
  request and the first request for tiles at the store, over the round trip time, plus two. So it
  has in it what the reader computes meanwhile, and the further round trips that TCP's slow start
  takes for answers above 14 kB. The catalogue answers on the user's side and is not in it.

hrdem searches a catalogue, checks the file's version with each request, and writes provenance; the
others are given the file's address. All write DEFLATE level 1 with predictor 3 in tiles of 512,
but guide, which writes what the steps of the agency's example give: no compression.
"""


_LINE_NOTES = """\
Two network namespaces, joined by a program that delays the packets and limits their rate
(`benchmarks/link.py`): Linux's TCP with cubic, segments of 1,500 bytes, a queue of 300 ms.

As measured with curl before the readers ran: the time to connect, MB/s of one connection (24 MB)
and of eight (64 MB in all), both with their slow start, and the share of a core that the emulator
took meanwhile; it takes it from the readers, which run on the same machine.
"""


def document(
    runs: Sequence[Run], probes: Sequence[Probe], commands: Sequence[str], remarks: str
) -> str:
    """Write the results as Markdown.

    Args:
        runs: Every run.
        probes: What was measured of the lines.
        commands: The command lines that gave them.
        remarks: Text to put before everything measured.
    """
    return "\n".join(
        [
            "# Benchmarks",
            "",
            *([remarks, ""] if remarks else []),
            "Measured by",
            "",
            *(f"    {command}" for command in commands),
            "",
            _NOTES,
            "## Machine",
            "",
            *_table(("", ""), machine().items()),
            "",
            "## Versions",
            "",
            *_table(("", ""), versions().items()),
            "",
            "## Lines",
            "",
            _LINE_NOTES,
            *_lines(probes),
            "",
            "## Aims",
            "",
            *aims_table(runs),
            "",
            *_results(runs),
        ]
    )


def _lines(probes: Iterable[Probe]) -> Iterator[str]:
    head = "line", "connect ms", "one MB/s", "eight MB/s", "emulator"
    yield from _table(
        head,
        (
            (
                each.line,
                _number(1e3 * each.connect, 1),
                _number(each.alone, 1),
                _number(each.together, 1),
                f"{each.carrier:.0%}",
            )
            for each in probes
        ),
    )


def machine() -> dict[str, str]:
    """What the measurements ran on."""
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


def _results(runs: Sequence[Run]) -> Iterator[str]:
    for line in dict.fromkeys(run.line for run in runs):
        yield f"## {line}"
        yield ""
        if rtt := LINES[line][0]:
            yield f"{rtt:.0f} ms round trip; {' '.join(LINES[line][1])} (MB/s)."
            yield ""
        here = [run for run in runs if run.line == line]
        for codec, size in dict.fromkeys((run.codec, run.size) for run in here):
            chosen = [run for run in here if (run.codec, run.size) == (codec, size)]
            sparse = ", mostly sparse ground" if size > LARGEST else ""
            yield f"### {size} x {size} pixels of the {codec.upper()} file{sparse}"
            yield ""
            yield from _standing(chosen)
            yield ""


def _standing(runs: Sequence[Run]) -> Iterator[str]:
    walls = {
        reader: _median(run.wall for run in _fine(runs, reader))
        for reader in dict.fromkeys(run.reader for run in runs)
    }
    floor, own = walls.get("floor"), walls.get("hrdem")
    head = ("reader", "wall s", "(range)", "CPU s", "other", "peak MB", "requests", "connections",
            "MB", "x floor", "x hrdem", "round trips", "pixels")  # fmt: skip
    rows = []
    for reader, wall in sorted(walls.items(), key=lambda pair: pair[1] or float("inf")):
        fine = _fine(runs, reader)
        every = [run for run in runs if run.reader == reader]
        seconds = [run.wall for run in fine]
        trips = [run.round_trips for run in fine if run.round_trips is not None]
        rows.append(
            (
                reader,
                _number(wall, 2),
                f"{min(seconds):.2f}-{max(seconds):.2f}" if seconds else "",
                _number(_median(run.cpu for run in fine), 2),
                _number(_median(run.others for run in fine), 2),
                "" if reader == "floor" else _number(_median(run.peak / 1e6 for run in fine), 0),
                _number(_median(run.requests for run in fine), 0),
                _number(_median(run.connections for run in fine), 0),
                _number(_median(run.size_received / 1e6 for run in fine), 1),
                _number(wall / floor if wall and floor else None, 2),
                _number(wall / own if wall and own else None, 2),
                _number(_median(trips), 1),
                _outcomes(every),
            )
        )
    yield from _table(head, rows)


def _fine(runs: Iterable[Run], reader: str) -> list[Run]:
    return [run for run in runs if run.reader == reader and run.outcome == FINE]


def _outcomes(runs: Sequence[Run]) -> str:
    wrong = [run.outcome for run in runs if run.outcome != FINE]
    if not wrong:
        return "-" if runs[0].reader == "floor" else "equal"
    words = "; ".join(dict.fromkeys(wrong))
    return f"{words} ({len(wrong)} of {len(runs)})"


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
