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


def tiles_under(path: Path, square: SquareWindow) -> list[tuple[int, int, int, int]]:
    """Column, row, offset and length of each tile under a window that is not absent."""
    with path.open("rb") as file:

        def fetch(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        level = read_header(fetch, path.stat().st_size, path.name).levels[0]
        tiles = level.tiles_under(Window(square.column, square.row, square.size, square.size))
        columns = range(tiles.column, tiles.right)
        found: list[tuple[int, int, int, int]] = []
        for row in range(tiles.row, tiles.bottom):
            first, last = row * level.columns + tiles.column, row * level.columns + tiles.right
            offsets, counts = (
                np.frombuffer(fetch(*array.span(first, last)), array.dtype).tolist()
                for array in (level.offsets, level.counts)
            )
            every = zip(columns, itertools.repeat(row), offsets, counts, strict=False)
            found += [tile for tile in every if tile[3]]
    return found


def tile_ranges(tiles: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """Byte ranges, from and up to, that hold tiles."""
    needed = sorted((offset, offset + count) for _, _, offset, count in tiles)
    return [part for span in _merge(needed) for part in _split(*span)]


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
