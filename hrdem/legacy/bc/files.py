"""The files of a set in one projection, written by strips of rows and of columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import VOID
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
from hrdem.legacy.bc.header import make_header
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.bc.picture import BANDS, format_picture_header
from hrdem.legacy.bc.products import (
    ASC,
    ASPECT,
    DEM,
    SLOPE_DEGREES,
    SLOPE_PERCENT,
    TFW,
    TIF,
    Product,
)
from hrdem.legacy.bc.projected import ProjectedBlock
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.usgsdem.ascii_grid import format_ascii_header
from hrdem.usgsdem.ascii_pixels import format_ascii_rows
from hrdem.usgsdem.elements import RECORD_BYTES, Layout
from hrdem.usgsdem.records import count_records
from hrdem.usgsdem.world_file import format_world_file
from hrdem.usgsdem.write import write_dem

MAX_NUMBER_BYTES = 6  # of a pixel as text, such as "-9999 "
STRIP_ROWS = 16  # some 100,000 pixels, 40 bytes each as files, and 100 while they are computed
MAX_COLUMN_PIXELS = 2_000_000  # of columns that are read at once
_ENCODERS = min(4, os.cpu_count() or 1)  # threads
_MAX_PENDING_STRIPS = _ENCODERS + 1

OnPixels = Callable[[int], None]


def write_files(
    projected: ProjectedBlock,
    products: Sequence[Product],
    height_range: tuple[int, int],
    folder: Path,
    on_pixels: OnPixels,
) -> None:
    """Write the files of a block in one projection.

    Derivatives are computed before pixels outside the block are masked (BC 2.0, 3.3).

    Args:
        projected: The block and its heights.
        products: Products to write.
        height_range: Least and greatest height that is not masked; -32767 twice for none.
        folder: Existing folder.
        on_pixels: Called with the pixels that are written, of `count_pixels` in total.

    Raises:
        OSError: If a file cannot be written.
    """
    block, projection, grid = projected.block, projected.projection, projected.grid

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
            _write_rows(projected, by_rows, files, on_pixels)
        for product in (product for product in products if product.type == DEM):
            write_dem(
                open_file(stack, product, DEM),
                make_header(block, projection, grid, *height_range),
                Layout.BC,
                _read_columns(projected),
                lambda profiles: on_pixels(profiles * grid.height),
            )


def _read_columns(projected: ProjectedBlock) -> Iterator[Heights]:
    grid = projected.grid
    edge = max(1, MAX_COLUMN_PIXELS // grid.height)
    for part in grid.window.split(edge, grid.height):
        yield projected.read_masked_columns(part.column, part.width)


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
    projected: ProjectedBlock,
    products: Sequence[Product],
    files: Sequence[BinaryIO],
    on_pixels: OnPixels,
) -> None:
    north = projected.block.compute_north(projected.projection)
    grid = projected.grid

    def encode(strip: Window) -> list[memoryview]:
        heights = projected.read_with_neighbours(strip.row, strip.height)
        return list(_encode_strip(heights, products, north, projected.find_outside(strip)))

    strips = list(grid.window.split(grid.width, STRIP_ROWS))
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
        heights: Rows of heights, with one ring of neighbours.
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
    if product.variant == SLOPE_PERCENT:
        return compute_slope_percent(rise)
    if product.variant == SLOPE_DEGREES:
        return compute_slope_degrees(rise)
    if product.variant == ASPECT:
        return compute_aspect(rise, north)
    return centre.copy()
