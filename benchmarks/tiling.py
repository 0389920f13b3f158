"""Measure all that docs/scale.md says of jobs, and write its tables.

    python -m benchmarks.tiling --data FOLDER [--parts quebec,pixels] [--output docs/scale.json]
    python -m benchmarks.tiling --page          writes the page's tables from docs/scale.json

Each part is a process of its own, so that its memory and processor time are its own. Parts that are
not measured keep the figures that the output has. FOLDER holds the store's file of 1.6 GB, or it is
made there. On two cores all parts take about 15 minutes, half of them
for 100,000 tiles on Dask (`--tiles`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.results import describe_machine
from benchmarks.scale import PAGE, RESULTS, ROOT, Part, read_parts, update_page, write_targets

MODULES = {
    "quebec": "tile_plan",
    "canada": "tile_plan",
    "schemes": "tile_plan",
    "sleep": "tile_engines",
    "dask": "tile_engines",
    "pixels": "tile_runs",
    "warped": "tile_runs",
    "sharing": "tile_runs",
    "memory": "tile_runs",
    "kills": "tile_runs",
}


def measure(name: str, data: Path, tiles: int) -> Part:
    """Measure a part in a process of its own.

    Args:
        name: Name of the part.
        data: Folder of the store's file.
        tiles: Number of tiles on Dask.
    """
    module = MODULES[name]
    command = [sys.executable, "-m", f"benchmarks.{module}", name]
    if module == "tile_runs":
        command += ["--data", str(data)]
    elif name == "dask":
        command += ["--tiles", str(tiles)]
    load = os.getloadavg()[0]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return Part(find_commit(), round(load, 1), figures)


def find_commit() -> str:
    """Return the latest commit of the package, with a plus sign if it was changed since."""
    git = ["git", "-C", str(ROOT)]
    found = subprocess.run(
        [*git, "log", "-1", "--abbrev=10", "--format=%h", "--", "hrdem"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "hrdem"], check=False)
    return found.stdout.strip() + "+" * changed.returncode


def main() -> None:
    """Measure parts, and print the table; or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("benchmark-data"))
    parser.add_argument("--parts", default=",".join(MODULES))
    parser.add_argument("--tiles", type=int, default=100_000, help="tiles on Dask")
    parser.add_argument("--output", type=Path, default=ROOT / RESULTS)
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    parts = read_parts(options.output) if options.output.exists() else {}
    if not options.page:
        for name in options.parts.split(","):
            parts[name] = measure(name, options.data.resolve(), options.tiles)
            document = {
                "machine": describe_machine(),
                "parts": {key: part.as_dict() for key, part in sorted(parts.items())},
            }
            options.output.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    if options.page:
        page = ROOT / PAGE
        page.write_text(update_page(page.read_text("utf-8"), options.output), "utf-8")
    if parts.keys() >= MODULES.keys():
        print("\n".join(write_targets(parts)))


if __name__ == "__main__":
    main()
