"""The results as a Markdown document."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import EQUAL, LARGEST, Run
from benchmarks.links import LINKS
from benchmarks.probe import Probe
from benchmarks.reader_list import versions
from benchmarks.targets import targets_table

_NOTES = """\
Each run is a separate process that starts cold and writes one window as a local GeoTIFF. Readers
take turns, and a figure is the median of the rounds with correct pixels. The window is not aligned
to tiles. Every output is compared with the pixels of the store's file.

- **wall**: seconds from start to end of the process, including the start of the interpreter.
- **CPU**: user and system seconds of the process and of all that it started.
- **other**: CPU seconds that the machine spent on anything else meanwhile: the server, the emulated
  link, other programs. If it is large, do not trust wall.
- **peak**: resident memory of its largest process.
- **requests, connections, MB**: from the store's log; MB of 10^6 bytes of bodies.
- **x floor**: wall divided by that of the floor. The floor is an interpreter that becomes curl: the
  exact bytes of the tiles, known beforehand, over 16 connections, neither decoded nor written.
- **x hrdem**: wall divided by that of hrdem; above 1, hrdem is faster.
- **round trips**: in sequence until the first byte of a tile arrives: one to connect, those up to
  the first request for tiles, and that request's own. Measured as the time between the first
  request and the first request for tiles at the store, divided by the round trip time, plus two.
  So it includes what the reader computes meanwhile, and the further round trips of TCP's slow
  start for responses above 14 kB. The catalogue is on the user's side and is not included.

hrdem searches a catalogue, checks the file's version with each request, and writes provenance; the
others get the file's address. All write DEFLATE level 1 with predictor 3 in tiles of 512, except
guide, which writes what the steps of the agency's example give: no compression.
"""


_LINK_NOTES = """\
Two network namespaces, joined by a program that delays the packets and limits their rate
(`benchmarks/link_emulator.py`): Linux's TCP with cubic, segments of 1,500 bytes, a queue of 300 ms.

Measured with curl before the readers ran: the time to connect, MB/s of one connection (24 MB) and
of eight (64 MB in all), both with their slow start, and the share of a core that the emulator used
meanwhile, on the machine that the readers run on.
"""


def document(
    runs: Sequence[Run], probes: Sequence[Probe], commands: Sequence[str], remarks: str
) -> str:
    """Write the results as Markdown.

    Args:
        runs: Every run.
        probes: Measurements of the links.
        commands: The command lines that produced them.
        remarks: Text to put before the results.
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
            "## Links",
            "",
            _LINK_NOTES,
            *_probes(probes),
            "",
            "## Targets",
            "",
            *targets_table(runs),
            "",
            *_results(runs),
        ]
    )


def _probes(probes: Iterable[Probe]) -> Iterator[str]:
    head = "link", "connect ms", "one MB/s", "eight MB/s", "emulator"
    yield from _table(
        head,
        (
            (
                each.link,
                _number(1e3 * each.connect, 1),
                _number(each.alone, 1),
                _number(each.together, 1),
                f"{each.emulator:.0%}",
            )
            for each in probes
        ),
    )


def machine() -> dict[str, str]:
    """Return a description of this machine."""
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
    for link in dict.fromkeys(run.link for run in runs):
        yield f"## {link}"
        yield ""
        if rtt := LINKS[link][0]:
            yield f"{rtt:.0f} ms round trip; {' '.join(LINKS[link][1])} (MB/s)."
            yield ""
        here = [run for run in runs if run.link == link]
        for codec, size in dict.fromkeys((run.codec, run.size) for run in here):
            chosen = [run for run in here if (run.codec, run.size) == (codec, size)]
            sparse = ", mostly sparse ground" if size > LARGEST else ""
            yield f"### {size} x {size} pixels of the {codec.upper()} file{sparse}"
            yield ""
            yield from _readers_table(chosen)
            yield ""


def _readers_table(runs: Sequence[Run]) -> Iterator[str]:
    walls = {
        reader: _median(run.wall for run in _with_equal_pixels(runs, reader))
        for reader in dict.fromkeys(run.reader for run in runs)
    }
    floor, own = walls.get("floor"), walls.get("hrdem")
    head = ("reader", "wall s", "(range)", "CPU s", "other", "peak MB", "requests", "connections",
            "MB", "x floor", "x hrdem", "round trips", "pixels")  # fmt: skip
    rows = []
    for reader, wall in sorted(walls.items(), key=lambda pair: pair[1] or float("inf")):
        equal = _with_equal_pixels(runs, reader)
        every = [run for run in runs if run.reader == reader]
        seconds = [run.wall for run in equal]
        trips = [run.round_trips for run in equal if run.round_trips is not None]
        rows.append(
            (
                reader,
                _number(wall, 2),
                f"{min(seconds):.2f}-{max(seconds):.2f}" if seconds else "",
                _number(_median(run.cpu for run in equal), 2),
                _number(_median(run.other_cpu for run in equal), 2),
                "" if reader == "floor" else _number(_median(run.peak / 1e6 for run in equal), 0),
                _number(_median(run.requests for run in equal), 0),
                _number(_median(run.connections for run in equal), 0),
                _number(_median(run.size_received / 1e6 for run in equal), 1),
                _number(wall / floor if wall and floor else None, 2),
                _number(wall / own if wall and own else None, 2),
                _number(_median(trips), 1),
                _outcomes(every),
            )
        )
    yield from _table(head, rows)


def _with_equal_pixels(runs: Iterable[Run], reader: str) -> list[Run]:
    return [run for run in runs if run.reader == reader and run.outcome == EQUAL]


def _outcomes(runs: Sequence[Run]) -> str:
    wrong = [run.outcome for run in runs if run.outcome != EQUAL]
    if not wrong:
        return "-" if runs[0].reader == "floor" else "equal"
    reasons = "; ".join(dict.fromkeys(wrong))
    return f"{reasons} ({len(wrong)} of {len(runs)})"


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
