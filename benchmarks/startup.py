"""Measure the start of ``hrdem --help``, relative to an interpreter that does nothing.

python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "hrdem --help": [sys.executable, "-m", "hrdem", "--help"],
    "hrdem extract --help": [sys.executable, "-m", "hrdem", "extract", "--help"],
    "import rasterio": [sys.executable, "-c", "import rasterio"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(rounds + 1):
        for name, command in COMMANDS.items():
            took = seconds(command)
            if turn:  # the first turn warms the disk cache
                times[name].append(took)
    floor = statistics.median(times["python -c pass"])
    for name, each in times.items():
        median = statistics.median(each)
        print(f"{name:22} {1000 * median:6.0f} ms  {median / floor:5.1f} x the interpreter alone")


if __name__ == "__main__":
    main()
