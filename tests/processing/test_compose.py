"""Outputs on other grids, compared with the terrain function and GDAL's warper.

The terrain function has no tiles, so any seam is a difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling as OfRasterio
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import list_tiles
from hrdem.runtime.progress import Progress
from tests.demo_tiles import TILES, find_empty_block
from tests.misbehaving import Reply, forward, misbehaving

HALIFAX = (-63.613, 44.592, -63.600, 44.600)
OTTAWA = (-75.712, 45.402, -75.700, 45.410)
# the same projections on the datum of the data
TWINS = {"EPSG:4326": "EPSG:4617", "EPSG:26918": "EPSG:2959"}
# area, CRS and resolution of the output; pixel size of the overview it is read from
GRIDS = {
    "UTM": (HALIFAX, "EPSG:2961", 5, 2),
    "UTM, finer": (HALIFAX, "EPSG:2961", 0.7, 1),
    "native": (OTTAWA, "EPSG:3979", 3, 2),
    "degrees": (HALIFAX, "EPSG:4326", 0.0001, 4),
    "NAD83": (OTTAWA, "EPSG:26918", 20, 8),
    "coarse": (OTTAWA, "EPSG:3979", 60, 32),
}


def extract(demo: Addresses, output: Path, **request: Any) -> hrdem.Result:
    """Extract from the demonstration, by default the DTM."""
    return hrdem.extract(
        **{"product": "dtm", **request}, output=output, stac_url=demo.stac, wcs_url=demo.wcs
    )


def find_centres(dataset: rasterio.DatasetReader) -> NDArray[np.float64]:
    """Return the pixel centres in EPSG:3979, array (2, rows, columns)."""
    columns, rows = np.meshgrid(np.arange(dataset.width) + 0.5, np.arange(dataset.height) + 0.5)
    (dx, dy), corner = dataset.res, dataset.transform
    x, y = corner.c + dx * columns.ravel(), corner.f - dy * rows.ravel()
    crs = dataset.crs.to_string()
    found = np.array(transform(TWINS.get(crs, crs), "EPSG:3979", x, y))
    return found.reshape(2, dataset.height, dataset.width)


def make_terrain(
    points: NDArray[np.float64], size: float, margin: int
) -> tuple[NDArray[np.float32], Affine]:
    """Return terrain pixels of `size` metres that contain the points, with a margin."""
    border = size * (margin + 1)
    (left, bottom), (right, top) = points.min(axis=(1, 2)), points.max(axis=(1, 2))
    left, top = (left - border) // size * size, -((-top - border) // size * size)
    width, height = int((right + border - left) // size), int((top - bottom + border) // size)
    return heights(left, top, size, width, height), Affine(size, 0, left, 0, -size, top)


def sample_nearest(dataset: rasterio.DatasetReader, size: float) -> Any:
    """Return the terrain pixel of `size` metres at each centre."""
    points = find_centres(dataset)
    pixels, lattice = make_terrain(points, size, margin=1)
    columns = np.floor((points[0] - lattice.c) / size).astype(int)
    rows = np.floor((lattice.f - points[1]) / size).astype(int)
    return pixels[rows, columns]


def warp_bilinear(dataset: rasterio.DatasetReader, size: float, folder: Path) -> Any:
    """Warp terrain pixels of `size` metres with GDAL, with the kernel as wide as an output pixel.

    The width is that of the pixel in the middle, rounded to two digits.
    """
    points = find_centres(dataset)
    row, column = dataset.height // 2, dataset.width // 2
    centre = points[:, row, column]
    right, below = points[:, row, column + 1] - centre, points[:, row + 1, column] - centre
    across, down = (max(1.0, float(f"{w:.2g}")) for w in np.hypot(right, below) / size)
    reach = int(max(across, down)) + 3
    pixels, lattice = make_terrain(points, size, margin=reach)
    path = folder / "terrain.tif"
    profile = {"width": pixels.shape[1], "height": pixels.shape[0], "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", "GTiff", **profile, crs="EPSG:3979", transform=lattice, nodata=NODATA
    ) as terrain:
        terrain.write(pixels, 1)
    crs = dataset.crs.to_string()
    with (
        rasterio.open(path) as source,
        WarpedVRT(
            source,
            crs=TWINS.get(crs, crs),
            transform=dataset.transform,
            width=dataset.width,
            height=dataset.height,
            resampling=OfRasterio.bilinear,
            tolerance=1e-9,
            XSCALE=1 / across,
            YSCALE=1 / down,
            SOURCE_EXTRA=reach,
        ) as virtual,
    ):
        return virtual.read(1)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case in ("UTM", "coarse") else pytest.mark.slow)
        for case in GRIDS
    ],
)
@pytest.mark.parametrize(
    "resampling", [pytest.param("nearest", marks=[pytest.mark.slow, pytest.mark.long]), "bilinear"]
)
def test_output_equals_gdals_warp_of_the_terrain(
    demo: Addresses, tmp_path: Path, case: str, resampling: str
) -> None:
    bbox, crs, resolution, size = GRIDS[case]
    output = tmp_path / "output.tif"
    result = extract(demo, output, bbox=bbox, crs=crs, resolution=resolution, resampling=resampling)
    assert result.plan.mosaics[0].grid.resolution == (size, size)
    with rasterio.open(output) as dataset:
        pixels = dataset.read(1)
        assert dataset.crs.to_string() == crs
        assert dataset.nodata == NODATA
        assert dataset.res == (resolution, resolution)
        x, y = dataset.bounds.left / resolution, dataset.bounds.top / resolution
        assert (x, y) == pytest.approx((round(x), round(y)), abs=1e-6)
        if resampling == "nearest":
            np.testing.assert_array_equal(pixels, sample_nearest(dataset, size))
        else:
            expected = warp_bilinear(dataset, size, tmp_path)
            np.testing.assert_array_equal(pixels == NODATA, expected == NODATA)
            np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-4)
    assert (pixels != NODATA).any()


@pytest.mark.parametrize("case", GRIDS)
def test_output_includes_every_pixel_the_box_touches(demo: Addresses, case: str) -> None:
    bbox, crs, resolution, _ = GRIDS[case]
    plan = hrdem.plan(bbox=bbox, crs=crs, resolution=resolution, product="dtm", stac_url=demo.stac)
    edge = np.linspace(0, 1, 2_000)
    west, south, east, north = bbox
    x = np.concatenate([west + edge * (east - west)] * 2 + [0 * edge + west, 0 * edge + east])
    y = np.concatenate([0 * edge + south, 0 * edge + north] + [south + edge * (north - south)] * 2)
    x, y = np.array(transform("EPSG:4617", TWINS.get(crs, crs), x, y))
    left, bottom, right, top = plan.grid.bounds
    assert 0 <= x.min() - left < resolution + 1e-6
    assert 0 <= right - x.max() < resolution + 1e-6
    assert 0 <= y.min() - bottom < resolution + 1e-6
    assert 0 <= top - y.max() < resolution + 1e-6


@pytest.mark.slow
def test_coarse_pixels_are_read_from_an_overview(demo: Addresses, tmp_path: Path) -> None:
    """The area has 1.1 billion pixels at full resolution."""
    bbox = (1_700_000, -200_000, 1_733_000, -167_000)
    result = extract(
        demo, tmp_path / "a.tif", bbox=bbox, bbox_crs="EPSG:3979", crs="EPSG:26918", resolution=200
    )
    (source,) = result.plan.sources
    assert (source.level, source.grid.resolution) == (7, (500_000 / 3_907,) * 2)
    assert result.received_bytes == hrdem.estimate(result.plan).transfer_bytes
    assert result.received_bytes <= 4 * 1_188_866  # bytes of a tile of the demonstration
    with rasterio.open(tmp_path / "a.tif") as dataset:
        expected = warp_bilinear(dataset, 500_000 / 3_907, tmp_path)
        np.testing.assert_allclose(dataset.read(1), expected, rtol=0, atol=1e-4)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("resampling", ["max", "min", "med", "mode", "q1", "q3", "rms"])
def test_order_statistics_come_from_full_resolution(
    demo: Addresses, tmp_path: Path, resampling: str
) -> None:
    """The maximum of an overview pixel of 8 m is below the maximum of its 64 pixels."""
    bbox = (1_702_400, -200_000, 1_702_560, -199_840)
    result = extract(
        demo,
        tmp_path / "a.tif",
        bbox=bbox,
        bbox_crs="EPSG:3979",
        resolution=10,
        resampling=resampling,
    )
    assert result.plan.sources[0].level == 0
    cells = heights(1_702_400, -199_840, 1, 160, 160).reshape(16, 10, 16, 10).swapaxes(1, 2)
    assert (cells != NODATA).all()
    cells = cells.reshape(16, 16, 100)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        pixels = dataset.read(1)
    if resampling == "mode":
        assert (pixels[:, :, None] == cells).any(axis=2).all()
        return
    ranked = np.sort(cells, axis=2)
    expected = {
        "max": ranked[..., -1],
        "min": ranked[..., 0],
        "rms": np.sqrt((cells.astype(float) ** 2).mean(axis=2)),
    }
    if resampling in expected:
        np.testing.assert_allclose(pixels, expected[resampling], rtol=1e-6)
    else:  # GDAL returns one of the two pixels at the rank
        rank = {"q1": 25, "med": 50, "q3": 75}[resampling]
        assert (pixels >= ranked[..., rank - 1]).all()
        assert (pixels <= ranked[..., rank]).all()


@pytest.mark.parametrize("resampling", ["nearest", "bilinear"])
@pytest.mark.parametrize(
    ("crs", "resolution", "size"),
    [
        ("EPSG:26918", 5, 2),
        pytest.param("EPSG:26918", 0.5, 1, marks=pytest.mark.slow),
        pytest.param("EPSG:3979", 250, 500_000 / 3_907, marks=pytest.mark.slow),
    ],
)
def test_no_seam_between_sub_tiles(
    demo: Addresses, tmp_path: Path, resampling: str, crs: str, resolution: float, size: float
) -> None:
    """8_2 ends at x = 1,500,000, where 9_2 begins."""
    half = 60 * resolution
    bbox = (1_500_000 - half, -170_000 - half, 1_500_000 + half, -170_000 + half)
    output = tmp_path / "border.tif"
    result = extract(
        demo,
        output,
        bbox=bbox,
        bbox_crs="EPSG:3979",
        crs=crs,
        resolution=resolution,
        resampling=resampling,
    )
    assert list(result.pixels_by_source) == ["8_2-mosaic-1m", "9_2-mosaic-1m"]
    assert min(result.pixels_by_source.values()) > 0
    with rasterio.open(output) as dataset:
        pixels = dataset.read(1)
        if resampling == "nearest":
            np.testing.assert_array_equal(pixels, sample_nearest(dataset, size))
        else:
            np.testing.assert_allclose(
                pixels, warp_bilinear(dataset, size, tmp_path), rtol=0, atol=1e-4
            )


@pytest.mark.parametrize(("resolution", "offset"), [(0.5, 0.5), (5, 1), (10_000, 9_500)])
def test_neighbours_inside_the_kernel_are_read(
    demo: Addresses, tmp_path: Path, resolution: float, offset: float
) -> None:
    """The box is in 9_2, but the pixels at its edge also depend on heights in 8_2."""
    left = 1_500_000 + offset
    bbox = (left, -170_000 - 4 * resolution, left + 4 * resolution, -170_000)
    output = tmp_path / "beside.tif"
    result = extract(
        demo, output, bbox=bbox, bbox_crs="EPSG:3979", crs="EPSG:3979", resolution=resolution
    )
    assert [source.name for source in result.plan.sources][:2] == [
        "8_2-mosaic-1m",
        "9_2-mosaic-1m",
    ]
    size = result.plan.mosaics[0].grid.resolution[0]
    with rasterio.open(output) as dataset:
        expected = warp_bilinear(dataset, size, tmp_path)
        np.testing.assert_allclose(dataset.read(1), expected, rtol=0, atol=2e-3)


def test_neighbours_of_wide_pixels_are_found(demo: Addresses) -> None:
    """The search covers everything that pixels of 10 km depend on, not only the box."""
    tile = next(t for t in list_tiles() if t.item_id == "9_2-mosaic-1m")
    left, bottom, *_ = tile.bounds
    bbox = (left + 9_900, bottom + 200_000, left + 9_990, bottom + 200_090)
    plan = hrdem.plan(
        bbox=bbox,
        bbox_crs="EPSG:3979",
        product="dtm",
        resolution=10_000,
        stac_url=demo.stac,
    )
    assert "8_2-mosaic-1m" in [source.name for source in plan.sources]


@pytest.mark.slow
def test_overlapping_boxes_share_grid_and_pixels(demo: Addresses, tmp_path: Path) -> None:
    west, south, east, north = HALIFAX
    middle = (west + east) / 2
    boxes = {"one": (west, south, middle + 0.0013, north), "two": (middle, south, east, north)}
    for name, bbox in boxes.items():
        extract(demo, tmp_path / f"{name}.tif", bbox=bbox, crs="EPSG:2961", resolution=5)
    with rasterio.open(tmp_path / "one.tif") as one, rasterio.open(tmp_path / "two.tif") as two:
        left, right = max(one.bounds.left, two.bounds.left), min(one.bounds.right, two.bounds.right)
        bottom = max(one.bounds.bottom, two.bounds.bottom)
        top = min(one.bounds.top, two.bounds.top)
        parts = []
        for dataset in (one, two):
            window = dataset.window(left, bottom, right, top)
            offsets = np.array(window.flatten())
            np.testing.assert_allclose(offsets, offsets.round(), atol=1e-6)
            parts.append(dataset.read(1, window=window.round()))
    assert parts[0].size > 3_000
    np.testing.assert_array_equal(*parts)


@pytest.mark.slow
def test_file_and_item_have_position_and_provenance(demo: Addresses, tmp_path: Path) -> None:
    import pystac

    output = tmp_path / "halifax.tif"
    result = extract(demo, output, bbox=HALIFAX, crs="EPSG:2961", resolution=5, resampling="cubic")
    with rasterio.open(output) as dataset:
        tags, band = dataset.tags(), dataset.tags(1)
        pixels, bounds = dataset.read(1, masked=True), dataset.bounds
        corner, shape = list(dataset.transform)[:6], list(dataset.shape)
    request = json.loads(tags["HRDEM_REQUEST"])
    assert (request["crs"], request["resolution"]) == ("EPSG:2961", 5)
    assert request["resampling"] == "cubic"
    (source,) = json.loads(tags["HRDEM_SOURCES"])
    assert (source["level"], source["resolution"]) == (1, 2)
    assert float(band["STATISTICS_MINIMUM"]) == pixels.min()
    assert float(band["STATISTICS_MAXIMUM"]) == pixels.max()
    assert float(band["STATISTICS_MEAN"]) == pytest.approx(pixels.mean(dtype="f8"), abs=1e-9)
    assert float(band["STATISTICS_STDDEV"]) == pytest.approx(pixels.std(dtype="f8"), abs=1e-9)
    assert result.statistics.valid == pixels.count()
    item = pystac.Item.from_file(str(tmp_path / "halifax.stac.json"))
    assert item.properties["proj:code"] == "EPSG:2961"
    assert item.properties["proj:bbox"] == list(bounds)
    assert item.properties["proj:transform"] == corner
    assert item.properties["proj:shape"] == shape
    ring = np.array(item.geometry["coordinates"][0])
    x, y = transform("EPSG:4617", "EPSG:2961", *ring.T)
    assert (min(x), min(y), max(x), max(y)) == pytest.approx(bounds, abs=0.02)
    assert item.bbox == pytest.approx(HALIFAX, abs=0.0005)
    assert item.bbox == [*ring.min(axis=0), *ring.max(axis=0)]


def test_crs_without_epsg_code_is_written_as_wkt(demo: Addresses, tmp_path: Path) -> None:
    output = tmp_path / "albers.tif"
    extract(demo, output, bbox=OTTAWA, crs="ESRI:102001", resolution=20)
    item = json.loads((tmp_path / "albers.stac.json").read_text())
    properties = item["properties"]
    assert properties["proj:code"] is None
    assert properties["proj:wkt2"].startswith('PROJCRS["Canada_Albers_Equal_Area_Conic"')
    assert item["bbox"] == pytest.approx(OTTAWA, abs=0.005)
    with rasterio.open(output) as dataset:
        assert dataset.crs.to_string() == "ESRI:102001"


@pytest.mark.slow
@pytest.mark.long
def test_warped_cog_has_overviews_and_the_same_pixels(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": HALIFAX, "crs": "EPSG:2961", "resolution": 1.5}
    extract(demo, tmp_path / "plain.tif", **request)
    extract(demo, tmp_path / "cog.tif", **request, format="cog")
    with rasterio.open(tmp_path / "plain.tif") as one, rasterio.open(tmp_path / "cog.tif") as two:
        np.testing.assert_array_equal(one.read(1), two.read(1))
        assert one.transform == two.transform
        assert two.overviews(1)
        assert two.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.slow
@pytest.mark.parametrize("via", [pytest.param("vrt", marks=pytest.mark.long), "wcs"])
def test_vrt_and_wcs_give_the_same_pixels(demo: Addresses, tmp_path: Path, via: str) -> None:
    """At a resolution where a VRT and the WCS have the same source pixels as a COG."""
    request = {"bbox": OTTAWA, "crs": "EPSG:26918", "resolution": 1, "resampling": "cubic"}
    extract(demo, tmp_path / "cog.tif", **request)
    extract(demo, tmp_path / "other.tif", **request, via=via, cache_dir=tmp_path / "cache")
    with rasterio.open(tmp_path / "cog.tif") as one, rasterio.open(tmp_path / "other.tif") as two:
        np.testing.assert_array_equal(one.read(1), two.read(1))


@pytest.mark.slow
def test_coarse_wcs_requests_have_coarse_pixels(demo: Addresses, tmp_path: Path) -> None:
    bbox = (1_700_000, -200_000, 1_733_000, -167_000)
    result = extract(
        demo,
        tmp_path / "a.tif",
        bbox=bbox,
        bbox_crs="EPSG:3979",
        crs="EPSG:26918",
        resolution=200,
        via="wcs",
        cache_dir=tmp_path / "cache",
    )
    assert result.plan.mosaics[0].grid.resolution == (128, 128)
    assert result.received_bytes < 2_000_000


def test_area_at_the_origin_of_the_projection(demo: Addresses, tmp_path: Path) -> None:
    """A transform of ones and zeros is not mistaken for none. Warnings are errors here."""
    output = tmp_path / "origin.tif"
    extract(
        demo, output, bbox=(0, -90, 90, 0), bbox_crs="EPSG:3979", resolution=1, collection="30m"
    )
    with rasterio.open(output) as dataset:
        assert dataset.transform == Affine(1, 0, 0, 0, -1, 0)
        assert dataset.crs.to_string() == "EPSG:3979"


@pytest.mark.slow
def test_progress_counts_source_and_output_pixels(demo: Addresses, tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = extract(
        demo,
        tmp_path / "a.tif",
        bbox=HALIFAX,
        crs="EPSG:2961",
        resolution=1,
        on_progress=seen.append,
    )
    pixels = result.plan.grid.window.pixels + result.plan.mosaics[0].grid.window.pixels
    assert seen == sorted(seen, key=lambda each: (each.pixels, each.received_bytes))
    assert seen[-1] == Progress(pixels, pixels, result.received_bytes)


@pytest.mark.parametrize("resolution", [1, 5])
def test_area_without_valid_pixels_leaves_no_file(
    demo: Addresses, tmp_path: Path, resolution: float
) -> None:
    x, y = find_empty_block(TILES["9_2", "1m"])
    with pytest.raises(hrdem.NoDataError, match="no valid pixel"):
        extract(
            demo,
            tmp_path / "none.tif",
            bbox=(x + 100, y - 400, x + 400, y - 100),
            bbox_crs="EPSG:3979",
            crs="EPSG:26918",
            resolution=resolution,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "resolution", [*(pytest.param(each, marks=pytest.mark.long) for each in (47, 190)), 5_100]
)
def test_area_just_outside_the_coverage_has_no_data(
    demo: Addresses, tmp_path: Path, resolution: float
) -> None:
    """Some files are near enough to be considered, but too far to affect a pixel."""
    tile = next(t for t in list_tiles() if t.item_id == "11_3-mosaic-1m")
    for gap in np.arange(0.25, 5, 0.25) * resolution:
        left = tile.bounds[2] + gap
        bbox = (left, tile.top - 9_000, left + resolution / 100, tile.top - 8_990)
        try:
            plan = hrdem.plan(
                bbox=bbox,
                bbox_crs="EPSG:3979",
                product="dtm",
                resolution=resolution,
                stac_url=demo.stac,
            )
            assert plan.sources
        except hrdem.NoDataError:
            break
    else:
        pytest.fail("each box found a file")


@pytest.mark.long
@pytest.mark.slow
def test_coverage_estimate_is_of_the_output_only(demo: Addresses, tmp_path: Path) -> None:
    """The output is rotated in EPSG:3979: the corners of its bounds there are not part of it."""
    x, y = find_empty_block(TILES["9_2", "1m"])
    found = []
    for number, shift in enumerate((-60_000, -20_000, 20_000, 60_000)):
        bbox = (x + shift - 20_000, y - 20_000, x + shift + 20_000, y + 20_000)
        request = {"bbox": bbox, "bbox_crs": "EPSG:3979", "crs": "EPSG:26918", "resolution": 100}
        plan = hrdem.plan(**request, product="dtm", stac_url=demo.stac)
        estimated = hrdem.estimate(plan).coverage_percent
        try:
            done = extract(demo, tmp_path / f"{number}.tif", **request).statistics.valid_percent
        except hrdem.NoDataError:
            done = 0
        assert estimated == pytest.approx(done, abs=1.5)
        found.append(done)
    assert min(found) < 60 < max(found)


@pytest.mark.slow
def test_failure_midway_leaves_no_hidden_file(demo: Addresses, tmp_path: Path) -> None:
    def script(request: Any) -> Reply:
        if request.number > 12:
            return Reply(404)
        return forward(request, demo.url, server.url)

    with misbehaving(script) as server, pytest.raises(hrdem.NetworkError):
        hrdem.extract(
            bbox=OTTAWA,
            product="dtm",
            crs="EPSG:26918",
            resolution=1,
            via="cog",
            output=tmp_path / "a.tif",
            stac_url=f"{server.url}/stac/api/",
        )
    assert not list(tmp_path.iterdir())


INTERRUPTED = """
import signal
import hrdem.processing.compose
import hrdem.processing.stage
from hrdem.cli.main import main
module, name = hrdem.{module}, {name!r}
whole = getattr(module, name)
def cut(*arguments, **more):
    for number, step in enumerate(whole(*arguments, **more)):
        if number == 2:
            signal.raise_signal(signal.SIGINT)
        yield step
