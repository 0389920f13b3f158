"""Merging: pieces of several files onto one grid, block by block, without a seam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.geo.nodata import valid_mask

NO_RANK = 255


@dataclass(frozen=True, slots=True)
class MergeInput:
    """A file's share of the output.

    Attributes:
        window: Pixels of the file, counted on its own grid.
        place: The same pixels, counted on the output grid.
        block: Width and height of the file's blocks, pixels.
        nodata: The file's nodata value; None if every pixel but NaN is data.
    """

    window: Window
    place: Window
    block: tuple[int, int]
    nodata: float | None


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A rectangle to read in one go.

    Attributes:
        part: Index of the part that it belongs to; where parts overlap, the lower index wins.
        window: Pixels of the file.
        place: The same pixels, counted on the output grid.
    """

    part: int
    window: Window
    place: Window


@dataclass(frozen=True, slots=True)
class MergedBlock:
    """A finished block of the output.

    Attributes:
        place: Where it lies on the output grid.
        pixels: Array of shape (place.height, place.width).
        owner: uint8 array of the same shape: index of the part that a pixel came from, 255 for
            pixels without data.
    """

    place: Window
    pixels: Pixels
    owner: NDArray[np.uint8]


def cut_stripes(output: Window, block: int, most_blocks: int) -> Iterator[Window]:
    """Cut an output into vertical stripes, so that its width does not decide over memory.

    Args:
        output: All of the output, or a part that begins at a block.
        block: Side of an output block, pixels; stripes begin at blocks.
        most_blocks: Most blocks side by side.
    """
    return output.split(block * most_blocks, output.height, output.column, output.row)


def split_into_reads(
    stripe: Window, parts: Sequence[MergeInput], most_pixels: int
) -> list[ReadTask]:
    """List what to read for a stripe, from its top to its bottom.

    Pieces end at the lines of their file's own blocks, so that no block is read twice within a
    stripe.

    Args:
        stripe: Part of the output.
        parts: What each file contributes.
        most_pixels: Most pixels of a piece, as far as whole blocks allow.
    """
    found = []
    for index, part in enumerate(parts):
        place = part.place.intersection(stripe)
        if place is None:
            continue
        columns = part.window.column - part.place.column
        rows = part.window.row - part.place.row
        width, height = part.block
        window = place.shifted(columns, rows)
        across, tall = _blocks_of_a_piece(window, part.block, most_pixels)
        first = window.column // width * width
        windows = window.split(width * across, height * tall, column=first)
        found += [ReadTask(index, window, window.shifted(-columns, -rows)) for window in windows]
    found.sort(key=lambda piece: (piece.place.row, piece.place.column, piece.part))
    return found


def _blocks_of_a_piece(window: Window, block: tuple[int, int], most_pixels: int) -> tuple[int, int]:
    """How many blocks side by side and one above the other make pieces of about the same size."""
    width, height = block
    most = max(1, most_pixels // (width * height))
    tall = max(1, math.isqrt(most // 4))
    blocks = -(-window.right // width) - window.column // width
    pieces = -(-blocks // (most // tall))
    return -(-blocks // pieces), tall


def assemble(
    stripe: Window,
    block: int,
    pieces: Sequence[ReadTask],
    arrays: Iterable[Pixels],
    parts: Sequence[MergeInput],
    dtype: str,
    nodata: float,
) -> Iterator[MergedBlock]:
    """Lay pieces onto the blocks of a stripe and yield each block once it is finished.

    Args:
        stripe: Part of the output; begins at a block.
        block: Side of an output block, pixels.
        pieces: What is read, in the order in which it comes.
        arrays: The pixels of each piece, in the same order.
        parts: What each file contributes.
        dtype: Pixel type of the output.
        nodata: Value of pixels that no file holds.

    Yields:
        Every block of the stripe exactly once, blocks that no piece touches last.
    """
    waiting = dict.fromkeys(stripe.split(block, block), 0)
    for piece in pieces:
        for place in _blocks_under(piece.place, stripe, block):
            waiting[place] += 1
    begun: dict[Window, MergedBlock] = {}
    for piece, array in zip(pieces, arrays, strict=True):
        for place in _blocks_under(piece.place, stripe, block):
            target = begun.setdefault(place, _empty(place, dtype, nodata))
            _lay(target, piece, array, parts[piece.part].nodata)
            waiting[place] -= 1
            if not waiting[place]:
                yield begun.pop(place)
                del waiting[place]
    for place in waiting:
        yield _empty(place, dtype, nodata)


def _blocks_under(place: Window, stripe: Window, block: int) -> Iterator[Window]:
    first = stripe.row + (place.row - stripe.row) // block * block
    left = stripe.column + (place.column - stripe.column) // block * block
    for row in range(first, place.bottom, block):
        for column in range(left, place.right, block):
            yield Window(
                column, row, min(block, stripe.right - column), min(block, stripe.bottom - row)
            )


def _empty(place: Window, dtype: str, nodata: float) -> MergedBlock:
    shape = place.height, place.width
    return MergedBlock(place, np.full(shape, nodata, dtype), np.full(shape, NO_RANK, np.uint8))


def _lay(target: MergedBlock, piece: ReadTask, array: Pixels, nodata: float | None) -> None:
    """Copy the valid pixels of a piece into a block, unless a file of more rank holds them."""
    shared = target.place.intersection(piece.place)
    assert shared is not None
    into = shared.shifted(-target.place.column, -target.place.row).slices
    pixels = array[shared.shifted(-piece.place.column, -piece.place.row).slices]
    ours = target.owner[into] > piece.part
    ours &= valid_mask(pixels, nodata)
    np.copyto(target.pixels[into], pixels, where=ours)
    target.owner[into][ours] = piece.part
