"""The floor: nothing but the bytes.

An interpreter starts and becomes curl, which fetches the ranges of the tiles, found out beforehand,
over 16 connections and throws them away. Takes ``ranges=FILE``, a file of curl's options.
"""

from __future__ import annotations

import os

from benchmarks.readers.task import Task

CONNECTIONS = 16


def main() -> None:
    ranges = Task.from_command_line().extra["ranges"]
    os.execvp(
        "curl",
        ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-immediate",
         "--parallel-max", str(CONNECTIONS), "--config", ranges],
    )  # fmt: skip


if __name__ == "__main__":
    main()
