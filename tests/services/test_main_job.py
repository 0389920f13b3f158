"""Test the main job against nginx and stac-fastapi.pgstac: complete, exact and pinned output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from stack import CORNER_TILES, Stack

import hrdem
from hrdem.demo.terrain import NODATA, heights
from hrdem.http.client import HttpClient
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.planning.make_plan import make_plan
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.request import Request

pytestmark = pytest.mark.services

OTTAWA = (-75.85, 45.36, -75.72, 45.45)  # its west
OTTAWA_TILES = ("8_2-mosaic-1m", "9_2-mosaic-1m")
TILE_BORDER = 1_500_000  # x at which 8_2 ends and 9_2 begins
FOUR_TILES = {"bbox": (1_999_391, -457, 2_000_613, 511), "bbox_crs": "EPSG:3979"}
HREF_OF_9_2 = "/canelevation-dem/hrdem-mosaic-2m/9_2-mosaic-2m-dtm"
HRDEM = Path(sys.executable).with_name("hrdem")
# Runs a command and writes its peak memory to a file. A separate process is needed because a
# process inherits the peak of its parent.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(str(peak))
sys.exit(code)
"""


@dataclass(frozen=True)
class Run:
    """A finished command.

    Attributes:
        output: The output raster.
        document: The printed JSON document.
        peak: Peak memory in KiB.
        requests: Requests to nginx.
    """

    output: Path
    document: dict[str, Any]
    peak: int
    requests: list[dict[str, Any]]


@pytest.fixture(scope="module")
def ottawa(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A box at Ottawa at 1 m, 165 million pixels, from the command line."""
    for item in OTTAWA_TILES:
        stack.publish(item, "dtm", Aoi.from_bbox(OTTAWA).bounds)
    folder = tmp_path_factory.mktemp("ottawa")
    output, peak = folder / "ottawa.tif", folder / "peak"
    before = len(stack.requests())
    box = ",".join(map(str, OTTAWA))
    arguments = ["--bbox", box, "--product", "dtm", "--collection", "1m", "-o", output]
    document = command(
        *(sys.executable, "-c", MEASURED, peak),
        *(HRDEM, "extract", *arguments, "--stac-url", stack.stac, "--no-cache", "--json"),
    )
    yield Run(output, document, int(peak.read_text()), stack.requests()[before:])
    output.unlink()  # pytest would not delete it


def command(*words: object, cwd: Path | None = None) -> dict[str, Any]:
    """Run a command that prints one JSON document."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HRDEM_")}
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def different_pixels(path: Path, collection: str) -> int:
    """Count the output pixels that differ from the terrain."""
    threads = os.cpu_count() or 1

    def count(share: int) -> int:
        different = 0
        with rasterio.open(path) as dataset:
            windows = [window for _, window in dataset.block_windows(1)]
            size, corner = dataset.res[0], dataset.bounds
            for window in windows[share::threads]:
                left, top = corner.left + window.col_off * size, corner.top - window.row_off * size
                shape = window.width, window.height
                expected = heights(left, top, size, *shape, collection=collection)
                different += int((dataset.read(1, window=window) != expected).sum())
        return different

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(count, range(threads)))


def test_box_on_a_tile_border_is_exact(ottawa: Run) -> None:
    assert [source["name"] for source in ottawa.document["sources"]] == list(OTTAWA_TILES)
    with rasterio.open(ottawa.output) as dataset:
        assert dataset.crs.to_string() == "EPSG:3979"
        assert dataset.bounds == (1_498_068, -180_056, 1_510_958, -167_282)
    assert ottawa.document["statistics"]["pixels"] == 12_890 * 12_774
    assert different_pixels(ottawa.output, "1m") == 0


def test_strip_west_of_the_border_uses_the_western_tile(ottawa: Run) -> None:
    with rasterio.open(ottawa.output) as dataset:
        width = round(TILE_BORDER - dataset.bounds.left)
        strip = dataset.read(1, window=Window(0, 0, width, dataset.height))
    in_strip = int((strip != NODATA).sum())
    western, eastern = (source["pixels"] for source in ottawa.document["sources"])
    assert western == in_strip > 1_000_000
    assert western + eastern == ottawa.document["statistics"]["valid_pixels"]


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in KiB on Linux only")
def test_peak_memory_is_independent_of_the_area(ottawa: Run) -> None:
    assert 4 * ottawa.document["statistics"]["pixels"] > 600_000_000  # bytes of the box
    assert ottawa.peak * 1024 < 300_000_000


