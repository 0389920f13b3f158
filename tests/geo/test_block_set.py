"""Sets of blocks: worked by hand on three by three blocks, the last of which are smaller."""

from __future__ import annotations

import numpy as np

from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Window

WINDOW = Window(20, 30, 25, 23)  # columns 20, 30 and 40 to 45, rows 30, 40 and 50 to 53


def choose(*rows: str) -> BlockSet:
    return BlockSet(WINDOW, 10, np.array([[letter == "x" for letter in row] for row in rows]))


def test_blocks_at_the_edges_are_smaller() -> None:
    assert [*choose("x.x", "...", ".xx")] == [
        Window(20, 30, 10, 10),
        Window(40, 30, 5, 10),
        Window(30, 50, 10, 3),
        Window(40, 50, 5, 3),
    ]
    assert choose("x.x", "...", ".xx").pixels == 100 + 50 + 30 + 15
    whole = BlockSet.all_of(WINDOW, 10)
    assert whole.chosen.shape == (3, 3)
    assert whole.pixels == WINDOW.pixels


def test_blocks_are_found_by_their_corner() -> None:
    blocks = choose("x..", "...", ".x.")
    assert Window(20, 30, 10, 10) in blocks
    assert Window(30, 50, 10, 3) in blocks
    assert Window(30, 30, 10, 10) not in blocks
    blocks.remove(30, 50)
    assert [*blocks] == [Window(20, 30, 10, 10)]
    assert [*(choose("xx.", "...", "x..") & choose("x..", "...", ".x."))] == [*blocks]


def test_a_part_holds_its_own_blocks() -> None:
    part = choose("xxx", "x.x", "..x").within(Window(30, 40, 15, 13))
    assert part.chosen.tolist() == [[False, True], [False, True]]
    assert [*part] == [Window(40, 40, 5, 10), Window(40, 50, 5, 3)]


def test_runs_of_rows_leave_out_empty_rows_and_columns() -> None:
    assert [*choose(".x.", "...", ".xx").runs()] == [Window(30, 30, 10, 10), Window(30, 50, 15, 3)]
    assert [*choose("...", "x..", ".x.").runs()] == [Window(20, 40, 20, 13)]
    assert [*choose("...", "...", "...").runs()] == []
