"""Pictures of the demonstration, by the WMS and from overviews: the same place both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import Resampling, reproject, transform_bounds

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.geo.grid import Grid
from hrdem.http.client import HttpClient
from hrdem.jobs.preview import PictureOrigin, read_heights
from hrdem.request.request import Request

BOXES = {
    "degrees over a tile border": ((-75.85, 45.30, -75.60, 45.45), "EPSG:4326"),
    "degrees where the grid is turned": ((-123.3, 49.2, -122.9, 49.4), "EPSG:4617"),
    "metres": ((1_495_000, -186_000, 1_522_000, -164_000), "EPSG:3979"),
    "web mercator": ((-8_440_000, 5_660_000, -8_420_000, 5_680_000), "EPSG:3857"),
}


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Grey, and whether there is any."""
    with rasterio.open(path) as dataset:
        grey, opacity = dataset.read()
    return grey.astype(float), opacity > 0


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", BOXES)
def test_both_ways_show_the_same_place(demo: Addresses, tmp_path: Path, name: str) -> None:
    """A swapped axis, or a row or column lost, would tear them apart."""
    box, crs = BOXES[name]
    seen = []
    for origin, wms_url in (
        (PictureOrigin.WMS, demo.wms),
        (PictureOrigin.OVERVIEWS, f"{demo.url}/nothing"),
    ):
        done = hrdem.preview(
            bbox=box, bbox_crs=crs, product="dtm-hillshade", output=tmp_path / f"{origin}.png",
            size=400, wms_url=wms_url, stac_url=demo.stac,
        )  # fmt: skip
        assert (done.source, bool(done.reason)) == (origin, origin is PictureOrigin.OVERVIEWS)
        assert max(done.width, done.height) == 400
        assert done.bounds == pytest.approx(box)
        seen.append(read(done.output))
    (one, here), (other, there) = seen
    assert one.shape == (done.height, done.width)
    assert (here != there).mean() < 0.01
    both = here & there
    assert both.mean() > 0.9
    assert np.corrcoef(one[both], other[both])[0, 1] > 0.9
    shifted = np.roll(other, 2, axis=1)
    assert np.corrcoef(one[both], shifted[both])[0, 1] < 0.9, "the test could not see a shift"


GRIDS = {  # over the border of 8_2 and 9_2: grid, pixel size of the overview, mean tolerance
    "lattice of an overview": (
        Grid("EPSG:3979", Affine(8, 0, 1_499_008, 0, -8, -170_000), 300, 200), 4, 1e-3,
    ),
    "another lattice": (
        Grid("EPSG:3979", Affine(6, 0, 1_499_003, 0, -6, -170_001), 300, 200), 4, 1e-3,
    ),
    "turned": (Grid("EPSG:2959", Affine(13, 0, 433_000, 0, -13, 5_032_500), 300, 200), 8, 0.1),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name != "turned")) for name in GRIDS]
)
def test_fallback_equals_gdal_warp_of_overview(
    demo: Addresses, http: HttpClient, name: str
) -> None:
    """GDAL warps the overview of both files as one raster; on a turned grid it approximates."""
    grid, resolution, tolerance = GRIDS[name]
    box = transform_bounds(grid.crs, "EPSG:3979", *grid.bounds)
    left, bottom, right, top = (int(edge // 80 * 80) for edge in box)
    left, bottom, right, top = left - 160, bottom - 160, right + 160, top + 160
    assert left < 1_500_000 < right
    size = (right - left) // resolution, (top - bottom) // resolution
    expected = np.empty((grid.height, grid.width), np.float32)
    reproject(
        heights(left, top, resolution, *size, product="dsm"), expected,
        src_crs="EPSG:3979", src_transform=Affine(resolution, 0, left, 0, -resolution, top),
        src_nodata=NODATA, dst_crs=grid.crs, dst_transform=grid.transform, dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )  # fmt: skip
    request = Request.of(bbox=grid.bounds, bbox_crs=grid.crs, product="dsm", stac_url=demo.stac)
    found = read_heights(grid, request, http)
    known = ~np.isnan(found)
    assert known.mean() > 0.5
    assert (known != ~np.isnan(expected)).mean() < 0.001
    both = known & ~np.isnan(expected)
    difference = np.abs(found - expected)[both]
    assert difference.mean() < tolerance
    shifted = np.abs(np.roll(found, 1, axis=1) - expected)
    assert np.nanmean(shifted) > 10 * tolerance, "the test could not see a shift"


@pytest.mark.slow
def test_a_picture_finer_than_the_data_is_smooth(demo: Addresses, http: HttpClient) -> None:
    left, top = 1_550_000, -150_000
    grid = Grid("EPSG:3979", Affine(0.25, 0, left, 0, -0.25, top), 80, 80)
    request = Request.of(bbox=grid.bounds, bbox_crs="EPSG:3979", product="dtm", stac_url=demo.stac)
    found = read_heights(grid, request, http).reshape(20, 4, 20, 4).mean(axis=(1, 3))
    expected = heights(left, top, 1, 20, 20)
    assert np.abs(found - expected).max() < 0.1


@pytest.mark.long
@pytest.mark.slow
def test_all_of_canada_fits_in_a_picture(demo: Addresses, tmp_path: Path) -> None:
    """From 66 files, whose coarsest overviews are still finer than the picture."""
    done = hrdem.preview(
        bbox=(-140, 42, -55, 75), product="dsm", collection="2m", output=tmp_path / "a.png",
        size=200, wms_url=f"{demo.url}/nothing", stac_url=demo.stac,
    )  # fmt: skip
    _, seen = read(done.output)
    assert (done.width, done.height) == (200, seen.shape[0])
    assert 0.5 < seen.mean() < 0.95


@pytest.mark.parametrize("product", ["dtm", "dtm-slope", "dsm-aspect", "dsm-hillshade"])
def test_the_world_file_places_the_picture(demo: Addresses, tmp_path: Path, product: str) -> None:
    box = (1_505_000, -176_000, 1_506_000, -175_500)
    done = hrdem.preview(
        bbox=box, bbox_crs="EPSG:3979", product=product, output=tmp_path / "a.png", size=100,
        wms_url=demo.wms, stac_url=demo.stac,
    )  # fmt: skip
    with rasterio.open(done.output) as dataset:
        assert dataset.bounds == box
        assert dataset.shape == (50, 100)
        assert dataset.crs == "EPSG:3979"
    lines = (tmp_path / "a.pgw").read_text().split()
    assert list(map(float, lines)) == [10, 0, 0, -10, 1_505_005, -175_505]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pgw", "a.png", "a.png.aux.xml"]


def test_a_picture_in_degrees_has_longitudes_first(demo: Addresses, tmp_path: Path) -> None:
    """With the axes in the order of the EPSG register, GDAL would warp it to another continent."""
    box = (-75.72, 45.40, -75.66, 45.44)
    done = hrdem.preview(
        bbox=box, product="dtm", output=tmp_path / "a.png", size=20, wms_url=demo.wms,
        stac_url=demo.stac,
    )  # fmt: skip
    with rasterio.open(done.output) as dataset, WarpedVRT(dataset, crs="EPSG:3979") as warped:
        assert dataset.crs == "EPSG:4326"
        expected = transform_bounds("EPSG:4326", "EPSG:3979", *box)
        assert warped.bounds == pytest.approx(expected, abs=500)
