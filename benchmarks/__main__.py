"""Compare hrdem with other readers of COGs.

Creates a store once, serves it with nginx over links of different delay and rate, runs each reader
on the same windows, and writes the results as Markdown, and each run as JSON beside it.

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

from benchmarks.comparison import LARGEST, Comparison, Run, run_all
from benchmarks.layout import CODECS
from benchmarks.links import LINKS
from benchmarks.probe import Probe
from benchmarks.reader_list import NAMES, installed_readers, parse_reader, versions
from benchmarks.report import document, machine
from benchmarks.store import stored_file

_WINDOWS = (512, 4_096, 16_384, 65_536)
_HELP_LINKS = f"of {', '.join(LINKS)}"
_HELP_WINDOWS = f"columns and rows; above {LARGEST} for hrdem, LZW and loopback only"
_HELP_READERS = f"of {', '.join(NAMES)}; hrdem takes arguments, as in hrdem:name=value:name=value"


def main() -> None:
    """Run the benchmark that the command line describes."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clean up
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # keep what the warm-up compiles
    arguments = _parser().parse_args()
    if arguments.results:
        _join_results(arguments.results, arguments.remarks, arguments.output)
        return
    readers = list(installed_readers(arguments.readers))
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(
        links=arguments.links,
        files=[stored_file(data, codec) for codec in arguments.codecs],
        sizes=arguments.windows,
        readers=readers,
        rounds=arguments.rounds,
        timeout=arguments.timeout,
        folder=data,
    )
    command = _command_line(sys.argv[1:])
    done: list[Run] = []
    probes: list[Probe] = []
    try:
        for run in run_all(comparison):
            if isinstance(run, Probe):
                probes.append(run)
                continue
            done.append(run)
            print(run.summary, flush=True)
    finally:
        if done:
            text = document(done, probes, [command], "")
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(text, "utf-8")
            raw = {"command": command, "machine": machine(), "versions": versions(),
                   "links": [asdict(each) for each in probes],
                   "runs": [asdict(run) for run in done]}  # fmt: skip
            arguments.output.with_suffix(".json").write_text(json.dumps(raw, indent=1), "utf-8")
            print(text)


def _join_results(results: list[Path], remarks: Path | None, output: Path) -> None:
    """Join the results of earlier runs into one document."""
    raw = [json.loads(path.read_text("utf-8")) for path in results]
    runs = [Run(**run) for each in raw for run in each["runs"]]
    probes = {probe["link"]: Probe(**probe) for each in raw for probe in each["links"]}
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
    add(
        "--links", type=_list_of(_one_of(LINKS)), default=list(LINKS), help=f"of {', '.join(LINKS)}"
    )
    add("--windows", type=_list_of(int), default=list(_WINDOWS), help=_HELP_WINDOWS)
    add("--codecs", type=_list_of(_one_of(CODECS)), default=list(CODECS))
    add(
        "--readers",
        type=_list_of(parse_reader),
        default=[*map(parse_reader, NAMES)],
        help=_HELP_READERS,
    )
    add("--rounds", type=int, default=3)
    add("--timeout", type=float, default=300, help="seconds for a run")
    add("--data", type=Path, default=cache / "hrdem-benchmarks", help="folder of the store, 3 GB")
    add("--results", type=Path, nargs="+", help="do not run: join the JSON of earlier runs")
    add("--remarks", type=Path, help="Markdown to put before joined results")
    add("--output", type=Path, default=Path("benchmarks.md"))
    return parser


def _list_of(kind: Callable[[str], object]) -> Callable[[str], list[object]]:
    def listed(text: str) -> list[object]:
        try:
            return [kind(each) for each in text.split(",")]
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return listed


def _one_of(names: dict[str, object]) -> Callable[[str], str]:
    def known(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} is not one of {', '.join(names)}")
        return text

    return known


def _command_line(arguments: list[str]) -> str:
    """Return the command line without the folder of the store."""
    shared = [
        argument
        for before, argument in zip(["", *arguments], arguments, strict=False)
        if before != "--data" and not argument.startswith("--data")
    ]
    return shlex.join(["python", "-m", "benchmarks", *shared])


if __name__ == "__main__":
    main()
