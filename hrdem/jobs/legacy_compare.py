"""Compare HRDEM with older DEMs: HRDEM minus their heights, on their grid and in their datums."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem._version import __version__
from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.datum import link_crs
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.nodata import VOID
from hrdem.geo.reproject import project_geometry
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.jobs.staged_heights import StagedHeights, stage_heights
from hrdem.legacy.bc.products import ELEVATION
from hrdem.legacy.comparison import Comparison, Counts, FileDifferences
from hrdem.legacy.heights import make_height_request, shift_to_cgvd28
from hrdem.legacy.mosaic import LegacyMosaic
from hrdem.legacy.raster import CGVD28, LegacyRaster
from hrdem.legacy.sampling import choose_sampling
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.output.provenance import ATTRIBUTION, LICENCE_URL, check_raster_output, get_stac_path
from hrdem.planning.estimate import estimate_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.differences import DifferenceTally
from hrdem.processing.statistics import Statistics
from hrdem.processing.vertical.find_grid import find_cgvd28_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.request import Request
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff.encode import BLOCK, choose_tile_format, encode

_READERS = min(4, os.cpu_count() or 1)  # threads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """What is read, where differences are written, and what is accepted.

    Attributes:
        source: Parameters of the source, as `hrdem.extract` has them.
        output: Path of the GeoTIFF.
        zero_is_void: Whether zeros are left out in files where they may stand for no data; see
            `hrdem.legacy.raster.find_void_zeros`.
        overwrite: Whether it may be replaced.
        allow_inaccurate_datum: Whether to continue where PROJ cannot bring the datum of the DEMs to
            NAD83(CSRS) within a metre.
    """

    source: Mapping[str, Any]
    output: Path
    zero_is_void: bool = False
    overwrite: bool = False
    allow_inaccurate_datum: bool = False


def plan_comparison(
    rasters: Sequence[LegacyRaster], options: CompareOptions, http: Http
) -> Comparison:
    """Plan what `compare_rasters` would read and write, without reading heights.

    Raises:
        HrdemError: As `compare_rasters` does.
    """
    mosaic, grid = _place(rasters, options)
    plan = make_plan(_make_request(mosaic, grid, options, http), http)
    planned = _describe(mosaic, grid, options, plan)
    return replace(planned, estimate=estimate_plan(plan, http))


def compare_rasters(
    rasters: Sequence[LegacyRaster], options: CompareOptions, context: RunContext
) -> Comparison:
    """Write HRDEM minus older DEMs, on their grid, as float32; void where either is void.

    Positions are brought to the datum of the data, and heights of HRDEM from CGVD2013 to CGVD28,
    before they are subtracted.

    Args:
        rasters: The older DEMs, at least one.
        options: What is read, and where differences are written.
        context: Client, cache folder, limits and progress callback.

    Raises:
        RequestError: If the DEMs cannot be merged, are no heights, or their datum is too
            inaccurate.
        NoDataError: If no node has a height in both.
        HrdemError: As `stage_heights` does.
    """
    mosaic, grid = _place(rasters, options)
    request = _make_request(mosaic, grid, options, context.http)
    shift_grid = find_cgvd28_grid(request.vertical_grid, context.cache, context.http)

    def use(staged: StagedHeights) -> Comparison:
        return _write(staged, mosaic, grid, options, shift_grid)

    nodes = sum(tile.pixels for tile in mosaic.tiles)
    done, transfer = stage_heights(request, context, use, more_pixels=nodes)
    return replace(done, transfer=transfer)


def _place(rasters: Sequence[LegacyRaster], options: CompareOptions) -> tuple[LegacyMosaic, Grid]:
    """Merge the DEMs, and return their grid with a CRS that is linked to NAD83(CSRS)."""
    inputs = {raster.file.path for raster in rasters}
    check_raster_output(options.output, options.overwrite, inputs)
    mosaic = LegacyMosaic(rasters, zero_is_void=options.zero_is_void)
    first, grid = mosaic.rasters[0], mosaic.grid
    if first.theme != ELEVATION:
        raise RequestError(
            f"{first.file.label} has no heights but {first.theme}. Give a file of elevation."
        )
    other = next((each for each in mosaic.rasters if each.vertical_datum != CGVD28), None)
    if other is not None:
        datum = other.vertical_datum
        log.warning(
            "%s does not say that its heights are in CGVD28%s. Those of HRDEM are brought to "
            "CGVD28, so that the differences include what lies between the two datums.",
            other.file.label,
            f", but in {datum}" if datum else "",
        )
    allow = options.allow_inaccurate_datum
    linked = link_crs(grid.crs, grid.bounds, grid.crs, allow_inaccurate=allow)
    return mosaic, replace(grid, crs=linked)


def _describe(mosaic: LegacyMosaic, grid: Grid, options: CompareOptions, plan: Plan) -> Comparison:
    return Comparison(options.output, grid, mosaic.rasters, options.zero_is_void, plan)


def _make_request(mosaic: LegacyMosaic, grid: Grid, options: CompareOptions, http: Http) -> Request:
    boxes = [shapely.box(*grid.crop(window).bounds) for window in mosaic.windows]
    area = project_geometry(shapely.union_all(boxes), grid.crs, LONLAT)
    label = _label(mosaic)
    try:
        return make_height_request(
            area, choose_sampling(grid), label, offline=http.offline, **options.source
        )
    except NoDataError as exc:
        raise NoDataError(
            f"HRDEM has nothing where {label} lies: {exc} Check the position in its header."
        ) from exc


def _label(mosaic: LegacyMosaic) -> str:
    first, *others = mosaic.rasters
    return f"{first.file.label} and {len(others):,} more" if others else first.file.label


@dataclass(frozen=True, slots=True)
class _OwnHeights:
    """What a DEM itself has at the nodes of a window.

    Attributes:
        number: Number of the DEM.
        place: Its part of the window, from the corner of the window.
        steps: Heights of the merged DEMs minus its own, metres, shape (rows, columns); NaN where
            it is void.
    """

    number: int
    place: Window
    steps: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Tile:
    """Differences of a window, compressed; empty bytes without any."""

    window: Window
    metres: NDArray[np.float32]
    own: Sequence[_OwnHeights]
    counts: Counts
    encoded: bytes


def _write(
    staged: StagedHeights,
    mosaic: LegacyMosaic,
    grid: Grid,
    options: CompareOptions,
    shift_grid: ShiftGrid,
) -> Comparison:
    tile_format = choose_tile_format("float32")
    tally, counts = DifferenceTally(grid), Counts()
    by_file = [Statistics()] * len(mosaic.rasters)

    def subtract(task: tuple[Window, Pixels, Sequence[_OwnHeights]]) -> _Tile:
        window, old, own = task
        metres = np.full(old.shape, np.nan, np.float32)
        part = _bound(old != VOID)
        if part is None:
            return _Tile(window, metres, own, Counts(), b"")
        place, within = part.shifted(window.column, window.row), part.slices
        found = staged.read(grid, place)
        shifted = shift_to_cgvd28(found, grid, place, shift_grid)
        has_old = old[within] != VOID
        metres[within] = np.where(has_old, shifted - old[within], np.nan)
        lost = has_old & np.isfinite(found) & ~np.isfinite(shifted)
        valid = np.isfinite(metres)
        known = Counts(*(int(np.count_nonzero(each)) for each in (has_old, valid, lost)))
        pixels = np.where(valid, metres, np.float32(VOID))
        packed = encode(pixels, tile_format, VOID) if known.compared else b""
        return _Tile(window, metres, own, known, packed)

    def read_old() -> Iterator[tuple[Window, Pixels, Sequence[_OwnHeights]]]:
        for window in mosaic.tiles:
            rasters = list(mosaic.read_rasters(window))
            old = mosaic.merge(window, rasters)
            yield window, old, _compare_own(window, old, rasters) if len(by_file) > 1 else ()

    writer = GeoTiffWriter(
        options.output,
        grid,
        str(grid.crs),
        VOID,
        tile_format,
        [Band("HRDEM minus the older DEM", "metre")],
        overwrite=options.overwrite,
    )
    with writer, thread_pool(_READERS, "compare") as pool:
        for tile in map_in_order(pool, subtract, read_old(), 2 * _READERS):
            staged.meter.add(tile.window.pixels, 0)
            counts += tile.counts
            tally.add(tile.window, tile.metres)
            _add_by_file(by_file, tile)
            if tile.encoded:
                writer.write(tile.window.column // BLOCK, tile.window.row // BLOCK, tile.encoded)
        label = _label(mosaic)
        _check_compared(counts, label)
        done = replace(
            _describe(mosaic, grid, options, staged.plan),
            counts=counts,
            differences=tally.finish(),
            by_file=_name_files(mosaic, by_file),
            unequal_nodes=mosaic.unequal_nodes,
            largest_inequality=mosaic.largest_difference,
            void_zeros=mosaic.void_zeros,
            shift_grid=shift_grid,
        )
        assert done.differences is not None
        writer.commit(
            done.differences.statistics,
            _make_tags(done, label),
            (get_stac_path(options.output), None),
        )
    return done


def _bound(mask: NDArray[np.bool_]) -> Window | None:
    """Return the smallest window with all pixels that are set; None if there are none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    (top, bottom), (left, right) = (each[[0, -1]].tolist() for each in (rows, columns))
    return Window(left, top, right + 1 - left, bottom + 1 - top)


