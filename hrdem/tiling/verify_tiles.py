"""Verify the tiles of a job: each against its item, and a sample against the sources."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from hrdem.errors import (
    ExitCode,
    NetworkError,
    NoDataError,
    NotCachedError,
    SourceChangedError,
)
from hrdem.geo.grid import Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.read_pixels import read_pixels
from hrdem.planning.cut_plan import cut_plan
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiling.check_raster import check_rasters
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.journal import TileState, read_items, read_states
from hrdem.tiling.output_store import RASTER_SUFFIX, OutputStore

DEFAULT_SAMPLES = 20
SAMPLE_PIXELS = 256  # edge of a window that is read again
_MAX_THREADS = 4  # that check rasters
_BATCH_TILES = 256  # whose items are held in memory at once


@dataclass(frozen=True, slots=True)
class TileProblem:
    """What is wrong with a tile.

    Attributes:
        name: Name of the tile.
        problem: What is wrong, as a sentence.
    """

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class VerifySummary:
    """What was verified, and what is wrong.

    Attributes:
        tiles: Number of rasters that were checked.
        windows: Number of windows that were read again.
        republished: Number of windows that were not, as their source has a new version.
        problems: What is wrong.
        unread: Why windows were not read again; empty if all could be.
        lacking: Number of tiles that are neither done nor empty.
    """

    tiles: int
    windows: int
    republished: int
    problems: tuple[TileProblem, ...]
    unread: str = ""
    lacking: int = 0

    @property
    def exit_code(self) -> ExitCode:
        """3 if something is wrong or not done, else 5 if sources could not be read, else 0."""
        if self.problems or self.lacking:
            return ExitCode.INCOMPLETE
        return ExitCode.NETWORK if self.unread else ExitCode.COMPLETE

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "tiles": self.tiles,
            "windows": self.windows,
            "republished": self.republished,
            "problems": [{"tile": each.name, "problem": each.problem} for each in self.problems],
            "unread": self.unread,
            "lacking": self.lacking,
        }


@pinned_gdal()
def verify_tiles(
    job: Job,
    store: OutputStore,
    context: RunContext,
    *,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda _checked, _tiles: None,
) -> VerifySummary:
    """Verify the tiles of a job that are done.

    Args:
        job: The job.
        store: Its store.
        context: Client for the windows that are read again.
        samples: Number of windows to read again from the sources; 0 for none.
        seed: Seed of their choice: the same one chooses the same windows of the same tiles.
        on_progress: Called with the number of tiles that were checked, and of those to check.

    Raises:
        NoDataError: If no tile is done.
        OutputError: If the store cannot be read.
    """
    states = read_states(job, store)
    tiles = [tile for tile in job.tiles if states[tile.name] is TileState.DONE]
    ready = TileState.DONE, TileState.EMPTY
    lacking = sum(state not in ready for state in states.values())
    if not tiles:
        raise NoDataError(
            f"There is no finished tile in {store.address} to verify. `hrdem tile status` says "
            "what is missing."
        )
    problems = _check_rasters(job, tiles, store, on_progress)
    wrong = {problem.name for problem in problems}
    intact = [tile for tile in tiles if tile.name not in wrong]
    windows = republished = 0
    unread = ""
    for tile, window in _choose_windows(intact, samples, seed):
        try:
            same = _equals_source(job, tile, window, store, context)
        except SourceChangedError:
            republished += 1
            continue
        except (NetworkError, NotCachedError) as exc:
            unread = str(exc)
            break
        windows += 1
        if not same:
            problem = f"Its pixels in {window} are not those of the source."
            problems.append(TileProblem(tile.name, problem))
    return VerifySummary(len(tiles), windows, republished, tuple(problems), unread, lacking)


def _check_rasters(
    job: Job, tiles: Sequence[Tile], store: OutputStore, on_progress: Callable[[int, int], None]
) -> list[TileProblem]:
    """Check each raster against its item."""
    problems, checked = [], 0
    with thread_pool(_MAX_THREADS, "verify") as pool:
        for start in range(0, len(tiles), _BATCH_TILES):
            batch = tiles[start : start + _BATCH_TILES]
            items = read_items(store, [tile.name for tile in batch])

            def check(tile: Tile, items: Mapping[str, Any] = items) -> TileProblem:
                problem = check_rasters(job, tile, items.get(tile.name, {}), store)
                return TileProblem(tile.name, problem)

            for found in map_in_order(pool, check, batch, 2 * _MAX_THREADS):
                checked += 1
                on_progress(checked, len(tiles))
                if found.problem:
                    problems.append(found)
    return problems


def _choose_windows(tiles: Sequence[Tile], samples: int, seed: int) -> list[tuple[Tile, Window]]:
    """Choose windows at random, each on the grid of its tile; sorted, so that neighbours share."""
    chooser = random.Random(seed)  # noqa: S311 (a sample, no secret)
    chosen = []
    for tile in chooser.choices(tiles, k=samples) if tiles else []:
        width, height = (
            min(SAMPLE_PIXELS, edge) for edge in (tile.window.width, tile.window.height)
        )
        column = chooser.randint(0, tile.window.width - width)
        row = chooser.randint(0, tile.window.height - height)
        chosen.append((tile, Window(column, row, width, height)))
    return sorted(chosen, key=lambda each: (each[0].name, each[1].row, each[1].column))


def _equals_source(
    job: Job, tile: Tile, window: Window, store: OutputStore, context: RunContext
) -> bool:
    """Whether a window of a tile has the pixels that its sources give now, bit for bit."""
    cut = cut_plan(job.plan, tile.window, tile.aoi)
    assert cut is not None  # the tile has pixels
    shift_grid = find_shift_grid(job.plan.request, context)
    expected, _ = read_pixels(cut, window, shift_grid, context)
    with (
        store.read_file(f"{tile.name}{RASTER_SUFFIX}") as path,
        rasterio.open(path, driver="GTiff") as dataset,
    ):
        place = rasterio.windows.Window(window.column, window.row, window.width, window.height)
        return bool(np.array_equal(dataset.read(1, window=place), expected))
