"""Extract hundreds of random areas from a store that misbehaves, and kill the runs at random.

Each run that was killed or has failed is begun again, with the same command, until the output is
there. Then each pixel is compared with the terrain function. Files are published again meanwhile:
the pixels of a file have to be all of one edition.

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
_MOST_TRIES = 25  # of a job
_EDGE = 500_000  # metres of a sub-tile
_CORNERS = ((1_500_000, 0), (1_000_000, 0), (1_500_000, 500_000))  # where four of them meet
Fault = Callable[[Reply], tuple[str, Reply]]

_MARKS = "<!-- soak -->", "<!-- /soak -->"
_HURT = 0.12  # of the requests for parts of files
_REPUBLISHED = 0.002
_KILLED, _STOPPED = 0.4, 0.1  # of the runs
_CACHE = "60MB"
_DELAY = 0.08  # seconds before each answer, as on a line


@dataclass
class Figures:
    """What happened.

    Attributes:
        codes: How often runs ended with which exit code.
        faults: How often the store misbehaved, and how.
        pixels: How many were compared.
        wrong: How many of them were wrong.
        defects: What must not happen, in words.
        needed: Bytes of files that were sent, each counted once a job.
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
    """A store of two editions whose answers are sometimes spoilt."""

    def __init__(self, upstreams: dict[int, str], figures: Figures, seed: int) -> None:
        self._upstreams = upstreams
        self._figures = figures
        self._chance = random.Random(seed)
        self._editions: collections.defaultdict[str, int] = collections.defaultdict(lambda: 1)
        self._lock = threading.Lock()
        self._sent: collections.defaultdict[tuple[str, int], list[tuple[int, int]]]
        self.begin()

    def begin(self) -> None:
        """Count what is sent anew."""
        self._sent = collections.defaultdict(list)

    def counted(self) -> tuple[int, int]:
        """Bytes of files that were sent since, each once; and those that were sent again."""
        once = total = 0
        for spans in self._sent.values():
            end = 0
            for start, stop in sorted(spans):
                once += max(0, stop - max(start, end))
                end = max(end, stop)
                total += stop - start
        return once, total - once

    def answer(self, request: ServerRequest) -> Reply:
        """Answer as the demonstration does, or otherwise."""
        with self._lock:
            dice, kind = self._chance.random(), self._chance.choice(_FAULTS)
            if dice > 1 - _REPUBLISHED:
                self._editions[request.path] = 3 - self._editions[request.path]
                self._figures.faults["published again"] += 1
            edition = self._editions[request.path] if request.path.endswith(".tif") else 1
        base = f"http://{request.headers['host']}"
        time.sleep(_DELAY)
        part = "range" in request.headers
        if dice < _HURT and not part:
            return self._hurt("catalogue or WCS", Reply(self._chance.choice((500, 502, 503))))
        reply = forward(request, self._upstreams[edition], base)
        if dice < _HURT and reply.status == 206:
            what, reply = kind(reply)
            if what in _SPOILT:
                return self._hurt(what, reply)
            self._hurt(what, reply)
        if reply.status == 206:
            start = int(re.findall(r"\d+", reply.headers["content-range"])[0])
            size = len(reply.body) if reply.cut is None else min(reply.cut, len(reply.body))
            with self._lock:
                self._sent[request.path, edition].append((start, start + size))
        return reply

    def _hurt(self, what: str, reply: Reply) -> Reply:
        with self._figures.lock:
            self._figures.faults[what] += 1
        return reply


