"""Freeze jobs of provinces over a local demonstration, which has files of the real sizes.

    python -m benchmarks.tile_plan PART

The demonstration computes headers, indexes and tiles when they are read. A part prints one line of
JSON:

    quebec   an outline of 100,000 corners at 2 m: time, memory, requests; what a worker takes to
             load the job, and a tile to be cut; a run of empty tiles
    canada   bytes and pixels of Canada at 10 m
    schemes  bytes of tiles of several sizes over those of the whole
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from mmap import mmap
from typing import Any

import numpy as np
import shapely

from benchmarks.tile_engines import Sleep
from hrdem.demo import running
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Response
from hrdem.planning.cut_plan import cut_plan
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job, encode_job
from hrdem.tiling.journal import create_job, read_journal
from hrdem.tiling.output_store import open_store
from hrdem.tiling.run_job import run_job
from hrdem.tiling.schemes import SUB_TILE_KM

Figures = dict[str, float]

CENTRE = 1_900_000.0, 600_000.0  # of the province, EPSG:3979
RADIUS_METRES = 690_000.0  # 1.5 million square kilometres
CORNERS = 100_000
COAST_OCTAVES = 13
CUTS = 200
CANADA = (-141.0, 41.7, -52.0, 83.2)
SUB_TILE = (1_500_000, -500_000, 2_000_000, 0)
EDGES = (100, 50, 20, 10, 5)  # of squares, km
OPTIONS = JobOptions(Format.COG, Compression.DEFLATE, None, 0)


class CountingClient(HttpClient):
    """A client that counts its requests.

    Attributes:
        answers: Number of requests to the catalogue, and for headers.
        ranges: Number of other requests for byte ranges.
    """

    answers = 0
    ranges = 0

    def request(self, method: str, url: str, **options: Any) -> Response:
        """Count and send a request."""
        self.answers += 1
        return super().request(method, url, **options)

    def read_range(self, url: str, *span: Any, **options: Any) -> mmap:
        """Count and read a range."""
        self.ranges += 1
        return super().read_range(url, *span, **options)


def draw_province() -> shapely.Polygon:
    """Return an outline with bays of all sizes."""
    rng = np.random.default_rng(2)
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    radius = np.ones(CORNERS)
    for octave in range(COAST_OCTAVES):
        waves, phase = 3 * 2**octave, rng.uniform(0, 2 * np.pi)
        radius += 0.16 / 1.9**octave * np.sin(waves * angle + phase)
    x = CENTRE[0] + RADIUS_METRES * radius * np.cos(angle)
    y = CENTRE[1] + RADIUS_METRES * radius * np.sin(angle)
    outline = shapely.Polygon(np.column_stack([x, y]))
    assert outline.is_valid
    return outline


def measure(scheme: str, stac_url: str) -> Figures:
    """Freeze a job of the province, load it, and cut some of its tiles."""
    outline = draw_province()
    began, cpu_before = time.perf_counter(), time.process_time()
    request = Request.of(
        product="dtm", collection="2m", aoi=outline, aoi_crs=NATIVE_CRS, stac_url=stac_url
    )
    with CountingClient(trusted=[stac_url]) as http:
        job = freeze_job(request, scheme, OPTIONS, http)
        content = encode_job(job)
        found: Figures = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_before,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "requests": http.answers,
            "index_requests": http.ranges,
        }
    found["corners"] = shapely.get_num_coordinates(outline)
    found["job_bytes"] = len(content)
    found["native_pixels"] = sum(tile.pixels for tile in job.tiles)
    return {
        **found,
        **{f"quebec_{name}": value for name, value in asdict(job.cost).items()},
        **measure_worker(content),
        **measure_empty(job, content),
    }


def measure_worker(content: bytes) -> Figures:
    """Measure what a worker takes to load a job, and to cut a tile."""
    before = time.process_time()
    job: Job = decode_job(content)
    loading = time.process_time() - before
    tiles = [tile for tile in job.tiles if not tile.is_empty]
    times = []
    for tile in tiles[:: max(1, len(tiles) // CUTS)]:
        before = time.process_time()
        cut_plan(job.plan, tile.window, tile.aoi)
        times.append(time.process_time() - before)
    return {
        "load_seconds": loading,
        "cut_seconds": float(np.mean(times)),
        "longest_cut_seconds": max(times),
    }


def measure_empty(job: Job, content: bytes) -> Figures:
    """Measure a run of the tiles that have no stored source tile; no engine is asked for them."""
    job = replace(job, tiles=tuple(tile for tile in job.tiles if tile.is_empty))
    with tempfile.TemporaryDirectory() as folder, ProcessEngine(Sleep(0), 1) as engine:
        store = open_store(folder)
        create_job(store, content)
        before = time.process_time()
        done = run_job(job, store, engine, read_journal(job, store))
        used = time.process_time() - before
    assert done.progress.tiles == 0
    return {"empty_tile_seconds": used / len(job.tiles)}


def measure_canada(stac_url: str) -> Figures:
    """Freeze a job of Canada at 10 m."""
    request = Request.of(
        product="dtm", bbox=CANADA, bbox_crs="EPSG:4326", resolution=10, stac_url=stac_url
    )
    with HttpClient(trusted=[stac_url]) as http:
        job = freeze_job(request, "50km", OPTIONS, http)
    return {f"canada_{name}": value for name, value in asdict(job.cost).items()}


def measure_schemes(stac_url: str) -> Figures:
    """Measure the bytes of all tiles over those of the whole, a sub-tile of 500 km, by edge."""
    found: Figures = {}
    for collection in ("1m", "2m"):
        sizes = {}
        for edge in (SUB_TILE_KM, *EDGES):
            request = Request.of(
                product="dtm",
                collection=collection,
                bbox=SUB_TILE,
                bbox_crs=NATIVE_CRS,
                stac_url=stac_url,
            )
            with HttpClient(trusted=[stac_url]) as http:
                sizes[edge] = freeze_job(request, f"{edge}km", OPTIONS, http).cost.source_bytes
        for edge in EDGES:
            found[f"{collection}_{edge}km_over_unique"] = sizes[edge] / sizes[SUB_TILE_KM]
    return found


PARTS: dict[str, Callable[[str], Figures]] = {
    "quebec": lambda stac_url: measure("50km", stac_url),
    "canada": measure_canada,
    "schemes": measure_schemes,
}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    chosen = parser.parse_args()
    with running() as addresses:
        sys.stdout.write(json.dumps(PARTS[chosen.part](addresses.stac), default=float) + "\n")


if __name__ == "__main__":
    main()
