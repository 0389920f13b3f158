"""The files of a set in one projection, written by strips of rows from heights in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import VOID
from hrdem.legacy.bc import names
from hrdem.legacy.bc.blocks import Block, Projection
from hrdem.legacy.bc.colours import mix_colours, repeat_grey
from hrdem.legacy.bc.derivatives import (
    Heights,
    Rise,
    compute_aspect,
    compute_hillshade,
    compute_rise,
    compute_slope_degrees,
    compute_slope_percent,
)
from hrdem.legacy.bc.encode import make_header
from hrdem.legacy.bc.names import ASC, DEM, TFW, TIF, FileName, Product
from hrdem.legacy.bc.picture import BANDS, format_picture_header
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.usgsdem.ascii_grid import format_ascii_header, format_ascii_rows
from hrdem.usgsdem.elements import RECORD_BYTES, Layout
from hrdem.usgsdem.records import count_records
from hrdem.usgsdem.world_file import format_world_file
from hrdem.usgsdem.write import measure_heights, write_dem

MAX_NUMBER_BYTES = 6  # of a pixel as text, such as "-9999 "
STRIP_ROWS = 16  # some 100,000 pixels, 40 bytes each as files, and 100 while they are computed
_ENCODERS = min(4, os.cpu_count() or 1)  # threads
_MAX_PENDING_STRIPS = _ENCODERS + 1

OnPixels = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ProjectedBlock:
    """A block in one projection: what its files follow from.

    Attributes:
        block: The block.
        projection: The projection.
        grid: Grid of the files.
        heights: int16 array of shape (rows + 2, columns + 2), metres above CGVD28: the pixels of
            the files, with one ring of neighbours; `VOID` where there is no height. In BC Albers
            pixels outside the block have their heights too.
    """

    block: Block
    projection: Projection
    grid: Grid
    heights: Heights


def write_files(
    made: ProjectedBlock, products: Sequence[Product], folder: Path, on_pixels: OnPixels
) -> None:
    """Write the files of a block in one projection.

    Derivatives are computed before pixels outside the block are masked (BC 2.0, 3.3). When the
    heights' own files are written, these are masked in place.

    Args:
        made: The block.
        products: Products to write.
        folder: Existing folder.
        on_pixels: Called with the pixels that are written, of `count_pixels` in total.

    Raises:
        OSError: If a file cannot be written.
    """
    block, projection, grid = made.block, made.projection, made.grid
    mask = block.make_mask(grid) if projection is Projection.ALBERS else None

    def open_file(stack: ExitStack, product: Product, kind: str) -> BinaryIO:
        name = FileName(block.name, projection, product.variant, kind)
        return stack.enter_context((folder / str(name)).open("wb"))

    by_rows = [product for product in products if product.type != DEM]
    with ExitStack() as stack:
        files = [open_file(stack, product, product.type) for product in by_rows]
        for product, file in zip(by_rows, files, strict=True):
            file.write(_format_header(product, grid))
            if product.type == TIF:
                open_file(stack, product, TFW).write(format_world_file(grid))
        if files:
            _write_rows(made, by_rows, files, mask, on_pixels)
        for product in (product for product in products if product.type == DEM):
            heights = made.heights[1:-1, 1:-1]
            if mask is not None:
                _mask_heights(heights, grid, mask)
            header = make_header(block, projection, grid, *_find_range(heights))
            write_dem(open_file(stack, product, DEM), header, Layout.BC, heights)
            on_pixels(grid.window.pixels)


def count_pixels(grid: Grid, products: Sequence[Product]) -> int:
    """Return the pixels that `write_files` reports."""
    kinds = {product.type == DEM for product in products}
    return len(kinds) * grid.window.pixels


def count_max_bytes(grid: Grid, products: Sequence[Product]) -> int:
    """Return the largest size that the files of products can have in one projection."""
    return sum(
        {
            DEM: (1 + grid.width * count_records(grid.height)) * RECORD_BYTES,
            ASC: grid.window.pixels * MAX_NUMBER_BYTES,
            TIF: grid.window.pixels * BANDS,
        }[product.type]
        for product in products
    )


def _format_header(product: Product, grid: Grid) -> bytes:
    if product.type == ASC:
        return format_ascii_header(grid)
    return format_picture_header(grid.width, grid.height)


def _write_rows(
    made: ProjectedBlock,
    products: Sequence[Product],
    files: Sequence[BinaryIO],
    mask: PolygonMask | None,
    on_pixels: OnPixels,
) -> None:
    north = made.block.compute_north(made.projection)

    def encode(strip: Window) -> list[memoryview]:
        heights = made.heights[strip.row : strip.bottom + 2]
        outside = None if mask is None else ~mask.rasterize(strip)
        return list(_encode_strip(heights, products, north, outside))

    strips = list(made.grid.window.split(made.grid.width, STRIP_ROWS))
    with thread_pool(_ENCODERS, "strip") as pool:
        encoded = map_in_order(pool, encode, strips, _MAX_PENDING_STRIPS)
        for strip, contents in zip(strips, encoded, strict=True):
            for file, content in zip(files, contents, strict=True):
                file.write(content)
            on_pixels(strip.pixels)


def _encode_strip(
    heights: Heights,
    products: Sequence[Product],
    north: float,
    outside: NDArray[np.bool_] | None,
) -> Iterator[memoryview]:
    """Yield the content of each product for some rows.

    Args:
        heights: Rows of `ProjectedBlock.heights`, with the one above and the one below.
        products: Products, not DEMs.
        north: Angle from grid north to true north, degrees clockwise.
        outside: Pixels to mask, shape (rows, columns); None for none.
    """
    rise = compute_rise(heights)
    centre = heights[1:-1, 1:-1]
    shades: dict[int, NDArray[np.uint8]] = {}
    for product in products:
        if product.sun is None:
            numbers = _compute_numbers(product, centre, rise, north)
            if outside is not None:
                numbers[outside] = VOID
            yield format_ascii_rows(numbers)
            continue
        if product.sun not in shades:
            shade = shades[product.sun] = compute_hillshade(rise, product.sun)
            if outside is not None:
                shade[outside] = 0
        shade = shades[product.sun]
        yield (mix_colours(centre, shade) if product.is_coloured else repeat_grey(shade)).data


def _compute_numbers(
    product: Product, centre: Heights, rise: Rise, north: float
) -> NDArray[np.int16]:
    match product.variant:
        case names.SLOPE_PERCENT:
            return compute_slope_percent(rise)
        case names.SLOPE_DEGREES:
            return compute_slope_degrees(rise)
        case names.ASPECT:
            return compute_aspect(rise, north)
    return centre.copy()


def _mask_heights(heights: Heights, grid: Grid, mask: PolygonMask) -> None:
    """Make pixels outside the block void, in place."""
    for strip in grid.window.split(grid.width, STRIP_ROWS):
        heights[strip.row : strip.bottom][~mask.rasterize(strip)] = VOID


def _find_range(heights: Heights) -> tuple[int, int]:
    """Return the least and the greatest height; -32767 twice if all are void."""
    strips = np.array_split(heights, -(-len(heights) // STRIP_ROWS))
    found = [(low, high) for low, high, _ in map(measure_heights, strips) if low != VOID]
    if not found:
        return VOID, VOID
    lows, highs = zip(*found, strict=True)
    return min(lows), max(highs)