def _status(status: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: (f"answer {status}", Reply(status, b"busy", named))


def _cut(reply: Reply) -> tuple[str, Reply]:
    reply.cut = len(reply.body) // 3
    return "body cut off", reply


def _reset(reply: Reply) -> tuple[str, Reply]:
    reply.cut, reply.reset = len(reply.body) // 2, True
    return "connection reset in the body", reply


def _dropped(reply: Reply) -> tuple[str, Reply]:
    return "connection closed without an answer", Reply(dropped=True)


def _silent(reply: Reply) -> tuple[str, Reply]:
    return "silence", Reply(silent=True)


def _short(reply: Reply) -> tuple[str, Reply]:
    reply.body = reply.body[: len(reply.body) // 2]
    return "short body that claims to be whole", reply


def _altered(reply: Reply) -> tuple[str, Reply]:
    """The leader of a tile, its trailer, or a place in the index."""
    body = bytearray(reply.body)
    body[3] ^= 0x40
    body[-1] ^= 0x40
    reply.body = bytes(body)
    return "altered bytes", reply


def _other_place(reply: Reply) -> tuple[str, Reply]:
    reply.headers["content-range"] = "bytes 0-15/1000"
    return "Content-Range of another part", reply


def _other_version(reply: Reply) -> tuple[str, Reply]:
    reply.headers["etag"] = '"of nothing"'
    return "another ETag", reply


_SPOILT = ("altered bytes", "Content-Range of another part", "another ETag")  # nothing to keep
_FAULTS = (
    *(_status(500), _status(502), _status(503, Retry_After="0"), _status(429, Retry_After="0")) * 3,
    *(_cut, _reset, _dropped, _short) * 3,
    _silent,
    *(_altered, _other_place, _other_version, _status(403)),
)


@dataclass(frozen=True)
class Job:
    """An area to extract.

    Attributes:
        box: Left, bottom, right, top in EPSG:3979.
        product: dtm or dsm.
        collection: 1m or 2m.
        options: Further ones.
    """

    box: tuple[int, int, int, int]
    product: str
    collection: str
    options: tuple[str, ...]

    @classmethod
    def drawn(cls, chance: random.Random) -> Job:
        """Draw one near a corner of sub-tiles."""
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
    """Carry out jobs one after the other."""
    chance = random.Random(f"{seed} {number}")
    store = Store(upstreams, figures, chance.randrange(1 << 30))
    with tempfile.TemporaryDirectory() as folder, misbehaving(store.answer) as server:
        for _ in range(jobs):
            job = Job.drawn(chance)
            store.begin()
            with tempfile.TemporaryDirectory(dir=folder) as room:
                _carry_out(job, Path(room), Path(folder, "cache"), server, chance, figures)
            once, again = store.counted()
            with figures.lock:
                figures.jobs += 1
                figures.needed += once
                figures.again += again


def _carry_out(
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
    for tried in range(1, _MOST_TRIES + 1):
        code, said = _run(command, chance, calm=tried > _MOST_TRIES - 5)
        with figures.lock:
            figures.codes[code] += 1
        if code == 0 or output.exists():  # killed when it was done
            break
        expected = (4, 5, 6, 130, -signal.SIGKILL)
        if code not in expected or "Traceback" in said:
            figures.defects.append(f"exit {code}: {' '.join(command[3:])}: {said[-600:]}")
        left = [path.name for path in room.iterdir() if not path.name.startswith(".hrdem-")]
        if left:
            figures.defects.append(f"exit {code} left {left}")
        if code == 4:
            break
    else:
        figures.defects.append(f"no output after {_MOST_TRIES} runs: {' '.join(command[3:])}")
        return
    if code == 0 and sorted(path.name for path in room.iterdir()) != ["a.stac.json", "a.tif"]:
        time.sleep(0.6)
        stale = [path.name for path in room.iterdir()]
        figures.defects.append(f"after success there are {stale}")
    pixels, wrong = _compared(job, output if code != 4 else None)
    with figures.lock:
        figures.pixels += pixels
        figures.wrong += wrong


def _run(command: list[str], chance: random.Random, *, calm: bool) -> tuple[int, str]:
    """Run a command, and kill it at some time or not."""
    dice = chance.random()  # before the command has begun, Python itself answers Ctrl-C
    moment = chance.uniform(0.3 if dice < _KILLED else 1.0, 2.0)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        if calm or dice > _KILLED + _STOPPED:
            _, said = process.communicate(timeout=300)
        else:
            _, said = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL if dice < _KILLED else signal.SIGINT)
        _, said = process.communicate(timeout=60)
    return process.returncode, said


def _compared(job: Job, output: Path | None) -> tuple[int, int]:
    """How many pixels there are, and how many are not those of one edition of their file."""
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
            place = left + step * across[0], top - step * down[0], step, len(across), len(down)
            told = {"product": job.product, "collection": job.collection}
            unlike = [found[part] != heights(*place, **told, edition=each) for each in EDITIONS]
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
    """Soak, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="Markdown file that has a place for it")
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
    told = report(figures, time.monotonic() - begun, arguments.seed)
    print(told, *figures.defects, sep="\n")
    if arguments.output:
        first_mark, last_mark = _MARKS
        before, _, rest = arguments.output.read_text("utf-8").partition(first_mark)
        _, _, after = rest.partition(last_mark)
        text = f"{before}{first_mark}\n{told}{last_mark}{after}"
        arguments.output.write_text(text, "utf-8")
    sys.exit(bool(figures.wrong or figures.defects))


if __name__ == "__main__":
    main()
