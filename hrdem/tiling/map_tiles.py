"""Call a user's function with the pixels of each tile of a job, in the workers of an engine."""

from __future__ import annotations

import contextlib
import pickle
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrdem.errors import HrdemError, RequestError
from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.nodata import valid_mask
from hrdem.http.run_context import RunContext
from hrdem.jobs.read_pixels import read_pixels
from hrdem.planning.cut_plan import cut_plan
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.request.convert import parse_integer
from hrdem.runtime.limits import DEFAULT_CONNECTIONS
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.progress import JobMeter, OnJobProgress, ignore_job_progress
from hrdem.tiling.report_tile import report_tile
from hrdem.tiling.task import MakeTile, TileFailure, TileOutcome
from hrdem.tiling.tile_work import WorkerSettings

MAX_MAPPED_PIXELS = 1 << 28  # of a tile: 1 GB
_MAX_LISTED = 5  # tiles in a message
_PACKING_ERRORS = pickle.PicklingError, TypeError, AttributeError


@dataclass(frozen=True, slots=True)
class TilePixels:
    """What a user's function is called with.

    Attributes:
        name: Name of the tile.
        pixels: Shape (rows, columns), the overlap included; floating point, and NaN without data.
        grid: Grid of these pixels: CRS, transform, width and height.
        core: Rows and columns of the tile itself: ``pixels[core]``, or any array of the same shape.
    """

    name: str
    pixels: Pixels
    grid: Grid
    core: tuple[slice, slice]


TileFunction = Callable[[TilePixels], Any]


@dataclass(frozen=True, slots=True)
class MapWork:
    """Call a function with the pixels of tiles (see `hrdem.tiling.task.Work`).

    Attributes:
        settings: What a worker has to know.
        packed_function: The function, pickled.
        overlap: Pixels around each tile that the function is given as well.
        key: Unique text.
    """

    settings: WorkerSettings
    packed_function: bytes
    overlap: int
    key: str

    @classmethod
    def of(cls, settings: WorkerSettings, function: TileFunction, overlap: int) -> MapWork:
        """Pack a function, with cloudpickle where it is installed: it takes those of a notebook.

        Raises:
            RequestError: If the function cannot be pickled.
        """
        try:
            packed = _pack(function)
        except _PACKING_ERRORS as exc:
            raise RequestError(
                f"The function cannot be sent to other processes ({exc}). Define it in a module, "
                "or install cloudpickle: pip install 'hrdem[dask]'."
            ) from exc
        return cls(settings, packed, overlap, uuid.uuid4().hex)

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        """Yield what reads one tile at a time and calls the function."""
        function: TileFunction = pickle.loads(self.packed_function)  # noqa: S301 (of our driver)
        with self.settings.open() as (job, context):
            yield lambda task: report_tile(
                task, job, context, lambda tile: self._call(function, job, tile, context)
            )

    def _call(
        self, function: TileFunction, job: Job, tile: Tile, context: RunContext
    ) -> TileOutcome:
        pixels = read_tile(job, tile, self.overlap, context)
        try:
            value = function(pixels)
        except Exception as exc:
            raise RequestError(f"The function failed: {type(exc).__name__}: {exc}.") from exc
        try:
            return TileOutcome(tile.name, value=_pack(value))
        except _PACKING_ERRORS as exc:
            raise RequestError(
                f"What the function returns cannot be sent to other processes ({exc}). Return "
                "numbers, texts or arrays."
            ) from exc


def _pack(value: object) -> bytes:
    """Pickle a value, with cloudpickle where it is installed."""
    try:
        from cloudpickle import dumps  # noqa: PLC0415 (optional: Dask has it)
    except ModuleNotFoundError:
        dumps = pickle.dumps
    packed: bytes = dumps(value)
    return packed


def parse_overlap(overlap: Any) -> int:
    """Return the pixels around each tile that a function is given as well.

    Raises:
        RequestError: If it is no number of pixels.
    """
    try:
        pixels = parse_integer(overlap)
    except ValueError as exc:
        raise RequestError(f"`overlap`: {exc} Give 0 or more pixels.") from exc
    if pixels < 0:
        raise RequestError(f"`overlap` is {pixels}, less than the tile itself. Give 0 or more.")
    return pixels


def read_tile(job: Job, tile: Tile, overlap: int, context: RunContext) -> TilePixels:
    """Read a tile and pixels around it.

    Args:
        job: The job.
        tile: One of its tiles.
        overlap: Pixels around the tile, as far as the job's area reaches.
        context: Client, cache folder and memory limit.

    Raises:
        HrdemError: As `hrdem.jobs.read_pixels.read_pixels` does.
    """
    window = tile.window.grown(overlap).intersection(job.plan.grid.window)
    assert window is not None
    plan = cut_plan(job.plan, window, tile.aoi)
    assert plan is not None  # the tile has sources
    assert plan.nodata is not None
    found, _ = read_pixels(plan, plan.grid.window, find_shift_grid(plan.request, context), context)
    pixels = found.astype(np.result_type(found, np.float32), copy=False)
    pixels[~valid_mask(found, plan.nodata)] = np.nan
    core = tile.window.shifted(-window.column, -window.row)
    return TilePixels(tile.name, pixels, plan.grid, core.slices)


def map_tiles(
    job: Job,
    engine: Engine,
    *,
    overlap: int = 0,
    connections: int = DEFAULT_CONNECTIONS,
    on_progress: OnJobProgress = ignore_job_progress,
) -> Iterator[tuple[str, Any]]:
    """Yield the name of each tile with data and what the function returned for it, as they end.

    Nothing is recorded: tiles of a map that is interrupted are read again, from the cache as far as
    it has them.

    Args:
        job: The job.
        engine: Runs a `MapWork`; it is open.
        overlap: Pixels around each tile, as those of the work.
        connections: Maximum number of connections of all workers together.
        on_progress: Called at the beginning, and whenever a tile has ended.

    Raises:
        RequestError: If a tile has too many pixels to be held in memory.
        HrdemError: At the end, if tiles failed; the message names them.
    """
    tiles = [tile for tile in job.tiles if not tile.is_empty]
    largest = max((tile.window.grown(overlap).pixels for tile in tiles), default=0)
    if largest > MAX_MAPPED_PIXELS:
        raise RequestError(
            f"The largest tile has {largest:,} pixels, and a function is called with at most "
            f"{MAX_MAPPED_PIXELS:,}. Give a `scheme` of smaller tiles, such as 10km."
        )
    meter = JobMeter({tile.name: tile.size for tile in tiles}, on_progress)
    allowance = Allowance(connections)
    failed: list[TileFailure] = []
    made = 0
    for ended in dispatch_tiles([tile.name for tile in tiles], engine, allowance):
        report = ended.report
        meter.add(report, allowance.allowed)
        if isinstance(report, TileFailure):
            failed.append(report)
        else:
            made += 1
            yield report.name, pickle.loads(report.value)  # noqa: S301 (of our own worker)
    if failed:
        listed = " ".join(f"{each.name}: {each.reason}" for each in failed[:_MAX_LISTED])
        left = len(tiles) - made - len(failed)
        untried = f" The run stopped early, and {left:,} were not tried." if left else ""
        raise HrdemError(f"{len(failed):,} of {len(tiles):,} tiles failed.{untried} {listed}")
