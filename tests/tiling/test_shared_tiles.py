"""Stored source tiles that several tiles read, against sets of them."""

from __future__ import annotations

import collections

import numpy as np

from hrdem.geo.grid import Window
from hrdem.tiling.shared_tiles import SharedTiles

SHAPE = 12, 15


def test_bytes_are_grouped_by_the_tiles_that_read_them() -> None:
    """Rectangles at random, of which some is not read, of two files."""
    rng = np.random.default_rng(4)
    sizes = {name: rng.integers(1, 1000, SHAPE) for name in ("west", "east")}
    known = collections.defaultdict(set)
    reads = []
    for reader in range(12):
        for name in ("west", "east")[: 1 + reader % 2]:
            row, column = rng.integers(0, 8, 2).tolist()
            window = Window(column, row, *rng.integers(2, 5, 2).tolist())
            taken = np.where(rng.random((window.height, window.width)) < 0.8, 1, 0)
            reads.append((name, SHAPE, [(window, sizes[name][window.slices] * taken)], reader))
            for y, x in np.argwhere(taken).tolist():
                known[name, row + y, column + x].add(reader)
    expected = collections.Counter()
    for (name, row, column), readers in known.items():
        if len(readers) > 1:
            expected[frozenset(readers)] += int(sizes[name][row, column])
    shared = SharedTiles([name] for name, *_ in reads)
    for read in reads:
        shared.add(*read)
    groups = shared.list_groups()
    assert {frozenset(readers): size for size, readers in groups} == expected
    assert len(expected) == len(groups) > 5
