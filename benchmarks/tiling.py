"""Freeze a job of a province: an outline of 100,000 corners at 2 m, over a local demonstration.

The demonstration has files of the size of the real ones, and computes headers, indexes and tiles
when they are read. Run `python -m benchmarks.tiling`.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Any

import numpy as np
import shapely

from hrdem.demo import running
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Response
from hrdem.planning.cut_plan import cut_plan
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job, encode_job

CENTRE = 1_900_000.0, 600_000.0  # of the province, EPSG:3979
RADIUS_METRES = 690_000.0  # 1.5 million square kilometres
CORNERS = 100_000
COAST_OCTAVES = 13
CUTS = 200


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


def measure(scheme: str, stac_url: str) -> Iterator[tuple[str, str]]:
    """Yield what is measured, and its value."""
    outline = draw_province()
    began, cpu_before = time.perf_counter(), time.process_time()
    request = Request.of(
        product="dtm", collection="2m", aoi=outline, aoi_crs=NATIVE_CRS, stac_url=stac_url
    )
    options = JobOptions(Format.COG, Compression.DEFLATE, None, 0)
    with CountingClient(trusted=[stac_url]) as http:
        job = freeze_job(request, scheme, options, http)
        content = encode_job(job)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        yield "corners", f"{shapely.get_num_coordinates(outline):,}"
        yield "freeze, s", f"{seconds:.1f} ({cpu:.1f} of CPU)"
        yield "peak memory, MB", f"{peak:.0f}"
        yield "requests beside indexes", f"{http.answers}"
        yield "requests of indexes", f"{http.ranges}"
    cost = job.cost
    yield "tiles", f"{cost.tiles:,}, of which {cost.empty:,} are empty"
    yield "source bytes, GB", f"{cost.source_bytes / 1e9:,.0f}"
    yield "output bytes, GB", f"{cost.output_bytes / 1e9:,.0f}"
    yield "job.json, MB", f"{len(content) / 1e6:.1f}"
    yield from measure_worker(content)


def measure_worker(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield what a worker takes to load a job, and to cut a tile."""
    before = time.process_time()
    job: Job = decode_job(content)
    yield "load in a worker, s of CPU", f"{time.process_time() - before:.2f}"
    tiles = [tile for tile in job.tiles if not tile.is_empty]
    chosen = tiles[:: max(1, len(tiles) // CUTS)]
    times = []
    for tile in chosen:
        before = time.process_time()
        cut_plan(job.plan, tile.window, tile.aoi)
        times.append(time.process_time() - before)
    yield "cut of a tile, ms of CPU", f"{1e3 * np.mean(times):.1f}, at most {1e3 * max(times):.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what freezing and loading a job of a province take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scheme", default="50km")
    chosen = parser.parse_args(arguments)
    with running() as addresses:
        for name, value in measure(chosen.scheme, addresses.stac):
            sys.stdout.write(f"| {name} | {value} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
