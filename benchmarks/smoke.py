"""A small benchmark that fails when hrdem got worse, or when the benchmark itself stopped working.

Makes a small store, whose tiles, layout and index are those of the live files, runs every installed
reader on it from the same machine and over an emulated link, and compares pixels, requests, bytes,
connections, memory and computing with `figures.toml`.

No figure is a time: on a machine with neighbours, the CPU seconds of the same work vary by a factor
of two. Computing is the number of instructions, which Valgrind counts, divided by that of
`readers/plain.py`, which does the same work in the plainest way with the same libraries. What the
kernel does for memory is not in it, and shows in page faults.

    python -m benchmarks.smoke
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.comparison import Case, open_case
from benchmarks.figures import MAX_RATIO, PATH, Key, judge, read_figures
from benchmarks.links import UnavailableError
from benchmarks.reader_list import Reader, installed_readers, parse_reader
from benchmarks.results import EQUAL, Run
from benchmarks.store import SMALL, stored_file

_LOOPBACK, _FAR = "loopback", "60ms-12MB/s-per-connection"
_SIZES = {_LOOPBACK: 4_096, _FAR: 1_024}  # of the windows
_COUNTED_SIZE = 2_048  # of the window whose instructions are counted
_PLAIN = "plain"
_HRDEM = "hrdem", "hrdem:no_cache=True", "hrdem:align=blocks"
_MEASURED = "hrdem", "hrdem:align=blocks"  # of computing and memory
_OTHERS = "floor", "rasterio-threads", "gdal_translate"
_NEAR_ONLY = "hrdem:no_cache=True"  # its requests are those of hrdem
_MIN_ROUNDS, _MAX_ROUNDS = 3, 11
_TIMEOUT = 120.0  # seconds of a run
_COUNTED_TIMEOUT = 900.0  # Valgrind takes 20 to 50 times as long
_VALGRIND = "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"


def main() -> None:
    """Run the benchmark; exit with 1 if a figure is worse than its limit."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    if shutil.which(_VALGRIND[0]) is None:
        sys.exit("The smoke benchmark needs Valgrind: apt-get install valgrind")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clean up
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["NUMPY_MADVISE_HUGEPAGE"] = "0"  # page faults would depend on free memory
    began = time.monotonic()
    recorded = read_figures(PATH.read_text("utf-8"))
    readers = list(installed_readers(map(parse_reader, (*_HRDEM, *_OTHERS))))
    measured: dict[Key, float] = {}
    with tempfile.TemporaryDirectory(prefix="hrdem-smoke-") as name:
        folder = Path(name)
        file = stored_file(folder, "lzw", SMALL)
        with open_case(_LOOPBACK, file, folder / "run", _TIMEOUT) as case:
            measured |= dict(_count(case, readers))
            measured |= _measure_memory(case, recorded)
            measured |= _count_instructions(case)
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


def _measure_memory(case: Case, recorded: dict[Key, float]) -> dict[Key, float]:
    """Return peaks and page faults: lower quartiles of several rounds, on one core.

    A figure above its limit gets more rounds.
    """
    core = str(max(os.sched_getaffinity(0)))
    pinned = dataclasses.replace(case, prefix=("taskset", "--cpu-list", core))
    readers = [*map(parse_reader, _MEASURED)]
    link = case.link.name
    values: defaultdict[Key, list[float]] = defaultdict(list)
    quartiles: dict[Key, float] = {}
    for turn in range(_MAX_ROUNDS):
        for run in _checked(pinned.runs(_SIZES[link], readers, 1)):
            values[link, run.reader, "peak MB"].append(run.peak / 1e6)
            values[link, run.reader, "page faults"].append(run.page_faults)
        quartiles = {key: sorted(found)[len(found) // 4] for key, found in values.items()}
        known = {key: recorded[key] for key in quartiles if key in recorded}
        if turn + 1 >= _MIN_ROUNDS and all(
            quartiles[key] <= MAX_RATIO * value for key, value in known.items()
        ):
            break
    return quartiles


def _count_instructions(case: Case) -> dict[Key, float]:
    """Return instructions over those of the plain reader."""

    def count(label: str) -> int:
        folder = case.scratch / label.replace(":", "-")
        folder.mkdir()
        log = folder / "valgrind.log"
        counting = dataclasses.replace(
            case,
            scratch=folder,
            timeout=_COUNTED_TIMEOUT,
            prefix=(*_VALGRIND, f"--log-file={log}"),
        )
        for run in counting.runs(_COUNTED_SIZE, [parse_reader(label)], 1):
            _check(run)
        found = re.search(r"I\s+refs:\s+([\d,]+)", log.read_text("utf-8"))
        if found is None:
            sys.exit(f"Valgrind counted no instructions of {label}: {log.read_text('utf-8')}")
        number = int(found[1].replace(",", ""))
        print(f"{case.link.name}  {_COUNTED_SIZE}  {label}: {number:,} instructions", flush=True)
        return number

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        plain, *others = threads.map(count, (_PLAIN, *_MEASURED))
    return {
        (case.link.name, label, "instructions"): number / plain
        for label, number in zip(_MEASURED, others, strict=True)
    }


def _checked(runs: Iterable[Run]) -> Iterator[Run]:
    """Print each run; exit with a message if one failed or has other pixels."""
    for run in runs:
        print(run.summary, flush=True)
        _check(run)
        yield run


def _check(run: Run) -> None:
    if run.outcome != EQUAL:
        sys.exit(f"{run.reader} on {run.link}: {run.outcome}\n{run.stderr}")


if __name__ == "__main__":
    main()
