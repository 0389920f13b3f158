"""Make BC Gridded DEM: the set of files of NTS blocks from HRDEM, one folder for each block."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hrdem.errors import OutputError
from hrdem.geo.grid import Grid, Window
from hrdem.geo.nodata import VOID
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, Transfer
from hrdem.jobs.staged_heights import StagedHeights, stage_heights
from hrdem.legacy.bc.blocks import BC_ALBERS, SPACING_METRES, Block, Projection, outline_grid
from hrdem.legacy.bc.coverage import BcCoverage, check_not_void, check_shifts, measure_coverage
from hrdem.legacy.bc.derivatives import Heights
from hrdem.legacy.bc.files import count_max_bytes, count_pixels, write_files
from hrdem.legacy.bc.names import list_files
from hrdem.legacy.bc.products import Product
from hrdem.legacy.bc.projected import ProjectedBlock
from hrdem.legacy.delivery import check_sets, stage_set
from hrdem.legacy.heights import make_height_request
from hrdem.legacy.lakes import Lakes, find_read_area, make_lattice, measure_lakes, select_lakes
from hrdem.legacy.sampling import BC_SAMPLING
from hrdem.legacy.stored_pixels import StoredPixels
from hrdem.legacy.water import Water
from hrdem.planning.cost import free_disk_bytes
from hrdem.planning.estimate import Estimate, estimate_plan
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.processing.vertical.find_grid import find_cgvd28_grid
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.advice import suggest_fill
from hrdem.request.request import Request
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.memory import trim_allocator
from hrdem.runtime.threads import map_in_order, thread_pool

READ_EDGE = 512  # of what a thread reads at a time, pixels
_READERS = min(4, os.cpu_count() or 1)  # threads

OnCoverage = Callable[[BcCoverage], None]


def ignore_coverage(coverage: BcCoverage) -> None:
    """Report nothing."""


def find_area(blocks: Sequence[Block], projections: Sequence[Projection]) -> shapely.Geometry:
    """Return the area of the files of blocks and of their neighbours, in EPSG:4617."""
    grids = (block.make_grid(projection) for block in blocks for projection in projections)
    return shapely.union_all([outline_grid(_widen(grid)) for grid in grids])


@dataclass(frozen=True, slots=True)
class BcOptions:
    """What sets are made from, what is made, and where.

    Attributes:
        source: Parameters of the source, as `hrdem.extract` has them.
        lakes: Polygons of lakes in EPSG:4617; None for none.
        sea: Polygons of the sea in EPSG:4617; None for none.
        projections: Projections of the files.
        products: Products in each projection.
        folder: Where the folders of blocks are.
        overwrite: Whether existing sets may be replaced.
    """

    source: Mapping[str, Any]
    lakes: shapely.MultiPolygon | None
    sea: shapely.MultiPolygon | None
    projections: tuple[Projection, ...]
    products: tuple[Product, ...]
    folder: Path
    overwrite: bool

    def locate(self, block: Block) -> Path:
        """Return the folder of a block's files."""
        return self.folder / block.name

    def make_grids(self, block: Block) -> list[Grid]:
        """Return the grids of a block's files."""
        return [block.make_grid(each) for each in self.projections]

    def count_max_bytes(self, block: Block) -> int:
        """Return the largest size that a block's files can have."""
        return sum(count_max_bytes(grid, self.products) for grid in self.make_grids(block))

    def count_pixels(self, block: Block) -> int:
        """Return the pixels that are read and written, for the progress."""
        return sum(
            _widen(grid).window.pixels + count_pixels(grid, self.products)
            for grid in self.make_grids(block)
        )

    def find_lakes(self, block: Block) -> shapely.MultiPolygon:
        """Return the lakes that touch a block's files, each of them whole."""
        area = find_area([block], self.projections)
        return select_lakes(self.lakes or shapely.MultiPolygon(), area)

    def make_request(self, block: Block, http: Http) -> Request:
        """Make the request of the heights of a block and of its lakes.

        Raises:
            RequestError: If a parameter is invalid.
        """
        area = find_read_area(self.find_lakes(block), find_area([block], self.projections))
        label = f"NTS {block.sheet.name}"
        return make_height_request(area, BC_SAMPLING, label, offline=http.offline, **self.source)

    def describe(self, block: Block, plan: Plan) -> BcSet:
        """Return the set of a block before anything of it is known but its plan."""
        names = map(str, list_files(block.name, self.projections, self.products))
        return BcSet(block, self.locate(block), tuple(names), plan)


@dataclass(frozen=True, slots=True)
class BcSet:
    """The files of a block.

    Attributes:
        block: The block.
        output: Their folder.
        files: Their names.
        plan: What is read.
        estimate: Its cost; None if the files were written.
        coverage: Void pixels by projection; none if nothing was read.
        lakes: Lakes that touch the files; None if none were given, or nothing was read.
        transfer: What was transferred, and the duration.
    """

    block: Block
    output: Path
    files: tuple[str, ...]
    plan: Plan
    estimate: Estimate | None = None
    coverage: tuple[BcCoverage, ...] = ()
    lakes: Lakes | None = None
    transfer: Transfer = field(default_factory=Transfer)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "block": self.block.sheet.name,
            "output": str(self.output),
            "files": list(self.files),
            "written": self.estimate is None,
            "projections": [each.as_dict() for each in self.coverage],
            "lakes": self.lakes and self.lakes.as_dict(),
            "estimate": self.estimate and self.estimate.as_dict(),
            **self.transfer.as_dict(),
            "plan": self.plan.as_dict(),
        }


