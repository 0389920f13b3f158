"""Merge arrays without files: the result never depends on how the reads are split."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Window
from hrdem.processing.assemble import (
    INFINITE_RANK,
    NO_RANK,
    GatheredBlock,
    MergeInput,
    ReadTask,
    cut_stripes,
    gather_blocks,
    split_into_reads,
)

NODATA = -32767.0


def merge_arrays(
    output: Window,
    inputs: list[MergeInput],
    files: list[np.ndarray],
    *,
    block: int = 16,
    max_blocks: int = 3,
    max_pixels: int = 400,
    nodata: float = NODATA,
) -> tuple[np.ndarray, np.ndarray]:
    """Merge arrays that stand for files, stripe by stripe."""
    pixels = np.full((output.height, output.width), np.nan, "float32")
    ranks = np.full(pixels.shape, 77, np.uint8)
    for stripe in cut_stripes(output, block, max_blocks):
        reads = split_into_reads(stripe, inputs, max_pixels)
        arrays = (files[read.rank][read.src_window.slices] for read in reads)
        blocks = BlockSet.all_of(stripe, block)
        for gathered in gather_blocks(blocks, reads, arrays, inputs, "float32", nodata):
            done = gathered.merge()
            assert any(done.dst_window.intersection(each.dst_window) for each in inputs)
            assert np.isnan(pixels[done.dst_window.slices]).all(), "a block came twice"
            pixels[done.dst_window.slices] = done.pixels
            ranks[done.dst_window.slices] = done.ranks
    ranks[np.isnan(pixels)] = NO_RANK  # blocks outside of all inputs are left out
    return np.nan_to_num(pixels, nan=nodata), ranks


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    column=st.integers(-40, 60),
    row=st.integers(-40, 60),
    border=st.tuples(st.integers(1, 99), st.integers(1, 99)),
    block=st.sampled_from([8, 16, 64]),
    file_block=st.sampled_from([(16, 16), (7, 5), (100, 1)]),
    max_pixels=st.sampled_from([1, 300, 5000]),
)
def test_four_tiles_merge_into_the_original(
    width, height, column, row, border, block, file_block, max_pixels
) -> None:
    """Four tiles cut from an array merge into it again, whatever the blocks and reads."""
    original = np.arange(100 * 100, dtype="float32").reshape(100, 100)
    original[::7, ::5] = NODATA
    border_column, border_row = border
    tiles = [
        Window(0, 0, border_column, border_row),
        Window(border_column, 0, 100 - border_column, border_row),
        Window(0, border_row, border_column, 100 - border_row),
        Window(border_column, border_row, 100 - border_column, 100 - border_row),
    ]
    output = Window(0, 0, width, height)
    inputs, files = [], []
    for tile in tiles:
        dst_window = tile.shifted(-column, -row).intersection(output)
        if dst_window is not None:
            src_window = dst_window.shifted(column - tile.column, row - tile.row)
            inputs.append(MergeInput(src_window, dst_window, file_block, NODATA))
            files.append(original[tile.slices])

    pixels, ranks = merge_arrays(output, inputs, files, block=block, max_pixels=max_pixels)

    expected = np.full((height, width), NODATA, "float32")
    shared = Window(column, row, width, height).intersection(Window(0, 0, 100, 100))
    if shared is not None:
        expected[shared.shifted(-column, -row).slices] = original[shared.slices]
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(ranks == NO_RANK, expected == NODATA)


def test_first_file_wins_and_second_fills_its_holes() -> None:
    output = Window(0, 0, 20, 20)
    first = np.full((20, 20), 1, "float32")
    first[5:10, 5:10] = NODATA
    second = np.full((20, 20), 2, "float32")
    inputs = [
        MergeInput(output, output, (16, 16), NODATA),
        MergeInput(output, output, (8, 8), NODATA),
    ]

    pixels, ranks = merge_arrays(output, inputs, [first, second])

    assert (pixels[5:10, 5:10] == 2).all()
    assert (pixels == 2).sum() == 25
    np.testing.assert_array_equal(ranks, (pixels == 2).astype(np.uint8))


def test_other_nodata_values_are_translated() -> None:
    """A file whose nodata is NaN or another value gets the nodata of the output."""
    output = Window(0, 0, 4, 1)
    for nodata in (np.nan, -9999.0):
        file = np.array([[1, nodata, 3, 0]], "float32")
        pixels, _ = merge_arrays(output, [MergeInput(output, output, (4, 4), nodata)], [file])
        assert pixels.tolist() == [[1, NODATA, 3, 0]]


@pytest.mark.parametrize("left", [-9999.0, 7.0])
def test_height_that_is_nodata_in_another_file_is_kept(left: float) -> None:
    """Where the output's nodata is 0, heights of 0 m from a file with another were nodata."""
    output = Window(0, 0, 3, 1)
    file = np.array([[left, 0, 3]], "float32")
    inputs = [MergeInput(output, output, (4, 4), -9999.0)]
    pixels, _ = merge_arrays(output, inputs, [file], nodata=0.0)
    assert pixels[0, 0] == (0 if left == -9999 else 7)
    assert 0 < abs(pixels[0, 1]) < 1e-30
    assert pixels[0, 2] == 3