setattr(module, name, cut)
main()
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "name"),
    [("processing.stage", "merge_tiles"), ("processing.compose", "compose_tiles")],
)
def test_interrupt_leaves_no_hidden_file(
    demo: Addresses, tmp_path: Path, module: str, name: str
) -> None:
    """Interrupt while sources are merged, and while the mosaic is warped."""
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                INTERRUPTED.format(module=module, name=name),
                "extract",
                "-o",
                "a.tif",
            ),
            *("--bbox", ",".join(map(str, OTTAWA)), "--product", "dtm"),
            *("--crs", "EPSG:26918", "--resolution", "1", "--stac-url", demo.stac),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, "interrupted" in done.stderr) == (130, True)
    assert not list(tmp_path.iterdir())


PEAK = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in KiB on Linux only")
@pytest.mark.parametrize(
    "grid",
    [
        ("--crs", "EPSG:26918", "--resolution", "1", "--resampling", "cubic"),
        # copied at the end, through GDAL's cache
        pytest.param(("--format", "cog"), marks=pytest.mark.long),
    ],
    ids=["warped", "cog"],
)
def test_peak_memory_stays_below_the_limit(
    demo: Addresses, tmp_path: Path, grid: tuple[str, ...]
) -> None:
    """The peak of a process includes that of its parent, so a small process runs in between."""
    box = "1700000,-204096,1704096,-200000"
    done = subprocess.run(
        [
            *(sys.executable, "-c", PEAK, sys.executable, "-m", "hrdem", "extract", "-q"),
            *("--bbox", box, "--bbox-crs", "EPSG:3979", "--product", "dtm", "-o", "a.tif"),
            *(*grid, "--stac-url", demo.stac),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 300_000_000
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.width * dataset.height >= 4096 * 4096
