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
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio

from hrdem.demo import running
from hrdem.demo.terrain import heights
from tests.misbehaving import Misbehaving, Reply, ServerRequest, forward, misbehaving

EDITIONS = (1, 2)
_WORKERS = 2
MAX_TRIES = 25  # of a job
_EDGE = 500_000  # metres of a sub-tile
_CORNERS = ((1_500_000, 0), (1_000_000, 0), (1_500_000, 500_000))  # where four of them meet
Fault = Callable[[Reply], tuple[str, Reply]]

_MARKS = "<!-- soak -->", "<!-- /soak -->"
_FAULT_SHARE = 0.12  # of the requests for parts of files
_REPUBLISH_SHARE = 0.002
_KILL_SHARE, _INTERRUPT_SHARE = 0.4, 0.1  # of the runs
_CACHE = "60MB"
_DELAY = 0.08  # seconds before each response, as on a network


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


class Store:
    """A store of two editions with random faults."""

    def __init__(self, upstreams: dict[int, str], figures: Figures, seed: int) -> None:
        self._upstreams = upstreams
        self._figures = figures
        self._chance = random.Random(seed)
        self._editions: collections.defaultdict[str, int] = collections.defaultdict(lambda: 1)
        self._lock = threading.Lock()
        self._sent: collections.defaultdict[tuple[str, int], list[tuple[int, int]]]
        self.reset_counts()

    def reset_counts(self) -> None:
        """Reset the counts."""
        self._sent = collections.defaultdict(list)

    def count_bytes(self) -> tuple[int, int]:
        """Return the bytes that were sent since the reset, each once, and those sent again."""
        once = total = 0
        for spans in self._sent.values():
            end = 0
            for start, stop in sorted(spans):
                once += max(0, stop - max(start, end))
                end = max(end, stop)
                total += stop - start
        return once, total - once

    def respond(self, request: ServerRequest) -> Reply:
        """Respond like the demonstration, or with a fault."""
        with self._lock:
            dice, kind = self._chance.random(), self._chance.choice(_FAULTS)
            if dice > 1 - _REPUBLISH_SHARE:
                self._editions[request.path] = 3 - self._editions[request.path]
                self._figures.faults["republished"] += 1
            edition = self._editions[request.path] if request.path.endswith(".tif") else 1
        base = f"http://{request.headers['host']}"
        time.sleep(_DELAY)
        part = "range" in request.headers
        if dice < _FAULT_SHARE and not part:
            status = self._chance.choice((500, 502, 503))
            return self._count_fault("catalogue or WCS", Reply(status))
        reply = forward(request, self._upstreams[edition], base)
        if dice < _FAULT_SHARE and reply.status == 206:
            what, reply = kind(reply)
            if what in _UNUSABLE:
                return self._count_fault(what, reply)
            self._count_fault(what, reply)
        if reply.status == 206:
            start = int(re.findall(r"\d+", reply.headers["content-range"])[0])
            size = len(reply.body) if reply.cut is None else min(reply.cut, len(reply.body))
            with self._lock:
                self._sent[request.path, edition].append((start, start + size))
        return reply

    def _count_fault(self, what: str, reply: Reply) -> Reply:
        with self._figures.lock:
            self._figures.faults[what] += 1
        return reply


def _status(status: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: (f"status {status}", Reply(status, b"busy", named))


def _cut(reply: Reply) -> tuple[str, Reply]:
    reply.cut = len(reply.body) // 3
    return "body cut off", reply


def _reset(reply: Reply) -> tuple[str, Reply]:
    reply.cut, reply.reset = len(reply.body) // 2, True
    return "connection reset in the body", reply


def _dropped(reply: Reply) -> tuple[str, Reply]:
    return "connection closed without a response", Reply(dropped=True)


def _silent(reply: Reply) -> tuple[str, Reply]:
    return "silence", Reply(silent=True)


def _short(reply: Reply) -> tuple[str, Reply]:
    reply.body = reply.body[: len(reply.body) // 2]
    return "short body that claims to be whole", reply


def _altered(reply: Reply) -> tuple[str, Reply]:
    """Flip a bit at both ends: the leader and trailer of a tile, or the index."""
    body = bytearray(reply.body)
    body[3] ^= 0x40
    body[-1] ^= 0x40
    reply.body = bytes(body)
    return "altered bytes", reply


def _other_range(reply: Reply) -> tuple[str, Reply]:
    reply.headers["content-range"] = "bytes 0-15/1000"
    return "Content-Range of another part", reply


def _other_version(reply: Reply) -> tuple[str, Reply]:
    reply.headers["etag"] = '"of nothing"'
    return "another ETag", reply


_UNUSABLE = ("altered bytes", "Content-Range of another part", "another ETag")  # not cached
_FAULTS = (
    *(_status(500), _status(502), _status(503, Retry_After="0"), _status(429, Retry_After="0")) * 3,
    *(_cut, _reset, _dropped, _short) * 3,
    _silent,
    *(_altered, _other_range, _other_version, _status(403)),
)


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
    store = Store(upstreams, figures, chance.randrange(1 << 30))
    with tempfile.TemporaryDirectory() as folder, misbehaving(store.respond) as server:
        for _ in range(jobs):
            job = Job.draw(chance)
            store.reset_counts()
            with tempfile.TemporaryDirectory(dir=folder) as room:
                _run_job(job, Path(room), Path(folder, "cache"), server, chance, figures)
            once, again = store.count_bytes()
            with figures.lock:
                figures.jobs += 1
                figures.needed += once
                figures.again += again


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
    wrong = np.full(found.shape, False)
    xs = left + step * (np.arange(width) + 0.5)
    ys = top - step * (np.arange(height) + 0.5)
    for column in np.unique(xs // _EDGE):
        for row in np.unique(ys // _EDGE):
            across, down = np.flatnonzero(xs // _EDGE == column), np.flatnonzero(ys // _EDGE == row)
            part = np.s_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
            grid = left + step * across[0], top - step * down[0], step, len(across), len(down)
            surface = {"product": job.product, "collection": job.collection}
            unlike = [found[part] != heights(*grid, **surface, edition=each) for each in EDITIONS]
            wrong[part] = min(unlike, key=np.count_nonzero)
    return wrong.size, int(wrong.sum())


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
        first_mark, last_mark = _MARKS
        before, _, rest = arguments.output.read_text("utf-8").partition(first_mark)
        _, _, after = rest.partition(last_mark)
        text = f"{before}{first_mark}\n{table}{last_mark}{after}"
        arguments.output.write_text(text, "utf-8")
    sys.exit(bool(figures.wrong or figures.defects))


if __name__ == "__main__":
    main()