def test_nan_pixels_become_nodata() -> None:
    output = Window(0, 0, 3, 1)
    file = np.array([[1, np.nan, NODATA]], "float32")
    pixels, ranks = merge_arrays(output, [MergeInput(output, output, (4, 4), NODATA)], [file])
    assert pixels.tolist() == [[1, NODATA, NODATA]]
    assert ranks.tolist() == [[0, NO_RANK, NO_RANK]]


def test_file_without_nodata_is_all_valid() -> None:
    output = Window(0, 0, 2, 1)
    file = np.array([[NODATA, 0]], "float32")
    _, ranks = merge_arrays(output, [MergeInput(output, output, (4, 4), None)], [file])
    assert ranks.tolist() == [[0, 0]]


def test_wide_output_keeps_few_blocks_open() -> None:
    """Blocks are finished row by row in a stripe, so memory does not grow with the area."""
    output = Window(0, 0, 64 * 40, 64 * 40)
    source = MergeInput(output.shifted(13, 29), output, (64, 64), NODATA)
    max_open = 0
    for stripe in cut_stripes(output, 64, 8):
        reads = split_into_reads(stripe, [source], 64 * 64 * 4)
        started, finished = set(), 0

        def arrays(reads=reads, started=started):
            for read in reads:
                started.update(
                    (column, row)
                    for column in range(
                        read.dst_window.column // 64, -(-read.dst_window.right // 64)
                    )
                    for row in range(read.dst_window.row // 64, -(-read.dst_window.bottom // 64))
                )
                yield np.zeros((read.dst_window.height, read.dst_window.width), "float32")

        for _ in gather_blocks(
            BlockSet.all_of(stripe, 64), reads, arrays(), [source], "float32", NODATA
        ):
            finished += 1
            max_open = max(max_open, len(started) - finished)
    assert max_open <= 3 * 8


def test_no_source_block_is_read_twice_in_a_stripe() -> None:
    stripe = Window(0, 0, 300, 300)
    source = MergeInput(Window(5, 9, 300, 300), stripe, (32, 32), NODATA)
    blocks: list[tuple[int, int]] = []
    for read in split_into_reads(stripe, [source], 4096):
        blocks += [
            (column, row)
            for column in range(read.src_window.column // 32, -(-read.src_window.right // 32))
            for row in range(read.src_window.row // 32, -(-read.src_window.bottom // 32))
        ]
    assert len(blocks) == len(set(blocks))


def test_only_chosen_blocks_are_assembled() -> None:
    """Of an output that starts at another place than the grid; the last blocks are smaller."""
    stripe, source = Window(32, 48, 50, 40), Window(5, 9, 60, 60)
    chosen = np.array([[True, False, True, True], [False] * 4, [True, True, False, True]])
    inputs = [MergeInput(source, Window(30, 45, 60, 60), (16, 8), NODATA)]
    file = np.arange(80 * 80, dtype="float32").reshape(80, 80)
    reads = split_into_reads(stripe, inputs, 200)
    arrays = (file[read.src_window.slices] for read in reads)
    blocks = BlockSet(stripe, 16, chosen)
    gathered = gather_blocks(blocks, reads, arrays, inputs, "float32", NODATA)
    done = [each.merge() for each in gathered]
    found = {(each.dst_window.column, each.dst_window.row): each for each in done}
    assert len(found) == len(done)
    assert sorted(found) == sorted([(32, 48), (64, 48), (80, 48), (32, 80), (48, 80), (80, 80)])
    assert found[80, 80].dst_window == Window(80, 80, 2, 8)
    for each in done:
        moved = each.dst_window.shifted(5 - 30, 9 - 45)
        np.testing.assert_array_equal(each.pixels, file[moved.slices])


def test_infinite_pixels_are_marked_where_no_source_has_data() -> None:
    """Neither nodata nor NaN is infinite."""
    output = Window(0, 0, 5, 1)
    first = np.array([[np.inf, -np.inf, np.inf, np.nan, NODATA]], "float32")
    second = np.array([[NODATA, NODATA, 7, NODATA, -np.inf]], "float32")
    inputs = [MergeInput(output, output, (8, 8), NODATA)] * 2
    pixels, ranks = merge_arrays(output, inputs, [first, second])
    assert pixels.tolist() == [[NODATA, NODATA, 7, NODATA, NODATA]]
    assert INFINITE_RANK < NO_RANK == 255
    assert ranks.tolist() == [[INFINITE_RANK, INFINITE_RANK, 1, NO_RANK, INFINITE_RANK]]


def test_pixels_of_one_source_are_passed_on_as_they_were_read() -> None:
    """Without a copy where one read has them all, and with one number for all of them."""
    block = Window(16, 0, 16, 16)
    inputs = [MergeInput(block, block, (16, 16), NODATA)] * 3
    file = np.arange(256, dtype="float32").reshape(16, 16)
    whole = GatheredBlock(block, inputs, "float32", NODATA)
    whole.add(ReadTask(2, block, block), file)
    assert whole.merge().ranks == 2
    assert np.shares_memory(whole.merge().pixels, file)
    halves = GatheredBlock(block, inputs, "float32", NODATA)
    for half in block.split(16, 8):
        halves.add(ReadTask(2, half, half), file[half.slices[0]])
    assert halves.merge().ranks == 2
    np.testing.assert_array_equal(halves.merge().pixels, file)


def test_pixels_of_several_sources_are_not_kept_until_the_block_is_complete() -> None:
    """So memory does not depend on how many sources overlap."""
    block = Window(0, 0, 16, 16)
    gathered = GatheredBlock(
        block, [MergeInput(block, block, (16, 16), NODATA)] * 9, "float32", NODATA
    )
    arrays = [np.full((16, 16), rank, "float32") for rank in range(9)]
    released = [weakref.ref(array) for array in arrays]
    for rank in (4, 5, 3, 8):
        gathered.add(ReadTask(rank, block, block), arrays[rank])
    arrays.clear()
    assert not any(each() is not None for each in released)
    assert (gathered.merge().pixels == 3).all()


def test_reads_come_from_top_to_bottom_and_in_few_pieces() -> None:
    """Two rectangles of five by one blocks of 32 pixels a row, of the ten that are touched."""
    part = Window(0, 0, 300, 70)
    inputs = [MergeInput(Window(69, 9, 300, 70), part, (32, 32), NODATA)]
    reads = split_into_reads(part, inputs, 8 * 32 * 32)
    assert [(read.src_window.column, read.src_window.row) for read in reads] == [
        (69, 9), (224, 9), (69, 32), (224, 32), (69, 64), (224, 64),
    ]  # fmt: skip
    assert sum(read.src_window.pixels for read in reads) == part.pixels


def test_reads_of_several_sources_are_in_one_order() -> None:
    """By row, so that blocks of the output are complete early; then by column, then by rank."""
    lower, upper = Window(0, 40, 60, 20), Window(0, 0, 90, 50)
    inputs = [MergeInput(each, each, (32, 32), NODATA) for each in (lower, upper, upper)]
    reads = split_into_reads(Window(0, 0, 90, 60), inputs, 1)
    order = [(read.dst_window.row, read.dst_window.column, read.rank) for read in reads]
    assert order[:4] == [(0, 0, 1), (0, 0, 2), (0, 32, 1), (0, 32, 2)]
    assert order == sorted(order)
    assert {rank for *_, rank in order} == {0, 1, 2}
