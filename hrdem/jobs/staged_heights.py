"""Stage the sources of a request once, then read their heights on any number of grids."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.http.run_context import RunContext, Transfer
from hrdem.jobs.extract import plan_and_run, warn_of_infinite_pixels
from hrdem.jobs.run_tiles import lock_coverages
from hrdem.legacy.heights import to_cgvd28
from hrdem.output.plan_writer import OutputOptions, open_stage
from hrdem.planning.cost import check_cost
from hrdem.planning.plan import Plan
from hrdem.planning.versions import check_plan_unchanged
from hrdem.processing.sample import SampledRaster
from hrdem.processing.stage import StagedPlan, stage_mosaics
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.request.request import Request
from hrdem.runtime.progress import ProgressMeter

T = TypeVar("T")

log = logging.getLogger(__name__)

Heights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StagedHeights:
    """The heights of a plan in local files; several threads can read them at the same time.

    Attributes:
        plan: The plan that was staged.
        staged: The files.
        meter: Counts the pixels that were staged, and those that the caller adds.
    """

    plan: Plan
    staged: StagedPlan
    meter: ProgressMeter

    def read(self, grid: Grid, window: Window) -> Heights:
        """Read a window of a grid.

        A position has the same height in all grids and windows, and in all requests with the same
        sampling and sources, to the last bit.

        Args:
            grid: Any grid, in a CRS whose datum counts as NAD83(CSRS), or a linked one.
            window: Window of the grid, inside the area of the request; NaN beyond it.

        Returns:
            float32 array of shape (window.height, window.width): metres in CGVD2013 at the pixel
            centres, NaN where no collection has data.

        Raises:
            OutputError: If a staged file cannot be read.
            NoDataError: If the grid extends to where EPSG:3979 has no coordinates.
        """
        heights = np.full((window.height, window.width), np.nan, np.float32)
        for (stage,) in self.staged.tiers:
            nodata, sampling = stage.mosaic.nodata, self.plan.request.sampling
            assert nodata is not None
            assert sampling is not None
            SampledRaster(stage.path, stage.mosaic.grid, nodata, sampling).fill(
                heights, grid, window
            )
        return heights

    def read_cgvd28(
        self, grid: Grid, window: Window, shift_grid: ShiftGrid
    ) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
        """Read a window of a grid as whole metres in CGVD28; see `read` and `to_cgvd28`."""
        return to_cgvd28(self.read(grid, window), grid, window, shift_grid)


def stage_heights(
    request: Request,
    context: RunContext,
    use: Callable[[StagedHeights], T],
    *,
    more_pixels: int = 0,
) -> tuple[T, Transfer]:
    """Plan a request with constant sampling, merge its sources into local files, and use these.

    The files are temporary. As in `hrdem.jobs.extract.plan_and_run`, all of it is repeated if a
    source fails or changes while it is read; ``use`` is called once.

    Args:
        request: A request of heights with ``sampling``.
        context: Client, cache folder, limits and progress callback.
        use: Called with the staged heights.
        more_pixels: Pixels that ``use`` adds to the progress, by `StagedHeights.meter`.

    Returns:
        What ``use`` returns, and what was transferred.

    Raises:
        NoDataError: If no requested collection has anything in the area.
        RequestError: If the area is too large, or the download would exceed its limit.
        NetworkError: If the catalogue or a source cannot be read.
        SourceChangedError: If a source changed while it was read, twice.
        OutputError: If the temporary folder lacks space, or cannot be written.
        NotCachedError: If the cache lacks something, offline.
    """
    assert request.sampling is not None
    started, cached_before = time.monotonic(), context.http.cached_bytes

    def stage(plan: Plan) -> tuple[T, Transfer]:
        check_cost(plan, context, None, copies=0)
        total = sum(mosaic.grid.window.pixels for mosaic in plan.mosaics) + more_pixels
        meter = ProgressMeter(total, context.on_progress)
        with contextlib.ExitStack() as stack:
            for lock in lock_coverages(plan, context.cache):
                stack.enter_context(lock)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hrdem-"))
            options = OutputOptions(Path(folder, "heights.tif"))
            staged = stack.enter_context(
                stage_mosaics(
                    plan,
                    context,
                    lambda mosaic: open_stage(mosaic, options, for_heights=True),
                    meter,
                )
            )
            check_plan_unchanged(plan, context.http)
            _warn_of_other_pixels(plan)
            warn_of_infinite_pixels(staged.infinite)
            used = use(StagedHeights(plan, staged, meter))
            fetched = context.split_bytes(meter.progress.received_bytes, cached_before)
            return used, Transfer(*fetched, time.monotonic() - started)

    return plan_and_run(request, context.http, stage)


def _warn_of_other_pixels(plan: Plan) -> None:
    """Warn of collections that are not read from the level that the sampling is meant for."""
    sampling = plan.request.sampling
    assert sampling is not None
    for mosaic in plan.mosaics:
        pixel = mosaic.grid.resolution[0]
        if any(source.file.is_resampled_remotely for source in mosaic.sources):
            found = "made by the WCS"
        elif 2 * pixel <= sampling.max_source_pixel:
            found = (
                f"of {pixel:g} m, as its files share none of up to {sampling.max_source_pixel:g} m"
            )
        else:
            continue
        log.warning(
            "The pixels of %s are %s: at the edges, heights may differ from those of neighbours "
            "that are made from other pixels.",
            mosaic.query.collection.id, found,
        )  # fmt: skip
