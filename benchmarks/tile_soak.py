"""Soak test of jobs of tiles: a store that misbehaves, kills of drivers and workers, a new edition.

The command is repeated until the job is done. In its middle, half of the files are republished:
their tiles become stale, and `--update` makes them anew. Then each pixel of each tile is compared
with the terrain function. It needs Linux.

    python -m benchmarks.tile_soak --tiles 300 --output docs/reliability.md
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import logging
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.insert_table import insert_table
from benchmarks.random_kills import ENGINES, WORKERS, Killer, open_workers
from benchmarks.tile_outputs import (
    COLLECTION,
    PRODUCT,
    Area,
    PixelCounts,
    compare_pixels,
    count_items,
    find_flaws,
    find_paths,
    take_snapshot,
)
from benchmarks.unruly_store import EDITIONS, Sent, Store, Storms
from hrdem.demo import running
from tests.misbehaving import Misbehaving, misbehaving

CONNECTIONS = 4
MAX_RUNS = 60  # of a job, before and after its files are republished
_CALM_RUNS = 10  # the last of them
_STORM_PERIODS, _STORM_LENGTHS = (6.0, 14.0), (0.8, 2.5)  # seconds, of which the seed draws one
_OVERLAP = {"processes": 0, "dask": 3}  # pixels; tiles then read up to four files
_REPUBLISHED_AT = 0.4  # share of tiles that are done
_MAX_RUN_SECONDS = 600.0
_CODES = {
    0: "complete",
    3: "with failed tiles",
    5: "failed",
    6: "with stale tiles",
    130: "interrupted",
    -signal.SIGKILL: "killed",
}


log = logging.getLogger(__name__)


@dataclass
class Findings:
    """What a soak test of a job has found.

    Attributes:
        codes: Runs by exit code.
        defects: Descriptions of what must not happen.
        stale: Tiles that were stale after the files were republished.
        kept: Tiles that `--update` kept.
        remade: Tiles that it made again.
        least_connections: Smallest number of connections that the driver went down to.
        throttled: Responses by which the store asked for fewer requests.
        killed_workers: Number of killed workers.
        kills: Number of kills of drivers and workers.
        storms: Storms of 503s.
        most_connections: Maximum number of connections at the store.
        owners: Processes that had these.
        sent: Bytes of files that the store sent.
        faults: Faults of the store by kind.
        counts: Compared pixels.
        seconds: Duration.
    """

    codes: collections.Counter[int] = field(default_factory=collections.Counter)
    defects: list[str] = field(default_factory=list)
    stale: int = 0
    kept: int = 0
    remade: int = 0
    least_connections: int = CONNECTIONS
    throttled: int = 0
    killed_workers: int = 0
    kills: int = 0
    storms: Storms = field(default_factory=Storms)
    most_connections: int = 0
    owners: str = ""
    sent: Sent = field(default_factory=Sent)
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    counts: PixelCounts = field(default_factory=PixelCounts)
    seconds: float = 0.0


class Soak:
    """Runs of the command on one job.

    Args:
        area: The area.
        room: Empty folder.
        server: The server of the store.
        store: The store.
        killer: Kills drivers and workers.
    """

    def __init__(
        self, area: Area, room: Path, server: Misbehaving, store: Store, killer: Killer
    ) -> None:
        self.output = room / "tiles"
        self.findings = Findings()
        self._area = area
        self._server = server
        self._store = store
        self._killer = killer
        self._errors = room / "stderr.txt"
        self._made = self._done = 0
        self._affected: set[str] = set()  # tiles of which a file was republished
        self._snapshot: dict[str, tuple[int, int]] = {}
        self._remade: set[str] = set()
        box = ",".join(map(str, area.box))
        self._worker_options = ("--cache-dir", str(room / "cache"))
        self._options = (
            *(f"--bbox={box}", "--bbox-crs", "EPSG:3979", "--product", PRODUCT),
            *("--collection", COLLECTION, "--scheme", "1km", "--overlap", str(area.overlap)),
            *("--stac-url", f"{server.url}/stac/api/", *self._worker_options),
            *("--connections", str(CONNECTIONS), "--progress", "json", *killer.workers.options),
            *("-o", str(self.output)),
        )

    def make_until_stale(self) -> None:
        """Make the first edition, until all that is left is stale."""
        update: tuple[str, ...] = ()
        for number in range(MAX_RUNS):
            code = self._run(*update, calm=number >= MAX_RUNS - _CALM_RUNS)
            if code == 6 and self._affected:
                break
            if code == 0 and self._affected:
                self.findings.defects.append("complete, though files were republished before")
                return
            update = ("--update",) if code == 6 else ()  # a fault pretended to be a new version
        else:
            self.findings.defects.append(f"no exit code 6 after {MAX_RUNS} runs")
        states = self._read_states()
        stale = {name for name, state in states.items() if state == "stale"}
        self.findings.stale = len(stale)
        self.findings.defects += [f"{name} is stale" for name in sorted(stale - self._affected)]
        missing = [name for name, state in states.items() if state == "missing"]
        self.findings.defects += [f"{name} is missing after exit code 6" for name in missing]

    def update(self) -> None:
        """Make the second edition of what was republished."""
        for number in range(MAX_RUNS):
            if self._run("--update", calm=number >= MAX_RUNS - _CALM_RUNS) == 0:
                break
        else:
            self.findings.defects.append(f"not complete after {MAX_RUNS} runs")
        self.findings.remade = len(self._remade)
        self.findings.kept = len(self._snapshot.keys() - self._affected)

    def end_calmly(self) -> None:
        """Run the command once more, which sends no request; then `status` and `verify`."""
        self.findings.most_connections = self._store.most_connections  # verify has no limit
        self.findings.owners = self._store.owners
        before = len(self._server.requests)
        self._expect("tile", *self._options)
        if len(self._server.requests) != before:
            sent = [each.path for each in self._server.requests[before:]]
            self.findings.defects.append(f"a complete job sends requests: {sent[:5]}")
        self._store.is_calm = True
        self._expect("tile", "status", str(self.output))
        self._expect("tile", "verify", str(self.output), *self._worker_options)

    @property
    def _republishes_at(self) -> int:
        return round(_REPUBLISHED_AT * len(self._area.boxes))

    def _run(self, *update: str, calm: bool) -> int:
        """Run the command, kill what is to be killed, and check what is there then."""
        begun = time.monotonic()
        with self._errors.open("wb") as errors:
            driver = _start(errors, "tile", *self._options, *update)
            self._killer.begin_run(self._made, calm=calm)
            while driver.poll() is None:
                done = count_items(self.output)
                self._made += max(0, done - self._done)
                self._done = done
                if self._made >= self._republishes_at and not self._affected:
                    self._republish()
                seconds = time.monotonic() - begun
                self._killer.step(driver, self._made, seconds)
                if seconds > _MAX_RUN_SECONDS:
                    self.findings.defects.append("a run does not end")
                    driver.kill()
                time.sleep(0.03)
        self._done = count_items(self.output)
        code = driver.returncode
        self.findings.codes[code] += 1
        text = self._errors.read_text("utf-8", errors="replace")
        if code not in _CODES or "Traceback" in text:
            self.findings.defects.append(f"exit {code}: {text[-900:]}")
        self._read_progress(text)
        self._compare_snapshots(is_update=bool(update))
        log.info("%s ended with %s; %s tiles done", self._killer.workers.options, code, self._done)
        return code

    def _republish(self) -> None:
        """Republish the files of the northern half."""
        left, _, right, top = self._area.box
        paths = find_paths((left, top - 1, right, top))
        for path in sorted(paths):
            self._store.republish(path)
        boxes = self._area.boxes.items()
        self._affected = {name for name, box in boxes if not paths.isdisjoint(find_paths(box))}

    def _read_progress(self, text: str) -> None:
        last: dict[str, Any] = {}
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                last = json.loads(line)
                if connections := last["connections"]:
                    least = min(self.findings.least_connections, connections)
                    self.findings.least_connections = least
        self.findings.throttled += last.get("throttled", 0)

    def _compare_snapshots(self, *, is_update: bool) -> None:
        """Check that finished tiles were not made again; those of republished files once."""
        new = take_snapshot(self.output)
        for name in [name for name, file in self._snapshot.items() if new.get(name) != file]:
            if is_update and name in self._affected and name not in self._remade:
                self._remade.add(name)
            else:
                self.findings.defects.append(f"{name} was made again, or removed")
        self._snapshot = new

    def _read_states(self) -> dict[str, str]:
        command = _command("tile", "status", "--json", str(self.output))
        answer = subprocess.run(command, capture_output=True, check=False)
        if answer.returncode != 6:
            self.findings.defects.append(f"status ends with {answer.returncode}")
        states: dict[str, str] = json.loads(answer.stdout)["tiles"]
        return states

    def _expect(self, *arguments: str) -> None:
        """Run a command that has to succeed."""
        answer = subprocess.run(_command(*arguments), capture_output=True, check=False)
        if answer.returncode:
            said = (answer.stdout + answer.stderr).decode()[-900:]
            self.findings.defects.append(f"{arguments[:2]} ends with {answer.returncode}: {said}")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.short_timeouts", *arguments]


def _start(errors: Any, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(_command(*arguments), stdout=subprocess.DEVNULL, stderr=errors)


@contextlib.contextmanager
def _open_soak(engine: str, tiles: int, seed: int, room: Path) -> Iterator[tuple[Soak, Area]]:
    area = Area.of(tiles, _OVERLAP[engine])
    with contextlib.ExitStack() as stack:
        demos = [stack.enter_context(running(edition=edition)) for edition in EDITIONS]
        upstreams = {edition: demo.url for edition, demo in zip(EDITIONS, demos, strict=True)}
        chance = random.Random(f"{seed} {engine}")
        storms = Storms.draw(chance, _STORM_PERIODS, _STORM_LENGTHS)
        store = Store(upstreams, seed, storms=storms)
        server = stack.enter_context(misbehaving(store.respond))
        workers = stack.enter_context(open_workers(engine, room))
        killer = Killer(workers, tiles, chance)
        soak = Soak(area, room, server, store, killer)
        yield soak, area
        findings = soak.findings
        findings.storms = storms
        findings.killed_workers, findings.kills = killer.killed_workers, len(killer.times)
        findings.sent = store.count_bytes(killer.times)
        findings.faults = store.faults
        findings.counts = compare_pixels(area, soak.output, store.editions)


def soak_tiles(engine: str, tiles: int, seed: int, room: Path) -> Findings:
    """Make a job of tiles over a store that misbehaves, and check all that it has written.

    Args:
        engine: One of `ENGINES`.
        tiles: Number of tiles.
        seed: Seed of faults and kills.
        room: Empty folder.
    """
    begun = time.monotonic()
    with _open_soak(engine, tiles, seed, room) as (soak, area):
        soak.make_until_stale()
        soak.update()
        soak.end_calmly()
        soak.findings.defects += find_flaws(area, soak.output)
    findings = soak.findings
    if findings.most_connections > CONNECTIONS:
        number, owners = findings.most_connections, findings.owners
        findings.defects.append(f"{number} connections at the store: {owners}")
    findings.seconds = time.monotonic() - begun
    return findings


def report(found: dict[str, Findings], tiles: int, seed: int) -> str:
    """Return findings as Markdown, a column for each engine."""
    rows: dict[str, list[str]] = collections.defaultdict(list)
    kinds = sorted({kind for each in found.values() for kind in each.faults})
    for each in found.values():
        sent, counts = each.sent, each.counts
        ends = ", ".join(f"{each.codes[c]} {name}" for c, name in _CODES.items() if each.codes[c])
        drivers = each.kills - each.killed_workers
        share = 100 / max(sent.once, 1)
        rows["tiles, rasters"].append(f"{tiles:,}, {counts.rasters:,}")
        rows["runs"].append(f"{each.codes.total():,}: {ends}")
        rows["kills of workers, of drivers"].append(f"{each.killed_workers}, {drivers}")
        rows["storms of 503s"].append(each.storms.describe())
        rows["faults"].append(f"{each.faults.total():,}")
        for kind in kinds:
            rows[f"&nbsp; {kind}"].append(f"{each.faults[kind]:,}")
        rows["stale after files were republished"].append(f"{each.stale:,}")
        rows["kept, made again by `--update`"].append(f"{each.kept:,}, {each.remade:,}")
        rows["pixels compared"].append(f"{counts.pixels:,}")
        rows["wrong pixels, mixed tiles"].append(f"{counts.wrong:,}, {len(counts.mixed):,}")
        rows["defects, leftovers, partial outputs"].append(f"{len(each.defects):,}")
        rows[f"connections at the store, of {CONNECTIONS}"].append(f"{each.most_connections}")
        rows["fewest, while it asked for fewer requests"].append(f"{each.least_connections}")
        rows["bytes of files that were needed"].append(f"{sent.once:,}")
        rows["bytes that were sent again"].append(f"{sent.again:,} ({share * sent.again:.1f} %)")
        lost = share * sent.by_kills
        each_kill = lost / max(each.kills, 1)
        rows["&nbsp; of what came in the two seconds before a kill"].append(
            f"{sent.by_kills:,} ({lost:.1f} %; {each_kill:.2f} % a kill)"
        )
        rows["minutes"].append(f"{each.seconds / 60:.0f}")
    table = "\n".join(f"| {name} | {' | '.join(values)} |" for name, values in rows.items())
    heads = " | ".join(found)
    return (
        f"`python -m benchmarks.tile_soak --tiles {tiles} --seed {seed}`, {WORKERS} workers:\n\n"
        f"| | {heads} |\n|---|{'---|' * len(found)}\n{table}\n"
    )


def main() -> None:
    """Run the soak test and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--output", type=Path, help="Markdown file with marks for the report")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory() as folder:
        soaking = {}
        for engine in arguments.engines:
            room = Path(folder, engine)
            room.mkdir()
            soaking[engine] = pool.submit(soak_tiles, engine, arguments.tiles, arguments.seed, room)
        found = {engine: each.result() for engine, each in soaking.items()}
    table = report(found, arguments.tiles, arguments.seed)
    print(table, *(f"{name}: {d}" for name in found for d in found[name].defects), sep="\n")
    if arguments.output:
        insert_table(arguments.output, "tile soak", table)
    sys.exit(any(each.counts.wrong or each.counts.mixed or each.defects for each in found.values()))


if __name__ == "__main__":
    main()
