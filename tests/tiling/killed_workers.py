"""A worker that makes one tile, and is killed on the way."""

from __future__ import annotations

import subprocess
import sys

# says what it is about to do, and waits to be killed there
_WORKER = """
import sys
from hrdem.tiling.output_store import open_store

def reach(place):
    if place == sys.argv[2]:
        print(place, flush=True)
        sys.stdin.read()

store = open_store(sys.argv[1])
with store.write_file("a.tif") as path:
    path.write_bytes(b"half of ")
    reach("inside the raster")
    path.write_bytes(b"the whole raster")
reach("between raster and item")
store.write("a.stac.json", b"the item", if_absent=True)
reach("after the item")
"""
# where it is killed, and the files that are left then
PLACES: dict[str, dict[str, int]] = {
    "inside the raster": {},
    "between raster and item": {"a.tif": 16},
    "after the item": {"a.tif": 16, "a.stac.json": 8},
}


def kill_at(place: str, address: str) -> None:
    """Run a worker and kill it at a place."""
    command = [sys.executable, "-c", _WORKER, address, place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().decode().strip() == place
        worker.kill()


def finish(address: str) -> None:
    """Run a worker to its end."""
    subprocess.run([sys.executable, "-c", _WORKER, address, ""], check=True)
