"""The byte ranges of a file that a window needs at least."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from benchmarks.store import SquareWindow
from hrdem.geo.grid import Window
from hrdem.tiff.header import read_header

MAX_GAP_BYTES = 64 << 10  # smaller gaps are fetched too
_SPAN = 3 << 20  # bytes; longer stretches are cut into equal parts of about this length


def tile_ranges(path: Path, square: SquareWindow) -> list[tuple[int, int]]:
    """Byte ranges, from and up to, of the tiles under a window."""
    with path.open("rb") as file:

        def fetch(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        level = read_header(fetch, path.stat().st_size, path.name).levels[0]
        tiles = level.tiles_under(Window(square.column, square.row, square.size, square.size))
        needed: list[tuple[int, int]] = []
        for row in range(tiles.row, tiles.bottom):
            first, last = row * level.columns + tiles.column, row * level.columns + tiles.right
            offsets, counts = (
                np.frombuffer(fetch(*array.span(first, last)), array.dtype).astype(np.int64)
                for array in (level.offsets, level.counts)
            )
            there = counts > 0
            ends = offsets + counts
            needed += zip(offsets[there].tolist(), ends[there].tolist(), strict=True)
    return [part for span in _merge(sorted(needed)) for part in _split(*span)]


def write_curl_config(path: Path, url: str, ranges: list[tuple[int, int]]) -> None:
    """Write byte ranges as options of curl."""
    requests = (
        f'url = "{url}"\nrange = "{start}-{stop - 1}"\noutput = "/dev/null"\n'
        for start, stop in ranges
    )
    path.write_text("next\n".join(requests), "utf-8")


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in ranges:
        if merged and start - merged[-1][1] <= MAX_GAP_BYTES:
            merged[-1] = merged[-1][0], stop
        else:
            merged.append((start, stop))
    return merged


def _split(start: int, stop: int) -> list[tuple[int, int]]:
    parts = max(1, round((stop - start) / _SPAN))
    edges = [start + (stop - start) * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))
