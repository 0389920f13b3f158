"""gdal_translate, tuned. The benchmark runs `command` directly, without an interpreter before."""

from __future__ import annotations

import os

from benchmarks.readers.task import BLOCK, TUNED, Task

_CREATION = {
    "TILED": "YES", "BLOCKXSIZE": BLOCK, "BLOCKYSIZE": BLOCK, "COMPRESS": "DEFLATE",
    "PREDICTOR": 3, "ZLEVEL": 1, "NUM_THREADS": "ALL_CPUS", "BIGTIFF": "IF_SAFER",
}  # fmt: skip


def command(task: Task) -> list[str]:
    """The command line for a task."""
    words = ["gdal_translate", "-q"]
    for name, value in TUNED.items():
        words += ["--config", name, value]
    for name, value in _CREATION.items():
        words += ["-co", f"{name}={value}"]
    window = (task.column, task.row, task.size, task.size)
    return [*words, "-srcwin", *map(str, window), f"/vsicurl/{task.url}", task.output]


if __name__ == "__main__":
    found = command(Task.from_command_line())
    os.execvp(found[0], found)