def plan_bc(blocks: Sequence[Block], options: BcOptions, http: Http) -> list[BcSet]:
    """Plan what `make_bc` would read and write, without reading heights.

    Raises:
        HrdemError: As `make_bc` does.
    """
    sets = []
    for block, request in zip(blocks, _check(blocks, options, http), strict=True):
        plan = make_plan(request, http)
        largest = options.count_max_bytes(block)
        estimate = replace(estimate_plan(plan, http), output_bytes=largest)
        sets.append(replace(options.describe(block, plan), estimate=estimate))
    return sets


def make_bc(
    blocks: Sequence[Block],
    options: BcOptions,
    context: RunContext,
    on_coverage: OnCoverage = ignore_coverage,
) -> list[BcSet]:
    """Make the sets of blocks, one block after the other; each appears whole or not at all.

    The sources of a block are read once, for both projections.

    Args:
        blocks: The blocks.
        options: What sets are made from, what is made, and where.
        context: Client, cache folder, limits and progress callback.
        on_coverage: Called with the void pixels of each projection before its files are written.

    Raises:
        OutputExistsError: If a set exists; nothing is read then.
        OutputError: If the disk is too small, or a set cannot be written.
        NoDataError: If a block is void, or heights have no shift to CGVD28.
        HrdemError: As `stage_heights` does.
    """
    http = context.http
    requests = _check(blocks, options, http)
    shift_grid = find_cgvd28_grid(options.source["vertical_grid"], context.cache, http)
    sets = []
    for block, request in zip(blocks, requests, strict=True):
        _check_space(block, options)
        job = _BlockJob(block, options, shift_grid, on_coverage)
        pixels = options.count_pixels(block)
        made, transfer = stage_heights(request, context, job.run, more_pixels=pixels)
        sets.append(replace(made, transfer=transfer))
        context = context.after(transfer.received_bytes)
    return sets


def _check(blocks: Sequence[Block], options: BcOptions, http: Http) -> list[Request]:
    """Check all sets and requests before any work; return the requests."""
    check_sets([options.locate(block) for block in blocks], options.overwrite)
    return [options.make_request(block, http) for block in blocks]


def _check_space(block: Block, options: BcOptions) -> None:
    folder = options.folder
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    needed, free = options.count_max_bytes(block), free_disk_bytes(folder)
    if needed > free:
        raise OutputError(
            f"The files of {block.sheet.name} take up to {format_size(needed)}, and the disk of "
            f"{folder} has {format_size(free)} free. Make room, or give another `output` or fewer "
            "`products`."
        )


def _widen(grid: Grid) -> Grid:
    """Return a grid with the neighbours that derivatives need around it."""
    return grid.crop(grid.window.grown(1))


@dataclass(frozen=True, slots=True)
class _BlockJob:
    """What is made of the staged heights of a block.

    Attributes:
        block: The block.
        options: What sets are made from, what is made, and where.
        shift_grid: From CGVD2013 to CGVD28.
        on_coverage: Called with the void pixels of each projection before its files are written.
    """

    block: Block
    options: BcOptions
    shift_grid: ShiftGrid
    on_coverage: OnCoverage

    def run(self, staged: StagedHeights) -> BcSet:
        """Write the set, one projection after the other."""
        options, block = self.options, self.block
        lakes = None if options.lakes is None else self._measure_lakes(staged)
        with stage_set(options.locate(block), options.overwrite) as folder:
            coverage = tuple(
                self._write(staged, projection, lakes, folder) for projection in options.projections
            )
        return replace(
            options.describe(block, staged.plan),
            coverage=coverage,
            lakes=lakes,
        )

    def _write(
        self, staged: StagedHeights, projection: Projection, lakes: Lakes | None, folder: Path
    ) -> BcCoverage:
        """Compute the heights of a projection, report voids, and write the files."""
        grid = self.block.make_grid(projection)
        with tempfile.TemporaryDirectory(prefix="hrdem-") as temporary:
            bands = self._read(staged, _widen(grid), lakes)
            heights = StoredPixels.write(Path(temporary, "heights"), bands)
            projected = ProjectedBlock.of(self.block, projection, grid, heights)
            coverage = measure_coverage(projected)
            self.on_coverage(coverage)
            check_not_void(coverage, suggest_fill(staged.plan.request))
            trim_allocator()
            height_range = coverage.lowest, coverage.highest
            on_pixels = functools.partial(staged.meter.add, received_bytes=0)
            write_files(projected, self.options.products, height_range, folder, on_pixels)
            trim_allocator()
        return coverage

    def _read(self, staged: StagedHeights, grid: Grid, lakes: Lakes | None) -> Iterator[Heights]:
        """Read whole metres in CGVD28, with water flattened, by bands of rows from the north."""
        water = Water.of(lakes, self.options.sea, grid)

        def read(window: Window) -> tuple[Window, Heights]:
            heights, unknown = staged.read_cgvd28(grid, window, self.shift_grid)
            water.flatten(heights, window)
            check_shifts(self.block, unknown & (heights == VOID), self.shift_grid.path.name)
            return window, heights

        windows = grid.window.split(READ_EDGE, READ_EDGE)
        with thread_pool(_READERS, "bc") as pool:
            parts: list[Heights] = []
            for window, part in map_in_order(pool, read, windows, 2 * _READERS):
                parts.append(part)
                if window.right == grid.width:
                    yield np.concatenate(parts, axis=1)
                    parts = []
                staged.meter.add(window.pixels, 0)

    def _measure_lakes(self, staged: StagedHeights) -> Lakes:
        """Find the height of each lake, on a lattice that all blocks have in common."""
        lattice = make_lattice(BC_ALBERS, SPACING_METRES)

        def read(window: Window) -> Heights:
            return staged.read_cgvd28(lattice, window, self.shift_grid)[0]

        return measure_lakes(self.options.find_lakes(self.block), lattice, read)
