"""Measure the making of older products from a local store: time, CPU and memory, with their goals.

    python -m benchmarks.legacy --vertical-grid ca_nrc_HT2_2010v70_CGG2013a.tif

The store is a download cache. A first run of each job fills it from the demonstration, which
computes its pixels while they are read; the runs that are measured read only the cache.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hrdem.demo import running

MAX_PEAK_BYTES = 300_000_000
TIMEOUT_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its goal.

    Attributes:
        name: What it makes.
        arguments: Of ``hrdem legacy``.
        max_seconds: Goal for its time; None for none.
    """

    name: str
    arguments: tuple[str, ...]
    max_seconds: float | None


JOBS = (
    Job("CDED, both cells of a 1:50,000 sheet", ("cded", "--nts", "031K01"), 10),
    Job("CDED, both cells of a 1:250,000 sheet", ("cded", "--nts", "031K"), None),
    Job("BC, the 26 files of a block", ("bc", "--nts", "104P"), 60),
)


def main() -> None:
    """Run the jobs and print a table in Markdown."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clean up
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the names of the jobs to run")
    parser.add_argument("--vertical-grid", type=Path, required=True, help="grid of the shifts")
    parser.add_argument("--folder", type=Path, help="for the store and the files, about 3 GB")
    arguments = parser.parse_args()
    jobs = [job for job in JOBS if arguments.only.lower() in job.name.lower()]
    print("| job | files | MB | time | goal | CPU | other CPU | peak memory | goal |")
    print("|---|---|---|---|---|---|---|---|---|")
    with running() as demo, tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for job in jobs:
            grid = str(arguments.vertical_grid.resolve())
            store = ("--stac-url", demo.stac, "--vertical-grid", grid, "--max-download", "20GB")
            print(_measure(job, store, Path(folder), arguments.rounds), flush=True)


def _measure(job: Job, service: tuple[str, ...], folder: Path, rounds: int) -> str:
    """Fill the store, run a job several times, and return a row of the table."""
    output = folder / "made"
    command = [
        *(sys.executable, "-m", "hrdem", "legacy", *job.arguments, *service, "-q"),
        *("-o", str(output), "--cache-dir", str(folder / "store")),
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    runs = []
    for _ in range(rounds):
        shutil.rmtree(output)
        runs.append(_time([*command, "--offline"]))
    files = [path for path in output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    shutil.rmtree(output)
    wall, cpu, other = (
        statistics.median(run[name] for run in runs) for name in ("wall", "cpu", "other_cpu")
    )
    peak = max(run["peak"] for run in runs)
    goal = "" if job.max_seconds is None else f"{job.max_seconds:.0f} s"
    return (
        f"| {job.name} | {len(files)} | {size:,.0f} | {wall:.1f} s | {goal} "
        f"| {cpu:.1f} s | {other:.1f} s | {peak / 1e6:.0f} MB | {MAX_PEAK_BYTES / 1e6:.0f} MB |"
    )


def _time(command: list[str]) -> dict[str, float]:
    """Run a command under the stopwatch, which is a process of its own.

    Raises:
        SystemExit: If the command fails, with its message.
    """
    stopwatch = [sys.executable, "-m", "benchmarks.stopwatch", str(TIMEOUT_SECONDS), *command]
    done = subprocess.run(stopwatch, capture_output=True, text=True, check=True)
    run: dict[str, float] = json.loads(done.stdout)
    if run["status"]:
        sys.exit(f"{' '.join(command)} ended with {run['status']}: {run['stderr']}")
    return run


if __name__ == "__main__":
    main()
