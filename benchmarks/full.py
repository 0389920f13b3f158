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
from pathlib import Path

from benchmarks.results import Results, commit

_HRDEM = "floor,hrdem,hrdem:no_cache=True,hrdem:align=blocks"
_PEERS = f"{_HRDEM},rasterio-threads,rasterio-tuned,gdal_translate,async-geotiff"
_FAR = "--links 60ms-12MB/s-per-connection"
#: Name -> arguments of ``python -m benchmarks``.
PARTS = {
    "far-small": f"{_FAR} --windows 512,4096 --readers {_PEERS} --rounds 2",
    "far-large": f"{_FAR} --windows 16384 --rounds 2 "
    f"--readers {_HRDEM},rasterio-threads,async-geotiff",
    "far-memory": f"{_FAR} --windows 16384 --readers hrdem:max_memory=600000000 --rounds 1",
    "loopback-small": f"--links loopback --windows 512,4096 --readers {_PEERS} --rounds 2",
    "loopback-large": "--links loopback --windows 16384 --rounds 2 "
    f"--readers {_HRDEM},rasterio-threads,gdal_translate",
    "tls": f"{_FAR} --tls --catalog-ms 400 --windows 512,4096 --rounds 2 "
    "--readers floor,hrdem,rasterio-threads,rasterio-tuned",
    "near": "--links 30ms-60MB/s --windows 4096 --readers floor,hrdem,rasterio-threads --rounds 2",
    "near-large": "--links 30ms-60MB/s --windows 16384 --readers floor,hrdem --rounds 1",
    "narrow": "--links 80ms-10MB/s --windows 16384 --readers floor,hrdem --rounds 1",
}
_WITH_BEFORE = "far-small", "far-large", "loopback-small", "loopback-large"


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
            command = [sys.executable, "-m", "benchmarks", "--codecs", "lzw", *PARTS[name].split()]
            command += ["--data", str(arguments.data), "--output", str(path)]
            if arguments.before and name in _WITH_BEFORE:
                command += ["--before", str(arguments.before)]
            subprocess.run(command, check=True)
            print(f"{time.monotonic() - began:.0f} s", flush=True)


def _is_done(path: Path) -> bool:
    return path.exists() and Results.from_json(path.read_text("utf-8")).commit == commit()


if __name__ == "__main__":
    main()
