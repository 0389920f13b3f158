"""Assemble the pixels of several sources on one grid, block by block, without seams."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.band import is_infinite
from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Pixels, Window
from hrdem.geo.nodata import avoid_nodata, is_all_valid, valid_mask

NO_RANK = 255
INFINITE_RANK = 254  # of pixels without data that are infinite in a source


@dataclass(frozen=True, slots=True)
class MergeInput:
    """One source of a merge. Its rank is its index: where sources overlap, the lowest rank wins.

    Attributes:
        src_window: Pixels of the source, on its own grid.
        dst_window: The same pixels on the output grid.
        block: Width and height of the source's blocks, pixels.
        nodata: Nodata value of the source; None if every pixel but NaN is valid.
    """

    src_window: Window
    dst_window: Window
    block: tuple[int, int]
    nodata: float | None


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A rectangle to read in one go.

    Attributes:
        rank: Rank of the source.
        src_window: Pixels of the source.
        dst_window: The same pixels on the output grid.
    """

    rank: int
    src_window: Window
    dst_window: Window

    def crop(self, src_window: Window) -> ReadTask:
        """Return the task for a window of the same source."""
        columns = self.dst_window.column - self.src_window.column
        rows = self.dst_window.row - self.src_window.row
        return ReadTask(self.rank, src_window, src_window.shifted(columns, rows))


@dataclass(frozen=True, slots=True)
class MergedBlock:
    """A block of the output.

    Attributes:
        dst_window: Its window on the output grid.
        pixels: Array of shape (dst_window.height, dst_window.width).
        ranks: uint8 array of the same shape: rank of the source of each pixel, `NO_RANK` or
            `INFINITE_RANK` for pixels without data. A number if one source has data at all of them.
    """

    dst_window: Window
    pixels: Pixels
    ranks: NDArray[np.uint8] | int


def cut_stripes(output: Window, block: int, max_blocks: int) -> Iterator[Window]:
    """Cut an output into vertical stripes, so that memory does not depend on its width.

    Args:
        output: The whole output, or a part that starts at a block.
        block: Edge of an output block, pixels; stripes start at blocks.
        max_blocks: Maximum width of a stripe, blocks.
    """
    return output.split(block * max_blocks, output.height, output.column, output.row)


def split_into_reads(part: Window, inputs: Sequence[MergeInput], max_pixels: int) -> list[ReadTask]:
    """List the rectangles to read for a part of the output, from top to bottom.

    Rectangles end at the block boundaries of their source, so that no block is read twice within a
    part.

    Args:
        part: Part of the output.
        inputs: The sources, by rank.
        max_pixels: Maximum pixels of a rectangle, unless a single block has more.
    """
    reads = []
    for rank, source in enumerate(inputs):
        dst_window = source.dst_window.intersection(part)
        if dst_window is None:
            continue
        whole = ReadTask(rank, source.src_window, source.dst_window)
        src_window = dst_window.shifted(
            source.src_window.column - source.dst_window.column,
            source.src_window.row - source.dst_window.row,
        )
        width, height = source.block
        across, down = _count_blocks(src_window, source.block, max_pixels)
        first = src_window.column // width * width
        windows = src_window.split(width * across, height * down, column=first)
        reads += [whole.crop(window) for window in windows]
    reads.sort(key=lambda read: (read.dst_window.row, read.dst_window.column, read.rank))
    return reads


