"""hrdem beside other readers of COGs.

Makes a store once, serves it by nginx over lines of different delay and rate, lets the readers
write the same windows, and saves the results as Markdown, and each run as JSON beside it.

    python -m benchmarks --output docs/benchmarks.md
    python -m benchmarks --links loopback --windows 512,4096 --readers floor,hrdem --rounds 1
    python -m benchmarks --results a.json b.json --remarks remarks.md --output both.md
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.contest import FINE, LARGEST, Contest, Run, runs
from benchmarks.entrants import NAMES, Entrant, entrant, missing, versions
from benchmarks.layout import CODECS
from benchmarks.network import LINES
from benchmarks.probe import Probe
from benchmarks.report import document, machine
from benchmarks.store import stored_file

_WINDOWS = (512, 4_096, 16_384, 65_536)
_HELP_WINDOWS = f"columns and rows; above {LARGEST} for hrdem, LZW and loopback only"
_HELP_READERS = f"of {', '.join(NAMES)}; hrdem takes arguments, as in hrdem:name=value:name=value"


def main() -> None:
    """Measure what the command line asks for."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # cleaning up
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is compiled while warming up is kept
    arguments = _parser().parse_args()
    if arguments.results:
        _write_up(arguments.results, arguments.remarks, arguments.output)
        return
    entrants = [each for each in arguments.readers if _is_here(each)]
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    contest = Contest(
        lines=arguments.links,
        files=[stored_file(data, codec) for codec in arguments.codecs],
        sizes=arguments.windows,
        entrants=entrants,
        rounds=arguments.rounds,
        timeout=arguments.timeout,
        folder=data,
    )
    command = _shown(sys.argv[1:])
    done: list[Run] = []
    probes: list[Probe] = []
    try:
        for run in runs(contest):
            if isinstance(run, Probe):
                probes.append(run)
                continue
            done.append(run)
            print(_told(run), flush=True)
    finally:
        if done:
            text = document(done, probes, [command], "")
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(text, "utf-8")
            raw = {"command": command, "machine": machine(), "versions": versions(),
                   "lines": [asdict(each) for each in probes],
                   "runs": [asdict(run) for run in done]}  # fmt: skip
            arguments.output.with_suffix(".json").write_text(json.dumps(raw, indent=1), "utf-8")
            print(text)


def _write_up(results: list[Path], remarks: Path | None, output: Path) -> None:
    """Join earlier results into one document."""
    raw = [json.loads(path.read_text("utf-8")) for path in results]
    runs = [Run(**run) for each in raw for run in each["runs"]]
    probes = {probe["line"]: Probe(**probe) for each in raw for probe in each["lines"]}
    commands = [re.sub(r" --output \S+", "", each["command"]) for each in raw]
    text = document(
        runs, list(probes.values()), commands, remarks.read_text("utf-8").strip() if remarks else ""
    )
    output.write_text(text, "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    add("--links", type=_listed(_known(LINES)), default=list(LINES), help=f"of {', '.join(LINES)}")
    add("--windows", type=_listed(int), default=list(_WINDOWS), help=_HELP_WINDOWS)
    add("--codecs", type=_listed(_known(CODECS)), default=list(CODECS))
    add("--readers", type=_listed(entrant), default=[*map(entrant, NAMES)], help=_HELP_READERS)
    add("--rounds", type=int, default=3)
    add("--timeout", type=float, default=300, help="seconds for a run")
    add("--data", type=Path, default=cache / "hrdem-benchmarks", help="folder of the store, 3 GB")
    add("--results", type=Path, nargs="+", help="measure nothing: join the JSON of earlier runs")
    add("--remarks", type=Path, help="Markdown to put before joined results")
    add("--output", type=Path, default=Path("benchmarks.md"))
    return parser


def _listed(kind: Callable[[str], object]) -> Callable[[str], list[object]]:
    def listed(text: str) -> list[object]:
        try:
            return [kind(each) for each in text.split(",")]
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return listed


def _known(names: dict[str, object]) -> Callable[[str], str]:
    def known(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(names)}")
        return text

    return known


def _is_here(each: Entrant) -> bool:
    lacking = missing(each.name)
    if lacking:
        print(f"{each.label} is left out: {', '.join(lacking)} is not installed", flush=True)
    return not lacking


def _shown(words: list[str]) -> str:
    """The command line without the place of the store, which is nobody else's."""
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before != "--data" and not word.startswith("--data")
    ]
    return shlex.join(["python", "-m", "benchmarks", *kept])


def _told(run: Run) -> str:
    words = "" if run.outcome == FINE else f"  {run.words.rpartition(chr(10))[2]}"
    taken = (
        f"{run.wall:7.2f} s  {run.cpu:6.2f} CPU, {run.others:.2f} other  {run.peak / 1e6:5.0f} MB"
    )
    moved = f"{run.requests} requests on {run.connections}, {run.size_received / 1e6:.1f} MB"
    track = f"{run.line}  {run.codec}  {run.size}  {run.turn + 1}"
    return f"{track}  {run.reader:18} {taken}  {moved}  {run.outcome}{words}"


if __name__ == "__main__":
    main()
