"""Soak test: extract random areas from a store that misbehaves, and kill runs at random.

A run that was killed or failed is repeated, with the same command, until the output is there. Then
each pixel is compared with the terrain function. Files are republished meanwhile: all pixels of a
file must be of one edition.

    python -m benchmarks.soak --jobs 300 --output docs/reliability.md
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.insert_table import insert_table
from benchmarks.terrain_check import split_by_file
from benchmarks.unruly_store import EDITIONS, Store
from hrdem.demo import running
from tests.misbehaving import Misbehaving, misbehaving

_WORKERS = 2
MAX_TRIES = 25  # of a job
_CORNERS = ((1_500_000, 0), (1_000_000, 0), (1_500_000, 500_000))  # where four of them meet
_REPUBLISH_SHARE = 0.002
_KILL_SHARE, _INTERRUPT_SHARE = 0.4, 0.1  # of the runs
_CACHE = "60MB"


@dataclass
class Figures:
    """Counts of a soak test.

    Attributes:
        codes: Runs by exit code.
        faults: Faults of the store by kind.
        jobs: Finished jobs.
        pixels: Compared pixels.
        wrong: Wrong pixels.
        defects: Descriptions of what must not happen.
        needed: Bytes of files that were sent, counted once per job.
        again: Bytes of files that were sent again within a job.
    """

    codes: collections.Counter[int] = field(default_factory=collections.Counter)
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    jobs: int = 0
    pixels: int = 0
    wrong: int = 0
    needed: int = 0
    again: int = 0
    defects: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Job:
    """An area to extract.

    Attributes:
        box: Left, bottom, right, top in EPSG:3979.
        product: dtm or dsm.
        collection: 1m or 2m.
        options: Further options.
    """

    box: tuple[int, int, int, int]
    product: str
    collection: str
    options: tuple[str, ...]

    @classmethod
    def draw(cls, chance: random.Random) -> Job:
        """Draw a random job near a corner of sub-tiles."""
        collection = chance.choice(("1m", "1m", "2m"))
        step = 2 if collection == "2m" else 1
        x, y = chance.choice(_CORNERS)
        width, height = (step * chance.randint(20, 1_600) for _ in range(2))
        left = x - step * chance.randint(-2_000, 3_000)
        top = y + step * chance.randint(-2_000, 3_000)
        options: list[str] = []
        if collection == "1m" and chance.random() < 0.15:
            options += ["--via", "wcs"]
        if chance.random() < 0.1:
            options += ["--format", "cog"]
        if chance.random() < 0.3:
            options += ["--on-change", "restart"]
        box = (left, top - height, left + width, top)
        return cls(box, chance.choice(("dtm", "dsm")), collection, tuple(options))


def work(number: int, jobs: int, seed: int, upstreams: dict[int, str], figures: Figures) -> None:
    """Run jobs one after the other."""
    chance = random.Random(f"{seed} {number}")
    store = Store(upstreams, chance.randrange(1 << 30), _REPUBLISH_SHARE)
    with tempfile.TemporaryDirectory() as folder, misbehaving(store.respond) as server:
        for _ in range(jobs):
            job = Job.draw(chance)
            store.reset_counts()
            with tempfile.TemporaryDirectory(dir=folder) as room:
                _run_job(job, Path(room), Path(folder, "cache"), server, chance, figures)
            sent = store.count_bytes()
            with figures.lock:
                figures.jobs += 1
                figures.needed += sent.once
                figures.again += sent.again
    with figures.lock:
        figures.faults += store.faults


def _run_job(
    job: Job, room: Path, cache: Path, server: Misbehaving, chance: random.Random, figures: Figures
) -> None:
    output = room / "a.tif"
    command = [
        *(sys.executable, "-m", "benchmarks.short_timeouts", "extract", "-q"),
        *(f"--bbox={','.join(map(str, job.box))}", "--bbox-crs", "EPSG:3979"),
        *("--product", job.product, "--collection", job.collection, *job.options),
        *("--stac-url", f"{server.url}/stac/api/", "--wcs-url", f"{server.url}/ows/elevation"),
        *("--cache-dir", str(cache), "--max-cache", _CACHE, "-o", str(output)),
    ]
    for tried in range(1, MAX_TRIES + 1):
        code, stderr = _run(command, chance, calm=tried > MAX_TRIES - 5)
        with figures.lock:
            figures.codes[code] += 1
        if code == 0 or output.exists():  # killed when it was done
            break
        expected = (4, 5, 6, 130, -signal.SIGKILL)
        if code not in expected or "Traceback" in stderr:
            figures.defects.append(f"exit {code}: {' '.join(command[3:])}: {stderr[-600:]}")
        left = [path.name for path in room.iterdir() if not path.name.startswith(".hrdem-")]
        if left:
            figures.defects.append(f"exit {code} left {left}")
        if code == 4:
            break
    else:
        figures.defects.append(f"no output after {MAX_TRIES} runs: {' '.join(command[3:])}")
        return
    if code == 0 and sorted(path.name for path in room.iterdir()) != ["a.stac.json", "a.tif"]:
        time.sleep(0.6)
        stale = [path.name for path in room.iterdir()]
        figures.defects.append(f"after success there are {stale}")
    pixels, wrong = _count_wrong(job, output if code != 4 else None)
    with figures.lock:
        figures.pixels += pixels
        figures.wrong += wrong


def _run(command: list[str], chance: random.Random, *, calm: bool) -> tuple[int, str]:
    """Run a command; kill or interrupt it at a random time, or never."""
    dice = chance.random()  # too early, Python itself would handle Ctrl-C
    moment = chance.uniform(0.3 if dice < _KILL_SHARE else 1.0, 2.0)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        if calm or dice > _KILL_SHARE + _INTERRUPT_SHARE:
            _, stderr = process.communicate(timeout=300)
        else:
            _, stderr = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL if dice < _KILL_SHARE else signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr


def _count_wrong(job: Job, output: Path | None) -> tuple[int, int]:
    """Return the number of pixels, and of those that are not of one edition of their file."""
    left, bottom, right, top = job.box
    step = 2 if job.collection == "2m" else 1
    width, height = -(-(right - left) // step), -(-(top - bottom) // step)
    found = np.full((height, width), -32767, np.float32)
    if output is not None:
        with rasterio.open(output) as dataset:
            if (dataset.width, dataset.height) != (width, height):
                return width * height, width * height
            found = dataset.read(1)
    parts = split_by_file(found, left, top, step, job.product, job.collection)
    return found.size, sum(part.wrong for part in parts)


def report(figures: Figures, seconds: float, seed: int) -> str:
    """Return the figures as Markdown."""
    runs = figures.codes.total()
    kills = figures.codes[-signal.SIGKILL]
    names = {0: "whole", 4: "no data", 5: "failed", 6: "source changed", 130: "interrupted"}
    ends = ", ".join(
        f"{figures.codes[code]} {name}" for code, name in names.items() if figures.codes[code]
    )
    again = 100 * figures.again / max(figures.needed, 1)
    rows = [
        ("jobs", f"{figures.jobs:,}"),
        ("runs", f"{runs:,}: {ends}, {kills} killed"),
        ("faults", f"{figures.faults.total():,}"),
        *((f"&nbsp; {name}", f"{count:,}") for name, count in sorted(figures.faults.items())),
        ("pixels compared", f"{figures.pixels:,}"),
        ("wrong pixels", f"{figures.wrong:,}"),
        ("defects, leftovers, partial outputs", f"{len(figures.defects):,}"),
        ("bytes of files that were needed", f"{figures.needed:,}"),
        ("bytes that were sent again", f"{figures.again:,} ({again:.1f} %)"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"`python -m benchmarks.soak --jobs {figures.jobs} --seed {seed}`, {seconds / 60:.0f} "
        f"minutes, {_WORKERS} runs at a time:\n\n| | |\n|---|---|\n{table}\n"
    )


def main() -> None:
    """Run the soak test and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="Markdown file with markers for the report")
    arguments = parser.parse_args()
    figures, begun = Figures(), time.monotonic()
    with running(edition=1) as first, running(edition=2) as second:
        upstreams = dict(zip(EDITIONS, (first.url, second.url), strict=True))
        share = -(-arguments.jobs // _WORKERS)
        with ThreadPoolExecutor(_WORKERS) as pool:
            working = [
                pool.submit(work, number, share, arguments.seed, upstreams, figures)
                for number in range(_WORKERS)
            ]
            for each in working:
                each.result()
    table = report(figures, time.monotonic() - begun, arguments.seed)
    print(table, *figures.defects, sep="\n")
    if arguments.output:
        insert_table(arguments.output, "soak", table)
    sys.exit(bool(figures.wrong or figures.defects))


if __name__ == "__main__":
    main()
