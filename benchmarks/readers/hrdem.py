"""hrdem as its user calls it: by bounds, through a catalogue."""

from __future__ import annotations

import ast
from typing import Any

import hrdem
from benchmarks.readers.task import Task

LEFT, TOP = 1_500_000, 0  # of sub-tile 9_2, which a user would not have to know


def main() -> None:
    task = Task.from_command_line()
    left, top = LEFT + task.column, TOP - task.row
    hrdem.extract(
        bbox=(left, top - task.size, left + task.size, top),
        bbox_crs="EPSG:3979",
        product="dtm",
        collection="1m",
        output=task.output,
        cache_dir=f"{task.output}.cache",  # empty at first, and removed after the measurement
        # no other reader writes overviews
        **{"overviews": False, **{name: _value(text) for name, text in task.extra.items()}},
    )


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


if __name__ == "__main__":
    main()
