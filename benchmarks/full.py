"""Run all parts of the benchmark that docs/benchmarks.md shows, in some twelve minutes.

    python -m benchmarks.full --data FOLDER --output FOLDER [--before CHECKOUT]
    python -m benchmarks.publish FOLDER/*.json

Each part writes a JSON file of its own; those that are there already, of the same commit, are kept,
so that a run which was interrupted resumes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Results, commit

_FAR, _NEAR, _NARROW = "60ms-12MB/s-per-connection", "30ms-60MB/s", "80ms-10MB/s"
_HRDEM = "floor,hrdem,hrdem:no_cache=True"
_CASES = f"{_HRDEM},hrdem:align=blocks,rasterio-threads,rasterio-tuned"
_BLOCKS = "hrdem:align=blocks"
_MORE_MEMORY = "hrdem:max_memory=600000000"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of ``python -m benchmarks``.

    Attributes:
        link: The link.
        windows: Sizes of the windows.
        readers: The readers.
        rounds: How often each runs.
        has_before: Whether the earlier checkout takes part.
        options: Further options.
    """

    link: str
    windows: str
    readers: str
    rounds: int
    has_before: bool = False
    options: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """The part as arguments of the command line."""
        words = ["--codecs", "lzw", "--links", self.link, "--windows", self.windows]
        return [*words, "--readers", self.readers, "--rounds", str(self.rounds), *self.options]


_TLS = "--tls", "--catalog-ms", "400"
PARTS = {
    "far-512": Part(_FAR, "512", f"{_CASES},gdal_translate", 2, True),
    "far-4096": Part(_FAR, "4096", f"{_CASES},async-geotiff", 2, True),
    "far-16384": Part(_FAR, "16384", _HRDEM, 2),
    "far-16384-once": Part(
        _FAR, "16384", f"{_BLOCKS},{_MORE_MEMORY},rasterio-threads,async-geotiff", 1, True
    ),
    "far-tls": Part(_FAR, "512", "floor,hrdem,rasterio-threads,rasterio-tuned", 2, True, _TLS),
    "loopback": Part("loopback", "512,4096", _CASES, 2, True),
    "loopback-16384": Part("loopback", "16384", f"{_HRDEM},rasterio-threads", 2),
    "loopback-16384-once": Part("loopback", "16384", f"{_BLOCKS},gdal_translate", 1, True),
    "near-4096": Part(_NEAR, "4096", "floor,hrdem,rasterio-threads", 2),
    "near-16384": Part(_NEAR, "16384", "floor,hrdem", 1),
    "narrow": Part(_NARROW, "16384", "floor,hrdem", 1),
}


def main() -> None:
    """Run the parts that are missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the store, 1.2 GB")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--before", type=Path, help="checkout of an earlier hrdem")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for name in arguments.parts.split(","):
        path = arguments.output / f"{name}.json"
        if not _is_done(path):
            print(f"== {name}", flush=True)
            part = PARTS[name]
            command = [sys.executable, "-m", "benchmarks", *part.arguments]
            command += ["--data", str(arguments.data), "--output", str(path)]
            if arguments.before and part.has_before:
                command += ["--before", str(arguments.before)]
            if name != next(iter(PARTS)):  # which has warmed up the readers
                command.append("--no-warm-up")
            subprocess.run(command, check=True)
            print(f"{time.monotonic() - began:.0f} s", flush=True)


def _is_done(path: Path) -> bool:
    return path.exists() and Results.from_json(path.read_text("utf-8")).commit == commit()


if __name__ == "__main__":
    main()
