"""A small benchmark that fails when hrdem got worse, or when the benchmark itself stopped working.

Makes a small store, whose tiles, layout and index are those of the live files, runs every installed
reader on it from the same machine and over an emulated link, and compares pixels, requests, bytes,
connections, memory and computing with `figures.toml`. No figure is a time on the clock.

CPU seconds of a machine with neighbours vary by a factor of two. So they are divided by those of
`readers/plain.py`, which does the same work in the plainest way, in the same round and on the same
single core, and the lower quartile of several rounds counts: noise mostly adds. A figure above its
limit gets more rounds.

    python -m benchmarks.smoke
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.comparison import Case, open_case
from benchmarks.figures import MAX_RATIO, PATH, Key, judge, read_figures
from benchmarks.links import UnavailableError
from benchmarks.reader_list import Reader, installed_readers, parse_reader
from benchmarks.results import EQUAL, Run
from benchmarks.store import SMALL, stored_file

_LOOPBACK, _FAR = "loopback", "60ms-12MB/s-per-connection"
_SIZES = {_LOOPBACK: 4_096, _FAR: 1_024}  # of the windows
_PLAIN = "plain"
_HRDEM = "hrdem", "hrdem:no_cache=True", "hrdem:align=blocks"
_MEASURED = "hrdem", "hrdem:align=blocks"  # of CPU and memory
_OTHERS = "floor", "rasterio-threads", "gdal_translate"
_NEAR_ONLY = "hrdem:no_cache=True"  # its requests are those of hrdem
_MIN_ROUNDS, _MAX_ROUNDS = 3, 11
_TIMEOUT = 120.0  # seconds of a run


def main() -> None:
    """Run the benchmark; exit with 1 if a figure is worse than its limit."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clean up
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.monotonic()
    recorded = read_figures(PATH.read_text("utf-8"))
    readers = list(installed_readers(map(parse_reader, (*_HRDEM, *_OTHERS))))
    measured: dict[Key, float] = {}
    with tempfile.TemporaryDirectory(prefix="hrdem-smoke-") as name:
        folder = Path(name)
        file = stored_file(folder, "lzw", SMALL)
        with open_case(_LOOPBACK, file, folder / "run", _TIMEOUT) as case:
            measured |= dict(_count(case, readers))
            measured |= _measure(case, recorded)
        try:
            with open_case(_FAR, file, folder / "run", _TIMEOUT) as case:
                far = [each for each in readers if each.label != _NEAR_ONLY]
                measured |= dict(_count(case, far))
        except UnavailableError as exc:
            print(f"{_FAR}: SKIPPED: {exc}")
    verdicts = judge(recorded, measured)
    print(*verdicts, sep="\n")
    print(f"{time.monotonic() - began:.0f} s")
    if not all(verdict.passes for verdict in verdicts):
        sys.exit("Make it better, or add the new value with its reason to benchmarks/figures.toml.")


def _count(case: Case, readers: Sequence[Reader]) -> Iterator[tuple[Key, float]]:
    """Run every reader once; yield what hrdem requested, and its memory."""
    link = case.link.name
    for run in _checked(case.runs(_SIZES[link], readers, 1)):
        if run.reader in _HRDEM:
            yield (link, run.reader, "requests"), run.requests
            yield (link, run.reader, "connections"), run.connections
            yield (link, run.reader, "MB"), run.size_received / 1e6
            yield (link, run.reader, "peak MB"), run.peak / 1e6


def _measure(case: Case, recorded: dict[Key, float]) -> dict[Key, float]:
    """Return CPU over that of the plain reader, and memory: lower quartiles, on one core."""
    core = str(max(os.sched_getaffinity(0)))
    pinned = dataclasses.replace(case, prefix=("taskset", "--cpu-list", core))
    readers = [*map(parse_reader, (_PLAIN, *_MEASURED))]
    link = case.link.name
    values: defaultdict[Key, list[float]] = defaultdict(list)
    quartiles: dict[Key, float] = {}
    for turn in range(_MAX_ROUNDS):
        runs = {run.reader: run for run in _checked(pinned.runs(_SIZES[link], readers, 1))}
        for each in _MEASURED:
            values[link, each, "CPU"].append(runs[each].cpu / runs[_PLAIN].cpu)
            values[link, each, "peak MB"].append(runs[each].peak / 1e6)
        quartiles = {key: sorted(found)[len(found) // 4] for key, found in values.items()}
        known = {key: recorded[key] for key in quartiles if key in recorded}
        if turn + 1 >= _MIN_ROUNDS and all(
            quartiles[key] <= MAX_RATIO * value for key, value in known.items()
        ):
            break
    return quartiles


def _checked(runs: Iterable[Run]) -> Iterator[Run]:
    """Print each run; exit with a message if one failed or has other pixels."""
    for run in runs:
        print(run.summary, flush=True)
        if run.outcome != EQUAL:
            sys.exit(f"{run.reader} on {run.link}: {run.outcome}\n{run.stderr}")
        yield run


if __name__ == "__main__":
    main()
