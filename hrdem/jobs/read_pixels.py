"""Execute a plan for a window, and keep its pixels in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Pixels, Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.run_tiles import expand_to_output_blocks, run_tiles
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.plan import Plan
from hrdem.processing.tile_result import TileResult, TileStats
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.options import Compression
from hrdem.tiff.encode import BLOCK


def read_pixels(
    plan: Plan, window: Window, shift_grid: ShiftGrid | None, context: RunContext
) -> tuple[Pixels, TileStats]:
    """Execute a plan for a window, and return its pixels, as `read_pixels_and_sources` does.

    Returns:
        Array of shape (window.height, window.width), and the stats of the tiles that the window
        touches.
    """
    (pixels,), stats = _read(plan, window, shift_grid, context, with_sources=False)
    return pixels, stats


def read_pixels_and_sources(
    plan: Plan, window: Window, shift_grid: ShiftGrid | None, context: RunContext
) -> tuple[list[Pixels], TileStats]:
    """Execute a plan for a window, and return its pixels; nothing but mosaics is written.

    Args:
        plan: The plan. It does not copy blocks.
        window: Pixels of the output to compute.
        shift_grid: From `hrdem.processing.vertical.find_grid.find_shift_grid`.
        context: Client, cache folder, memory limit and progress callback.

    Returns:
        Arrays of shape (window.height, window.width): the pixels, then the ids of their sources
        for each surface of the product, bytes, 0 where there is none. And the stats of the tiles
        that the window touches.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If a mosaic cannot be written to the temporary folder, or read back.
    """
    return _read(plan, window, shift_grid, context, with_sources=True)


def _read(
    plan: Plan,
    window: Window,
    shift_grid: ShiftGrid | None,
    context: RunContext,
    *,
    with_sources: bool,
) -> tuple[list[Pixels], TileStats]:
    assert plan.nodata is not None
    surfaces = plan.request.product.surfaces if with_sources else ()
    size = window.height, window.width
    # left untouched until their tiles arrive, so that they do not reduce the memory to merge with
    arrays: list[Pixels] = [
        np.empty(size, plan.dtype),
        *(np.empty(size, np.uint8) for _ in surfaces),
    ]
    blocks = BlockSet.all_of(expand_to_output_blocks(plan, window), BLOCK)

    def place(result: TileResult) -> None:
        if not result.tiles:
            return
        block = Window(result.column * BLOCK, result.row * BLOCK, BLOCK, BLOCK)
        shared = block.intersection(window)
        if shared is not None:
            here = shared.shifted(-window.column, -window.row).slices
            within = shared.shifted(-block.column, -block.row).slices
            for array, tile in zip(arrays, result.tiles, strict=True):
                stored = array.dtype.newbyteorder("<")  # as `encode` stores it uncompressed
                array[here] = np.frombuffer(tile, stored).reshape(BLOCK, BLOCK)[within]
            blocks.remove(block.column, block.row)

    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        path = Path(folder, "pixels.tif")
        options = OutputOptions(path, compress=Compression.NONE, overviews=False)
        stats, _ = run_tiles(
            plan, window, shift_grid, context, options, place, with_sources=with_sources
        )
    for block in blocks:  # those without data are left
        shared = block.intersection(window)
        if shared is not None:
            here = shared.shifted(-window.column, -window.row).slices
            for array, empty in zip(arrays, (plan.nodata, *(0 for _ in surfaces)), strict=True):
                array[here] = empty
    return arrays, stats
