"""Jobs whose tiles are made from a store in memory, without freezing or engines."""

from __future__ import annotations

from typing import Any

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.http.run_context import RunContext
from hrdem.planning.make_plan import make_plan
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.job import Job, JobOptions, Tile
from hrdem.tiling.job_file import format_hash
from hrdem.tiling.journal import create_job
from hrdem.tiling.make_tile import make_tile
from hrdem.tiling.output_store import OutputStore
from tests.relief import LEFT, TOP, make_relief, punch_holes
from tests.stores import Store

BOX = {"bbox": (LEFT + 10, TOP - 390, LEFT + 590, TOP - 20), "bbox_crs": NATIVE_CRS}


def publish_relief(http: Store) -> None:
    """Publish 600 x 400 pixels of 1 m with holes, in two files."""
    for number, item in enumerate(("west", "east")):
        pixels = punch_holes(make_relief("1m", 300, 400), number, 0.1)
        http.add(
            "hrdem-mosaic-1m",
            pixels,
            LEFT + 300 * number,
            TOP,
            item=item,
            datetime=f"202{number}-05-29T12:00:00Z",
        )


def make_job(http: Store, *, overlap: int = 8, **params: Any) -> Job:
    """Plan four tiles that overlap, and one without a stored source tile."""
    plan = make_plan(Request.of(**{"product": "dtm", **BOX, **params}), http)
    across, down = plan.grid.width // 2, plan.grid.height // 2
    tiles = []
    for column, place in ((0, "west"), (across, "Rivière")):
        for row, side in ((0, "north"), (down, "south")):
            window = Window(column, row, across + 1, down + 1).grown(overlap)
            shared = window.intersection(plan.grid.window)
            assert shared is not None
            tiles.append(plan_tile(f"{side}-{place}", shared, (0,)))
    tiles.append(plan_tile("sea", Window(0, 0, 1, 1), ()))
    tiles.sort(key=lambda tile: tile.name)
    options = JobOptions(Format.COG, Compression.DEFLATE, None, overlap)
    return Job(plan, "quarters", options, tuple(tiles), (), "", "1" * 32, "2" * 64)


def plan_tile(name: str, window: Window, sources: tuple[int, ...], key: str = "3" * 32) -> Tile:
    return Tile(name, window, None, window.pixels, window.pixels, 1, sources, key)


def write_tiles(job: Job, store: OutputStore, http: Store) -> None:
    """Make all tiles of a job."""
    create_job(store, format_hash(job.sha256))
    for tile in job.tiles:
        if not tile.is_empty:
            make_tile(job, tile, store, RunContext(http))
