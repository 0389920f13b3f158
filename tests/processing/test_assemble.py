"""Merging, without files: whatever the split, the result is the picture that was cut up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.geo.grid import Window
from hrdem.processing.assemble import NO_RANK, MergeInput, assemble, cut_stripes, split_into_reads

NODATA = -32767.0


def merged(
    output: Window,
    parts: list[MergeInput],
    files: list[np.ndarray],
    *,
    block: int = 16,
    most_blocks: int = 3,
    most_pixels: int = 400,
) -> tuple[np.ndarray, np.ndarray]:
    """Run the whole merge over arrays that stand for files."""
    pixels = np.full((output.height, output.width), np.nan, "float32")
    owner = np.full(pixels.shape, 77, np.uint8)
    for stripe in cut_stripes(output, block, most_blocks):
        pieces = split_into_reads(stripe, parts, most_pixels)
        arrays = (files[piece.rank][piece.src_window.slices] for piece in pieces)
        for done in assemble(stripe, block, pieces, arrays, parts, "float32", NODATA):
            assert np.isnan(pixels[done.dst_window.slices]).all(), "a block came twice"
            pixels[done.dst_window.slices] = done.pixels
            owner[done.dst_window.slices] = done.ranks
    assert not np.isnan(pixels).any(), "a block is missing"
    return pixels, owner


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    column=st.integers(-40, 60),
    row=st.integers(-40, 60),
    border=st.tuples(st.integers(1, 99), st.integers(1, 99)),
    block=st.sampled_from([8, 16, 64]),
    file_block=st.sampled_from([(16, 16), (7, 5), (100, 1)]),
    most_pixels=st.sampled_from([1, 300, 5000]),
)
def test_four_tiles_on_any_lattice_merge_into_the_picture_that_was_cut(
    width, height, column, row, border, block, file_block, most_pixels
) -> None:
    world = np.arange(100 * 100, dtype="float32").reshape(100, 100)
    world[::7, ::5] = NODATA
    across, down = border
    tiles = [
        Window(0, 0, across, down),
        Window(across, 0, 100 - across, down),
        Window(0, down, across, 100 - down),
        Window(across, down, 100 - across, 100 - down),
    ]
    output = Window(0, 0, width, height)
    parts, files = [], []
    for tile in tiles:
        place = tile.shifted(-column, -row).intersection(output)
        if place is not None:
            window = place.shifted(column - tile.column, row - tile.row)
            parts.append(MergeInput(window, place, file_block, NODATA))
            files.append(world[tile.slices])

    pixels, owner = merged(output, parts, files, block=block, most_pixels=most_pixels)

    expected = np.full((height, width), NODATA, "float32")
    shared = Window(column, row, width, height).intersection(Window(0, 0, 100, 100))
    if shared is not None:
        expected[shared.shifted(-column, -row).slices] = world[shared.slices]
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(owner == NO_RANK, expected == NODATA)


def test_where_two_files_overlap_the_first_wins_and_the_second_fills_its_holes() -> None:
    output = Window(0, 0, 20, 20)
    first = np.full((20, 20), 1, "float32")
    first[5:10, 5:10] = NODATA
    second = np.full((20, 20), 2, "float32")
    parts = [
        MergeInput(output, output, (16, 16), NODATA),
        MergeInput(output, output, (8, 8), NODATA),
    ]

    pixels, owner = merged(output, parts, [first, second])

    assert (pixels[5:10, 5:10] == 2).all()
    assert (pixels == 2).sum() == 25
    np.testing.assert_array_equal(owner, (pixels == 2).astype(np.uint8))


def test_a_file_whose_nodata_is_another_value_or_nan_is_translated() -> None:
    output = Window(0, 0, 4, 1)
    for nodata in (np.nan, -9999.0):
        file = np.array([[1, nodata, 3, 0]], "float32")
        pixels, _ = merged(output, [MergeInput(output, output, (4, 4), nodata)], [file])
        assert pixels.tolist() == [[1, NODATA, 3, 0]]


def test_a_pixel_that_is_nan_is_no_height() -> None:
    output = Window(0, 0, 3, 1)
    file = np.array([[1, np.nan, NODATA]], "float32")
    pixels, owner = merged(output, [MergeInput(output, output, (4, 4), NODATA)], [file])
    assert pixels.tolist() == [[1, NODATA, NODATA]]
    assert owner.tolist() == [[0, NO_RANK, NO_RANK]]


def test_a_file_without_nodata_is_all_data() -> None:
    output = Window(0, 0, 2, 1)
    file = np.array([[NODATA, 0]], "float32")
    _, owner = merged(output, [MergeInput(output, output, (4, 4), None)], [file])
    assert owner.tolist() == [[0, 0]]


def test_a_wide_output_keeps_few_blocks_open() -> None:
    """Blocks are finished row by row within a stripe, so memory does not grow with the area."""
    output = Window(0, 0, 64 * 40, 64 * 40)
    part = MergeInput(output.shifted(13, 29), output, (64, 64), NODATA)
    most = 0
    for stripe in cut_stripes(output, 64, 8):
        pieces = split_into_reads(stripe, [part], 64 * 64 * 4)
        started, finished = set(), 0

        def arrays(pieces=pieces, started=started):
            for piece in pieces:
                started.update(
                    (column, row)
                    for column in range(
                        piece.dst_window.column // 64, -(-piece.dst_window.right // 64)
                    )
                    for row in range(piece.dst_window.row // 64, -(-piece.dst_window.bottom // 64))
                )
                yield np.zeros((piece.dst_window.height, piece.dst_window.width), "float32")

        for _ in assemble(stripe, 64, pieces, arrays(), [part], "float32", NODATA):
            finished += 1
            most = max(most, len(started) - finished)
    assert most <= 3 * 8


def test_no_block_of_a_file_is_read_twice_within_a_stripe() -> None:
    stripe = Window(0, 0, 300, 300)
    part = MergeInput(Window(5, 9, 300, 300), stripe, (32, 32), NODATA)
    read: list[tuple[int, int]] = []
    for piece in split_into_reads(stripe, [part], 4096):
        read += [
            (column, row)
            for column in range(piece.src_window.column // 32, -(-piece.src_window.right // 32))
            for row in range(piece.src_window.row // 32, -(-piece.src_window.bottom // 32))
        ]
    assert len(read) == len(set(read))