def _compare_own(
    window: Window, merged: Pixels, rasters: Sequence[tuple[int, Window, Pixels]]
) -> list[_OwnHeights]:
    """Compare the heights of each DEM in a window with the merged ones."""
    found = []
    for number, common, pixels in rasters:
        place = common.shifted(-window.column, -window.row)
        steps = merged[place.slices].astype(np.float32) - pixels
        found.append(_OwnHeights(number, place, np.where(pixels == VOID, np.nan, steps)))
    return found


def _add_by_file(by_file: list[Statistics], tile: _Tile) -> None:
    """Add the differences to its own heights to the statistics of each DEM under a tile."""
    for own in tile.own:
        part = tile.metres[own.place.slices] + own.steps
        by_file[own.number] += Statistics.of(part[np.isfinite(part)], part.size)


def _name_files(mosaic: LegacyMosaic, by_file: list[Statistics]) -> tuple[FileDifferences, ...]:
    if len(by_file) == 1:
        return ()
    labels = (raster.file.label for raster in mosaic.rasters)
    return tuple(map(FileDifferences, labels, by_file))


def _check_compared(counts: Counts, label: str) -> None:
    """Check that differences exist.

    Raises:
        NoDataError: If there is none.
    """
    if counts.compared:
        return
    if not counts.old:
        raise NoDataError(f"All nodes of {label} are void. Nothing was written.")
    if counts.without_shift:
        raise NoDataError(
            f"The grid of shifts between CGVD2013 and CGVD28 has no value where {label} lies. "
            "Nothing was written. Give a `vertical_grid` that covers it."
        )
    raise NoDataError(
        f"HRDEM has no height at any of the {counts.old:,} nodes of {label} that have one. Nothing "
        "was written. `fill=all` reads coarser collections too, if it was not set."
    )


def _make_tags(done: Comparison, label: str) -> dict[str, str]:
    """Return the tags of the output: what was subtracted from what."""
    assert done.shift_grid is not None
    plan = done.plan
    inputs = [raster.as_dict() for raster in done.rasters]
    return {
        "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"Heights of HRDEM minus those of {label}, both in CGVD28.",
        "HRDEM_PRODUCT": "difference",
        "HRDEM_COLLECTION": ",".join(tier.collection.id for tier in plan.tiers),
        "HRDEM_VERTICAL_DATUM": CGVD28,
        "HRDEM_VERTICAL_GRID": done.shift_grid.path.name,
        "HRDEM_VERTICAL_GRID_SHA256": done.shift_grid.sha256,
        "HRDEM_INPUTS": json.dumps(inputs, ensure_ascii=False),
        "HRDEM_REQUEST": json.dumps(plan.request.as_dict(), ensure_ascii=False),
        "HRDEM_SOURCES": json.dumps(plan.sources_as_dict()),
        "HRDEM_LICENCE": f"{ATTRIBUTION} {LICENCE_URL}",
    }
