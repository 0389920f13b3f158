"""Measure the workers of a job on native pixels: processor time, memory, bytes, connections.

    python -m benchmarks.tile_workers --data FOLDER [--schemes 1km,5km] [--workers 2]

Store and catalogue are on this machine: nginx, and a file as large as a sub-tile of 1 m. FOLDER has
the file, or it is made there. For each scheme and layout the table has the tiles, the processor
time of a tile and of a pixel, the bytes read over those that were foreseen and the peak memory of
all workers so far. The last line is the time that a tile
takes besides its pixels: the ordinate of a line through the processor times of two sizes.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import tempfile
from pathlib import Path

from benchmarks.catalog_server import serve_catalog
from benchmarks.links import open_link
from benchmarks.store import stored_file, window_of_size
from benchmarks.store_server import serve_store
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import encode_job
from hrdem.tiling.journal import create_job
from hrdem.tiling.open_engine import open_engine
from hrdem.tiling.output_store import open_store
from hrdem.tiling.run_job import run_job
from hrdem.tiling.tile_work import TileWork, WorkerSettings

CONNECTIONS = 16


def freeze(stac_url: str, layout: Format, scheme: str, edge: int) -> Job:
    left, _, _, top = window_of_size(16_384).bounds
    step = 10_000
    left, top = -(-left // step) * step, top // step * step
    box = (left, top - edge, left + edge, top)
    request = Request.of(bbox=box, bbox_crs=NATIVE_CRS, product="dtm", stac_url=stac_url)
    options = JobOptions(layout, Compression.DEFLATE, None, 0)
    with HttpClient(trusted=[stac_url]) as http, pinned_gdal():
        return freeze_job(request, scheme, options, http)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--schemes", default="1km,5km")
    parser.add_argument("--layouts", default="gtiff,cog")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--edge", type=int, default=5_000, help="metres of the area")
    options = parser.parse_args()
    file = stored_file(options.data, "lzw")
    costs: dict[str, list[tuple[float, float]]] = {}
    print("layout scheme  tiles  CPU s a tile  ns a pixel  read/foreseen  peak MB")
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(open_link("loopback"))
        path = Path(file.path)
        store = stack.enter_context(serve_store(link, path.parents[1], scratch / "nginx"))
        url = f"{store.base}/{file.codec}/{path.name}"
        stac_url = stack.enter_context(serve_catalog(link, url, 0, None))
        for layout in options.layouts.split(","):
            for scheme in options.schemes.split(","):
                job = freeze(stac_url, Format(layout), scheme, options.edge)
                output = open_store(scratch / f"{layout}-{scheme}")
                create_job(output, encode_job(job))
                work = TileWork(WorkerSettings(output.address, job.sha256, no_cache=True))
                with open_engine(work, workers=options.workers, connections=CONNECTIONS) as engine:
                    done = run_job(job, output, engine, connections=CONNECTIONS)
                assert done.exit_code == 0
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
                pixels = sum(tile.window.pixels for tile in job.tiles)
                cpu = done.cpu_seconds / len(job.tiles)
                costs.setdefault(layout, []).append((pixels / len(job.tiles), cpu))
                read = done.progress.received_bytes / job.cost.source_bytes
                print(
                    f"{layout:<6} {scheme:<6} {len(job.tiles):6} {cpu:13.3f} "
                    f"{1e9 * done.cpu_seconds / pixels:11.0f} {read:14.3f} {peak:8.0f}",
                    flush=True,
                )
    for layout, ((small, a), (large, b), *_) in costs.items():
        slope = (b - a) / (large - small)
        print(f"{layout}: {a - slope * small:.3f} s a tile and {1e9 * slope:.0f} ns a pixel")


if __name__ == "__main__":
    main()