def _count_blocks(window: Window, block: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """Return how many blocks, across and down, split a window into rectangles of similar size."""
    width, height = block
    max_blocks = max(1, max_pixels // (width * height))
    down = max(1, math.isqrt(max_blocks // 4))
    blocks = -(-window.right // width) - window.column // width
    rectangles = -(-blocks // (max_blocks // down))
    return -(-blocks // rectangles), down


class GatheredBlock:
    """What sources have of a block, until all of it has arrived.

    The pixels of one source are kept as they were read, and joined by `merge`. Those of several
    are merged as they arrive, so that memory does not depend on their number.

    A height that equals the nodata value of the output, and not that of its source, is moved to
    the next number.

    Args:
        dst_window: Window of the block on the output grid.
        inputs: The sources, by rank.
        dtype: Pixel type of the output.
        nodata: Value of pixels without data.
    """

    def __init__(
        self, dst_window: Window, inputs: Sequence[MergeInput], dtype: str, nodata: float
    ) -> None:
        self.dst_window = dst_window
        self._inputs = inputs
        self._dtype = dtype
        self._nodata = nodata
        self._pieces: list[tuple[ReadTask, Pixels]] = []
        self._pixels: Pixels | None = None
        self._ranks: NDArray[np.uint8] = np.empty(0, np.uint8)

    def add(self, read: ReadTask, array: Pixels) -> None:
        """Add a rectangle that touches the block."""
        self._pieces.append((read, array))
        if read.rank != self._pieces[0][0].rank or self._pixels is not None:
            self._merge_pieces()

    def merge(self) -> MergedBlock:
        """Merge what was added; the sources' arrays are not modified."""
        if self._pixels is None:
            rank = self._pieces[0][0].rank
            pixels = self._join_pieces()
            if pixels is not None and is_all_valid(pixels, self._inputs[rank].nodata):
                return MergedBlock(self.dst_window, self._keep_valid(pixels, rank), rank)
            self._merge_pieces()
        assert self._pixels is not None
        return MergedBlock(self.dst_window, self._pixels, self._ranks)

    def _join_pieces(self) -> Pixels | None:
        """Return the pixels of the only source; None if it does not cover the block."""
        shared = [self._share(read) for read, _ in self._pieces]
        if sum(each.pixels for each in shared) < self.dst_window.pixels:
            return None
        if len(shared) == 1:
            return np.ascontiguousarray(self._cut_out(*self._pieces[0]), self._dtype)
        pixels: Pixels = np.empty((self.dst_window.height, self.dst_window.width), self._dtype)
        for window, piece in zip(shared, self._pieces, strict=True):
            pixels[self._place(window)] = self._cut_out(*piece)
        return pixels

    def _merge_pieces(self) -> None:
        """Copy the valid pixels of all pieces, except where a lower rank has data."""
        if self._pixels is None:
            shape = self.dst_window.height, self.dst_window.width
            self._pixels = np.full(shape, self._nodata, self._dtype)
            self._ranks = np.full(shape, NO_RANK, np.uint8)
        for read, array in self._pieces:
            within = self._place(self._share(read))
            pixels, ranks = self._cut_out(read, array), self._ranks[within]
            nodata = self._inputs[read.rank].nodata
            copied = valid_mask(pixels, nodata)
            infinite = None if copied.all() else is_infinite(pixels, nodata)
            copied &= ranks > read.rank
            kept = self._keep_valid(pixels, read.rank)
            np.copyto(self._pixels[within], kept, where=copied)
            ranks[copied] = read.rank
            if infinite is not None:
                ranks[infinite & (ranks == NO_RANK)] = INFINITE_RANK
        self._pieces.clear()

    def _keep_valid(self, pixels: Pixels, rank: int) -> Pixels:
        """Return pixels of a source, of which none with data has the nodata value of the output."""
        own = self._inputs[rank].nodata
        return pixels if own == self._nodata else avoid_nodata(pixels, self._nodata)

    def _share(self, read: ReadTask) -> Window:
        shared = self.dst_window.intersection(read.dst_window)
        assert shared is not None
        return shared

    def _place(self, window: Window) -> tuple[slice, slice]:
        return window.shifted(-self.dst_window.column, -self.dst_window.row).slices

    def _cut_out(self, read: ReadTask, array: Pixels) -> Pixels:
        within = self._share(read).shifted(-read.dst_window.column, -read.dst_window.row)
        return array[within.slices]


def gather_blocks(
    blocks: BlockSet,
    reads: Sequence[ReadTask],
    arrays: Iterable[Pixels],
    inputs: Sequence[MergeInput],
    dtype: str,
    nodata: float,
) -> Iterator[GatheredBlock]:
    """Distribute rectangles to the blocks of a stripe, and yield each block once it is complete.

    Args:
        blocks: The blocks that are wanted.
        reads: The rectangles, in the order in which their pixels arrive. Those of one source do
            not overlap.
        arrays: Pixels of each rectangle, in the same order.
        inputs: The sources, by rank.
        dtype: Pixel type of the output.
        nodata: Value of pixels without data.

    Yields:
        Every wanted block that a rectangle touches, exactly once.
    """
    waiting: collections.Counter[Window] = collections.Counter()
    for read in reads:
        waiting.update(_find_touched_blocks(read.dst_window, blocks))
    started: dict[Window, GatheredBlock] = {}
    for read, array in zip(reads, arrays, strict=True):
        for dst_window in _find_touched_blocks(read.dst_window, blocks):
            if dst_window not in started:
                started[dst_window] = GatheredBlock(dst_window, inputs, dtype, nodata)
            started[dst_window].add(read, array)
            waiting[dst_window] -= 1
            if not waiting[dst_window]:
                yield started.pop(dst_window)


def _find_touched_blocks(window: Window, blocks: BlockSet) -> Iterator[Window]:
    """Yield the blocks of a set that a window touches."""
    stripe, edge = blocks.window, blocks.edge
    top = stripe.row + (window.row - stripe.row) // edge * edge
    left = stripe.column + (window.column - stripe.column) // edge * edge
    for row in range(top, window.bottom, edge):
        for column in range(left, window.right, edge):
            block = Window(
                column, row, min(edge, stripe.right - column), min(edge, stripe.bottom - row)
            )
            if block in blocks:
                yield block
