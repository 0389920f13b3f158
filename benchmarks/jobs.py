"""Measure the four jobs of docs/jobs.md on the demonstration: bytes, time and memory.

    python -m benchmarks.jobs

Each command runs in a separate process. The demonstration computes its pixels while they are read,
on the same cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hrdem.demo import running

JOBS = {
    "a city at 1 m": "--bbox -75.76,45.38,-75.64,45.45",
    "a county at 5 m in UTM": "--bbox -76.0,45.2,-75.5,45.5 --crs EPSG:2959 --resolution 5",
    "three provinces at 200 m": "--bbox -67.1,43.3,-59.7,48.1 --resolution 200",
    "a sheet at 25 m": "--nts 031G05 --crs EPSG:2959 --resolution 25",
}


def main() -> None:
    print("| job | output | source pixels | downloaded | time | peak memory |")
    print("|---|---|---|---|---|---|")
    with running() as demo, tempfile.TemporaryDirectory() as folder:
        for name, arguments in JOBS.items():
            output = Path(folder) / "out.tif"
            command = [
                *(sys.executable, "-c", _PEAK, sys.executable, "-m", "hrdem", "extract"),
                *(*arguments.split(), "--product", "dtm", "--overwrite", "--json", "-q"),
                *("-o", output, "--stac-url", demo.stac, "--cache-dir", Path(folder) / "cache"),
            ]
            began = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            took = time.monotonic() - began
            document, _, peak = done.stdout.rpartition("\n}\n")
            result = json.loads(f"{document}\n}}")
            grid, tier = result["grid"], result["tiers"][0]["merge_grid"]
            cells = [
                name,
                f"{grid['width']:,} x {grid['height']:,}, {result['bytes'] / 1e6:.3g} MB",
                f"{tier['resolution'][0]:.4g} m, {len(result['sources'])} sub-tiles",
                f"{result['received_bytes'] / 1e6:,.0f} MB",
                f"{took:.0f} s",
                f"{int(peak) / 1e6:.0f} MB",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


_PEAK = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""

if __name__ == "__main__":
    main()
