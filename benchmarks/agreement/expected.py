"""The output of a request as GDAL's tools make it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from benchmarks.agreement.cases import COLLECTIONS, Case
from benchmarks.agreement.gdal_pipeline import (
    NODATA,
    Heights,
    Raster,
    Store,
    copy,
    derive,
    warp,
)
from benchmarks.agreement.systems import NATIVE_SYSTEM

_GDAL_METHODS = {"nearest": "near"}
Json = dict[str, Any]


@dataclass
class Verdict:
    """What the comparison of one output found.

    Attributes:
        product: Product of the output.
        pixels: Pixels of the output.
        valid: Valid pixels of the output.
        edge: Pixels whose centre is so near to the outline that they may be in or out.
        blended: Pixels that feathering changed, as GDAL's tools see them.
        largest: Largest difference where both are valid.
        findings: Descriptions of what is wrong; empty if all agrees.
    """

    product: str
    pixels: int = 0
    valid: int = 0
    edge: int = 0
    blended: int = 0
    largest: float = 0.0
    findings: list[str] = field(default_factory=list)


def levels_read(result: Json, collection: str) -> int:
    """Return the overview level that was read of a collection."""
    levels = {source["level"] for source in result["sources"] if source["collection"] == collection}
    assert len(levels) <= 1, levels
    return levels.pop() if levels else 0


def native_bounds(case: Case, grid: Raster) -> tuple[float, float, float, float]:
    """Return the bounds of a grid in EPSG:3979, with a wide margin."""
    left, bottom, right, top = grid.bounds
    outline = shapely.segmentize(shapely.box(left, bottom, right, top), (right - left) / 100)
    points = shapely.get_coordinates(outline).T
    x, y = NATIVE_SYSTEM.from_lonlat(*case.system.to_lonlat(*points))
    return (
        float(x.min()) - 3_000,
        float(y.min()) - 3_000,
        float(x.max()) + 3_000,
        float(y.max()) + 3_000,
    )


def make_tier(
    case: Case, tier: str, asset: str, store: Store, grid: Raster, result: Json, folder: Path
) -> Heights:
    """Make the heights of one collection on a grid."""
    collection, own = COLLECTIONS[tier]
    files = store.files(collection, asset, native_bounds(case, grid))
    if not files:
        return np.full((grid.height, grid.width), NODATA, np.float32)
    level = levels_read(result, collection)
    mosaic = store.mosaic(files, level, folder / f"{tier}.vrt")
    source = Raster.of(str(mosaic))
    aligned = all(
        abs(shift / own - round(shift / own)) < 1e-9
        for shift in (source.left - grid.left, source.top - grid.top)
    )
    if case.system is NATIVE_SYSTEM and level == 0 and grid.dx == grid.dy == own and aligned:
        return copy(mosaic, grid, folder / "copied.tif")
    name = _GDAL_METHODS.get(case.method, case.method)
    heights = np.empty((grid.height, grid.width), np.float32)
    for left, top, part, middle in split_cells(case, grid):
        extra = kernel_options(case, grid, middle, own * 2**level)
        heights[top : top + part.height, left : left + part.width] = warp(
            mosaic, part, case.system.proj, name, folder / "warped.tif", extra=extra
        )
    return heights


def merge_tiers(
    case: Case, model: str, store: Store, grid: Raster, result: Json, verdict: Verdict, folder: Path
) -> Heights:
    """Fill pixel by pixel: each collection where those before it have none.

    A canopy height is the difference within one collection.
    """
    sizes = pixel_metres(case, grid)
    border = math.ceil(case.feather / min(sizes))
    inner = np.s_[border : border + grid.height, border : border + grid.width]
    grid = grid.grow(border)
    merged = np.full((grid.height, grid.width), NODATA, np.float32)
    for tier in reversed(case.tiers):
        collection, own = COLLECTIONS[tier]
        level, wanted = levels_read(result, collection), max(sizes)
        if level and own * 2**level * 1.5 > wanted * 1.02:
            verdict.findings.append(f"overview {level} of {tier} for pixels of {wanted:.3g} m")
        assets = ("dsm", "dtm") if model == "chm" else (model,)
        made = [make_tier(case, tier, asset, store, grid, result, folder) for asset in assets]
        heights = made[0]
        if model == "chm":
            both = (made[0] != NODATA) & (made[1] != NODATA)
            heights = np.where(both, made[0] - made[1], np.float32(NODATA)).astype(np.float32)
        hard = blend(heights, merged, 0, sizes)
        merged = blend(heights, merged, case.feather, sizes)
        verdict.blended += int((merged != hard)[inner].sum())
    return merged[inner]


def blend(fine: Heights, coarse: Heights, feather: float, sizes: tuple[float, float]) -> Heights:
    """Lay a collection over coarser ones.

    Within a distance of where it ends, its weight grows with the distance between pixel centres.
    """
    has_fine, has_coarse = fine != NODATA, coarse != NODATA
    merged = np.where(has_fine, fine, coarse)
    x, y = np.meshgrid(
        *(np.arange(n) * size for n, size in zip(fine.shape[::-1], sizes, strict=True))
    )
    ends, both = has_coarse & ~has_fine, np.flatnonzero(has_coarse & has_fine)
    if not feather or not ends.any():
        return merged
    tree = shapely.STRtree(shapely.points(x[ends], y[ends]))
    (near, _), distances = tree.query_nearest(
        shapely.points(x.flat[both], y.flat[both]),
        max_distance=feather,
        return_distance=True,
        all_matches=False,
    )
    weights, places = distances / feather, both[near]
    merged.flat[places] = weights * fine.flat[places] + (1 - weights) * coarse.flat[places]
    return merged


def split_cells(case: Case, grid: Raster) -> list[tuple[int, int, Raster, tuple[float, float]]]:
    """Split a grid into cells, each with the middle of its cell.

    The documented rule: pixels are warped in cells of 16 to 4,096 pixels, 100 km if that is
    between, at multiples of their size from the origin, and a kernel's width is measured in the
    middle of its cell.
    """
    metres = grid.dx * 111_000 if case.system.degrees else grid.dx
    edge = min(4096, max(16, 1 << (int(100_000 / metres).bit_length() - 1)))
    first_column, first_row = grid.left / grid.dx, -grid.top / grid.dy
    if case.like:  # a lattice of its own
        first_column, first_row = math.floor(first_column), math.floor(first_row)
    first_column, first_row = round(first_column), round(first_row)
    cells = []
    for row in range(first_row // edge, (first_row + grid.height - 1) // edge + 1):
        for column in range(first_column // edge, (first_column + grid.width - 1) // edge + 1):
            left = max(column * edge - first_column, 0)
            right = min((column + 1) * edge - first_column, grid.width)
            top = max(row * edge - first_row, 0)
            bottom = min((row + 1) * edge - first_row, grid.height)
            part = Raster(
                grid.left + left * grid.dx,
                grid.top - top * grid.dy,
                grid.dx,
                grid.dy,
                right - left,
                bottom - top,
            )
            middle = (
                grid.left + (column * edge + edge // 2 - first_column) * grid.dx,
                grid.top - (row * edge + edge // 2 - first_row) * grid.dy,
            )
            cells.append((left, top, part, middle))
    return cells


def kernel_options(
    case: Case, grid: Raster, middle: tuple[float, float], source_resolution: float
) -> tuple[str, ...]:
    """Return the width of the kernel, which `gdalwarp` else takes from its source window.

    The documented rule: source pixels under a pixel, rounded to two figures.
    """
    across, down = 1.0, 1.0
    if case.method in ("bilinear", "cubic", "cubicspline"):
        x, y = middle
        corners = np.array([[x, y], [x + grid.dx, y], [x, y - grid.dy]]).T
        px, py = NATIVE_SYSTEM.from_lonlat(*case.system.to_lonlat(*corners))
        sides = np.array([px[1:] - px[0], py[1:] - py[0]])
        across, down = np.linalg.norm(sides, axis=1) / source_resolution
        across, down = (max(1.0, float(f"{round(side, 6):.2g}")) for side in (across, down))
    return "-wo", f"XSCALE={1 / across!r}", "-wo", f"YSCALE={1 / down!r}"


def pixel_metres(case: Case, grid: Raster) -> tuple[float, float]:
    """Return the distances of neighbouring pixels across and down, in metres of EPSG:3979."""
    x, y = grid.left + grid.width / 2 * grid.dx, grid.top - grid.height / 2 * grid.dy
    corners = np.array([[x, y], [x + grid.dx, y], [x, y - grid.dy]]).T
    px, py = NATIVE_SYSTEM.from_lonlat(*case.system.to_lonlat(*corners))
    across, down = np.hypot(px[1:] - px[0], py[1:] - py[0]).tolist()
    return across, down


def expect(
    case: Case, store: Store, grid: Raster, result: Json, verdict: Verdict, folder: Path
) -> tuple[Heights, Heights | None]:
    """Make the output with GDAL's tools, before it is cut to the area.

    Returns:
        Its pixels; and for aspects the slopes in degrees.
    """
    model, _, theme = case.product.partition("-")
    if not theme:
        return merge_tiers(case, model, store, grid, result, verdict, folder), None
    grown = grid.grow(1)
    heights = merge_tiers(case, model, store, grown, result, verdict, folder)
    slopes = None
    if theme == "aspect":
        slopes = derive("slope", heights, grown, case.system.proj, folder)
    return derive(theme, heights, grown, case.system.proj, folder), slopes
