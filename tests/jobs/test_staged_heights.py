"""Heights on any grid from sources that were staged once, with a constant level and kernel."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.errors import OutputError, RequestError, SourceChangedError
from hrdem.geo.grid import Grid, Window
from hrdem.geo.reproject import project_geometry
from hrdem.geo.resampling import FixedSampling
from hrdem.http.client import HttpClient
from hrdem.http.run_context import RunContext
from hrdem.jobs.staged_heights import StagedHeights, stage_heights
from hrdem.legacy.heights import make_height_request
from hrdem.request.request import Request
from hrdem.runtime.progress import Progress
from hrdem.runtime.threads import thread_pool
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving
from tests.stores import Store

ARC_SECOND = 1 / 3600
CDED_50K = FixedSampling(max_source_pixel=8, kernel_radius=23.2)
CDED_250K = FixedSampling(max_source_pixel=32, kernel_radius=92.7)
BC = FixedSampling(max_source_pixel=16, kernel_radius=25)


def place_grid(crs: str, left: float, top: float, dx: float, dy: float) -> Grid:
    return Grid(crs, Affine(dx, 0, left, 0, -dy, top), 80, 70)


SHEET = place_grid("EPSG:4617", -75.7, 45.5, 0.75 * ARC_SECOND, 0.75 * ARC_SECOND)
# sampling of the product; a grid of it; the pixels that are read, metres
PRODUCTS = {
    "50K": (CDED_50K, SHEET, 8),
    "50K, area B": (
        CDED_50K,
        place_grid("EPSG:4617", -137, 70.2, 1.5 * ARC_SECOND, 0.75 * ARC_SECOND),
        8,
    ),
    "250K": (CDED_250K, place_grid("EPSG:4617", -75.7, 45.5, 3 * ARC_SECOND, 3 * ARC_SECOND), 32),
    "BC Albers": (BC, place_grid("EPSG:3153", 1_821_987.5, 1_527_012.5, 25, 25), 16),
}


def request_heights(demo: Addresses, grid: Grid, sampling: FixedSampling, **params: Any) -> Request:
    """Request the area of a grid from the demonstration."""
    area = project_geometry(shapely.box(*grid.bounds), grid.crs, "EPSG:4617")
    return make_height_request(area, sampling, stac_url=demo.stac, wcs_url=demo.wcs, **params)


def compute_heights(
    grid: Grid, pixel: float, kernel_radius: float, collection: str
) -> NDArray[np.float64]:
    """Average pixels of the terrain around each centre.

    Weights fall in a straight line from the centre to a distance along each axis. There is a height
    only where the pixel under the centre has data.
    """
    columns, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    corner = grid.transform
    project = Transformer.from_crs(grid.crs, "EPSG:3979", always_xy=True).transform
    x, y = project(corner.c + columns * corner.a, corner.f + rows * corner.e)
    u, v = x / pixel - 0.5, -y / pixel - 0.5  # pixel centres are whole numbers
    width = max(1.0, kernel_radius / pixel)
    near = np.arange(-np.ceil(width), np.ceil(width) + 1).astype(int)
    first = [int(np.floor(each.min() + near[0])) for each in (u, v)]
    sizes = [
        int(np.ceil(each.max() + near[-1])) - start + 1
        for each, start in zip((u, v), first, strict=True)
    ]
    source = heights(first[0] * pixel, -first[1] * pixel, pixel, *sizes, collection=collection)
    total, weights = np.zeros(u.shape), np.zeros(u.shape)
    for down, across in itertools.product(near, near):
        column, row = np.floor(u).astype(int) + across, np.floor(v).astype(int) + down
        weight = np.maximum(0, 1 - np.abs(u - column) / width)
        weight *= np.maximum(0, 1 - np.abs(v - row) / width)
        found = source[row - first[1], column - first[0]]
        weight[found == NODATA] = 0
        total += weight * found
        weights += weight
    nearest = source[
        np.floor(v + 0.5).astype(int) - first[1], np.floor(u + 0.5).astype(int) - first[0]
    ]
    return np.divide(total, weights, where=nearest != NODATA, out=np.full(u.shape, np.nan))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("50K", marks=pytest.mark.slow),
        "50K, area B",
        pytest.param("250K", marks=pytest.mark.slow),
        "BC Albers",
    ],
)
def test_heights_are_averages_of_one_level_with_one_kernel(
    demo: Addresses, http: HttpClient, tmp_path: Path, name: str
) -> None:
    """Within a tenth of a millimetre."""
    sampling, grid, pixel = PRODUCTS[name]
    request = request_heights(demo, grid, sampling, fill="")
    found, _ = stage_heights(
        request, RunContext(http, tmp_path), lambda s: s.read(grid, grid.window)
    )
    assert found.dtype == np.float32
    expected = compute_heights(grid, pixel, sampling.kernel_radius, "1m")
    assert np.count_nonzero(np.isfinite(expected)) > 500
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_coarser_collection_fills_what_finer_ones_leave_empty(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Each with its own pixels, and pixel by pixel: 1 m is read at 8 m, and so is 2 m."""
    sampling, grid, pixel = PRODUCTS["50K, area B"]
    request = request_heights(demo, grid, sampling)

    def read(staged: StagedHeights) -> NDArray[np.float32]:
        assert [tier.collection.name for tier in staged.plan.tiers] == ["1m", "2m", "30m"]
        return staged.read(grid, grid.window)

    found, _ = stage_heights(request, RunContext(http, tmp_path), read)
    fine, coarse = (compute_heights(grid, pixel, 23.2, name) for name in ("1m", "2m"))
    filled = np.isnan(fine) & np.isfinite(coarse)
    assert np.count_nonzero(filled) > 500
    np.testing.assert_allclose(found, np.where(filled, coarse, fine), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_threads_read_any_windows_of_several_grids_that_share_nodes(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """A grid of double spacing from the same files, and one whose corners are other numbers."""
    shifted = SHEET.crop(Window(7, 11, 40, 40))
    (dx, dy), (left, _, _, top) = SHEET.resolution, SHEET.bounds
    double = Grid(SHEET.crs, Affine(2 * dx, 0, left - dx / 2, 0, -2 * dy, top + dy / 2), 40, 35)

    def read(staged: StagedHeights) -> list[NDArray[np.float32]]:
        jobs = [
            (SHEET, SHEET.window),
            (SHEET, Window(13, 17, 30, 3)),
            (shifted, shifted.window),
            (double, double.window),
        ]
        with thread_pool(2, "test") as pool:
            return list(pool.map(lambda job: staged.read(*job), jobs))

    request = request_heights(demo, SHEET, CDED_50K)
    (whole, part, other, every_second), _ = stage_heights(request, RunContext(http, tmp_path), read)
    np.testing.assert_array_equal(part, whole[17:20, 13:43])
    np.testing.assert_array_equal(other, whole[11:51, 7:47])
    np.testing.assert_array_equal(every_second, whole[::2, ::2])


@pytest.mark.slow
def test_staging_reports_progress_and_leaves_no_file(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[Progress] = []
    context = RunContext(http, tmp_path / "cache", on_progress=seen.append)

    def use(staged: StagedHeights) -> None:
        assert len([*tmp_path.glob("hrdem-*")]) == 1
        assert seen[-1].total_pixels - seen[-1].pixels == 5
        staged.meter.add(5, 0)

    _, transfer = stage_heights(request_heights(demo, SHEET, CDED_50K), context, use, more_pixels=5)
    assert transfer.received_bytes == seen[-1].received_bytes > 0
    assert transfer.cached_bytes == 0
    assert seen[-1].pixels == seen[-1].total_pixels
    assert not [*tmp_path.glob("hrdem-*")]


def test_a_download_that_is_too_large_advises_what_a_product_can_follow(
    demo: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """Neither a smaller area nor larger pixels: both are those of a sheet."""
    context = RunContext(http, tmp_path, max_download=1_000)
    request = request_heights(demo, SHEET, CDED_50K, fill="")
    with pytest.raises(RequestError, match=r"allows 1 kB\. Give a larger `max_download`\.$"):
        stage_heights(request, context, lambda _: None)


@pytest.mark.slow
def test_a_full_disk_advises_another_temporary_folder(
    demo: Addresses, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.planning.cost.free_disk_bytes", lambda _: 10_000)
    message = r"^The merged source of \d+ x \d+ pixels .* or give TMPDIR another folder\.$"
    with pytest.raises(OutputError, match=message):
        stage_heights(
            request_heights(demo, SHEET, CDED_50K), RunContext(http, tmp_path), lambda _: None
        )


@pytest.mark.slow
def test_a_file_that_is_republished_while_it_is_read_is_read_again(
    demo: Addresses, republished: Addresses, http: HttpClient, tmp_path: Path
) -> None:
    """All of it comes from the new version, 1,024 m higher, and is used once."""
    tiles = 0

    def publish(request: ServerRequest) -> Reply:
        nonlocal tiles
        start = int(request.headers.get("range", "bytes=0-")[6:].partition("-")[0])
        tiles += start > 20_000_000
        return forward(request, (republished if tiles else demo).url, server.url)

    used = []
    with misbehaving(publish) as server:
        services = Addresses(server.url)
        context = RunContext(http, tmp_path)
        for on_change in ("stop", "restart"):
            tiles = 0
            request = request_heights(services, SHEET, CDED_50K, fill="", on_change=on_change)
            use = functools.partial(StagedHeights.read, grid=SHEET, window=SHEET.window)
            if on_change == "stop":
                with pytest.raises(SourceChangedError):
                    stage_heights(request, context, used.append)
            else:
                found, _ = stage_heights(request, context, use)
    assert not used
    np.testing.assert_allclose(
        found, compute_heights(SHEET, 8, 23.2, "1m") + 1_024, rtol=0, atol=2e-4
    )


@pytest.mark.slow
def test_files_without_the_level_of_a_product_are_told(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The heights are there, but neighbours are made from others."""
    grid = PRODUCTS["BC Albers"][1].crop(Window(0, 0, 20, 20))
    bounds = project_geometry(shapely.box(*grid.bounds), grid.crs, "EPSG:3979").bounds
    left, top = bounds[0] // 100 * 100 - 200, bounds[3] // 100 * 100 + 200
    level = np.full((1_300, 1_300), 17, np.float32)
    for item, overviews in (("whole", (2, 4, 8, 16)), ("bare", ())):
        caplog.clear()
        store.add("hrdem-mosaic-1m", level, left, top, item=item, overviews=overviews)
        request = make_height_request(
            project_geometry(shapely.box(*grid.bounds), grid.crs, "EPSG:4617"), BC, fill=""
        )
        context = RunContext(store, tmp_path)
        found, _ = stage_heights(request, context, lambda staged: staged.read(grid, grid.window))
        assert (found == 17).all()
        told = [each.message for each in caplog.records if "neighbours" in each.message]
        assert len(told) == (0 if overviews else 1)
        assert all("mosaic-1m are of 1 m, as its files share none of up to 16 m" in _ for _ in told)
