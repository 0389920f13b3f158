"""Jobs whose tiles are made from a store in memory, without freezing or engines."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Window
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import get_stac_path
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.make_plan import make_plan
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.index.collection import add_collection_links
from hrdem.tiling.job import Job, JobOptions, Tile
from hrdem.tiling.journal import commit_item, create_job
from hrdem.tiling.output_store import RASTER_SUFFIX, OutputStore
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
            tiles.append(make_tile(f"{side}-{place}", shared, (0,)))
    tiles.append(make_tile("sea", Window(0, 0, 1, 1), ()))
    tiles.sort(key=lambda tile: tile.name)
    options = JobOptions(Format.COG, Compression.DEFLATE, None, overlap)
    return Job(plan, "quarters", options, tuple(tiles), "", "1" * 32, "2" * 64)


def make_tile(name: str, window: Window, sources: tuple[int, ...], key: str = "3" * 32) -> Tile:
    return Tile(name, window, None, window.pixels, window.pixels, 1, sources, key)


def write_tiles(job: Job, store: OutputStore, http: Store) -> None:
    """Make all tiles of a job."""
    create_job(store, b"{}\n")
    for tile in job.tiles:
        cut = cut_plan(job.plan, tile.window, tile.aoi)
        if tile.is_empty or cut is None:
            continue
        with store.write_file(f"{tile.name}{RASTER_SUFFIX}") as path:
            run_plan(cut, RunContext(http), OutputOptions(path, job.options.layout))
            item = json.loads(get_stac_path(path).read_bytes())
        item["properties"] |= {"hrdem:job": job.sha256, "hrdem:key": tile.key}
        add_collection_links(item, job)
        assert commit_item(store, tile.name, item)


def with_keys(job: Job, keys: dict[str, str], sha256: str) -> Job:
    """Return a job whose tiles have other keys."""
    tiles = tuple(replace(tile, key=keys.get(tile.name, tile.key)) for tile in job.tiles)
    return replace(job, tiles=tiles, sha256=sha256)
