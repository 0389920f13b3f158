"""Compare hrdem with other readers of COGs.

Creates a store once, serves it with nginx over links of different delay and rate, runs each reader
on the same windows, and writes the results as Markdown, and each run as JSON beside it.

    python -m benchmarks --links loopback --windows 512,4096 --readers floor,hrdem --rounds 1
    python -m benchmarks --tls --catalog-ms 400 --windows 512 --readers floor,hrdem

`benchmarks.full` runs all that docs/benchmarks.md shows, `benchmarks.publish` writes that page.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.comparison import LARGEST, Comparison, Services, run_all
from benchmarks.layout import CODECS
from benchmarks.links import LINKS
from benchmarks.probe import Probe
from benchmarks.reader_list import NAMES, Reader, installed_readers, parse_reader, versions
from benchmarks.report import write_page
from benchmarks.results import BEFORE, Run, commit, new_results
from benchmarks.store import stored_file

_WINDOWS = (512, 4_096, 16_384, 65_536)
_PATHS = "--data", "--output", "--before"
_HELP_LINKS = f"of {', '.join(LINKS)}"
_HELP_WINDOWS = f"columns and rows; above {LARGEST} for hrdem, LZW and loopback only"
_HELP_READERS = f"of {', '.join(NAMES)}; hrdem takes arguments, as in hrdem:name=value:name=value"


def main() -> None:
    """Run the benchmark that the command line describes."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # clean up
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # keep what the warm-up compiles
    arguments = _parser().parse_args()
    readers = list(installed_readers(arguments.readers))
    known = versions()
    if arguments.before:
        readers.append(Reader(BEFORE, "hrdem", folder=arguments.before.resolve()))
        known[BEFORE] = commit(arguments.before)
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
        is_warm=arguments.no_warm_up,
        services=Services(arguments.tls, arguments.catalog_ms),
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
            results = new_results(known, command, probes, done)
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.with_suffix(".json").write_text(results.to_json(), "utf-8")
            page = write_page(results)
            arguments.output.with_suffix(".md").write_text(page, "utf-8")
            print(page)


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
    add("--before", type=Path, help="checkout of an earlier hrdem, which takes part as well")
    add("--rounds", type=int, default=3)
    add("--no-warm-up", action="store_true", help="modules are compiled already")
    add("--timeout", type=float, default=300, help="seconds for a run")
    add("--data", type=Path, default=cache / "hrdem-benchmarks", help="folder of the store, 3 GB")
    add("--tls", action="store_true", help="store and catalogue on HTTPS")
    add("--catalog-ms", type=int, default=0, help="that the catalogue takes for a response")
    add("--output", type=Path, default=Path("benchmarks.md"), help="Markdown; JSON beside it")
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
    """Return the command line without the paths of this machine."""
    shared = [
        argument
        for before, argument in zip(["", *arguments], arguments, strict=False)
        if not (before in _PATHS or argument.startswith(_PATHS))
    ]
    return shlex.join(["python", "-m", "benchmarks", *shared])


if __name__ == "__main__":
    main()