def test_every_read_requires_the_first_version(ottawa: Run) -> None:
    etags = {source["href"]: source["etag"] for source in ottawa.document["sources"]}
    for href, etag in etags.items():
        asked = [request for request in ottawa.requests if href.endswith(request["uri"])]
        reads = [request for request in asked if not request["range"].startswith("bytes=0-")]
        assert len(reads) > 50
        assert {request["if_match"] for request in reads} == {etag}
        assert {request["status"] for request in reads} == {206}


def test_only_ranges_of_files_are_requested(ottawa: Run) -> None:
    """No folder listing, no sidecar lookup, and no complete COG is requested."""
    store = [request for request in ottawa.requests if "/stac/api/" not in request["uri"]]
    hrefs = [source["href"] for source in ottawa.document["sources"]]
    assert {request["uri"] for request in store} == {
        "/canelevation-dem/" + href.partition("/canelevation-dem/")[2] for href in hrefs
    }
    assert all(request["range"] for request in store if request["method"] == "GET")


@pytest.mark.parametrize("via", ["cog", "vrt"])
def test_four_tiles_meet_without_a_seam(corner: Stack, tmp_path: Path, via: str) -> None:
    output = tmp_path / "corner.tif"
    result = hrdem.extract(
        **FOUR_TILES,
        product="dtm",
        collection="2m",
        via=via,
        output=output,
        stac_url=corner.stac,
    )
    assert set(result.pixels_by_source) == set(CORNER_TILES)
    assert min(result.pixels_by_source.values()) > 0
    assert different_pixels(output, "2m") == 0


def test_downloaded_vrt_opens_anywhere(corner: Stack, tmp_path: Path) -> None:
    """The VRT in the store refers to its COG by a relative path."""
    assert 'relativeToVRT="1">9_2-' in corner.file_of("9_2-mosaic-2m", "dtm.vrt").read_text()
    words = (HRDEM, "assets", "9_2-mosaic-2m", "--product", "dtm", "--download", "--json")
    document = command(*words, "--stac-url", corner.stac, cwd=tmp_path)
    assert document["saved"] == ["9_2-mosaic-2m-dtm.vrt"]
    saved = tmp_path / "9_2-mosaic-2m-dtm.vrt"
    assert f"/vsicurl/{corner.url}{HREF_OF_9_2}.tif<" in saved.read_text()
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(saved) as dataset,
    ):
        row, column = dataset.index(1_999_401, -101)
        pixels = dataset.read(1, window=Window(column, row, 300, 400))
    np.testing.assert_array_equal(pixels, heights(1_999_400, -100, 2, 300, 400, collection="2m"))


def test_get_only_catalogue_serves_an_extraction(corner: Stack, tmp_path: Path) -> None:
    output, before = tmp_path / "corner.tif", len(corner.requests())
    hrdem.extract(
        **FOUR_TILES,
        product="dtm",
        collection="2m",
        output=output,
        stac_url=corner.stac_get_only,
    )
    searches = [each for each in corner.requests()[before:] if each["uri"].endswith("/search")]
    assert [(each["method"], each["status"]) for each in searches] == [("POST", 405), ("GET", 200)]
    assert different_pixels(output, "2m") == 0


def test_tile_without_the_product_is_no_data(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(hrdem.NoDataError, match="4_8-mosaic-2m has no dtm"):
        hrdem.extract(
            bbox=(-750_500, 2_749_500, -749_500, 2_750_500),
            bbox_crs="EPSG:3979",
            product="dtm",
            collection="2m",
            output=tmp_path / "north.tif",
            stac_url=stack.stac,
        )
    assert list(tmp_path.iterdir()) == []


def test_listed_but_missing_file_is_an_error_not_nodata(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(hrdem.ServerError, match="dtm of item 5_4-mosaic-2m") as caught:
        hrdem.extract(
            bbox=(-250_500, 749_500, -249_500, 750_500),
            bbox_crs="EPSG:3979",
            product="dtm",
            collection="2m",
            output=tmp_path / "missing.tif",
            stac_url=stack.stac,
        )
    assert caught.value.status == 404
    assert list(tmp_path.iterdir()) == []


def test_republished_file_is_never_mixed(corner: Stack, tmp_path: Path) -> None:
    with HttpClient() as http:
        request = Request.of(**FOUR_TILES, product="dtm", collection="2m", stac_url=corner.stac)
        plan = make_plan(request, http)
        cog = corner.file_of("10_3-mosaic-2m", "dtm.tif")
        later = cog.stat().st_mtime + 60
        os.utime(cog, (later, later))  # nginx derives the ETag from time and size
        with pytest.raises(hrdem.SourceChangedError, match="10_3-mosaic-2m-dtm.tif was published"):
            run_plan(plan, RunContext(http), OutputOptions(tmp_path / "mixed.tif"))
    assert any(each["status"] == 412 for each in corner.requests())
    assert list(tmp_path.iterdir()) == []
