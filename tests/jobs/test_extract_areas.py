"""Outputs of all kinds of areas, with masks computed by shapely and grids read by rasterio."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights
from tests.relief import LEFT, TOP, make_relief, punch_holes
from tests.stores import NODATA, Store

RELAXED = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def extract(store: Store, output: Path, **params: Any) -> hrdem.Result:
    """Extract from a store, by default the DTM."""
    return hrdem.extract(**{"product": "dtm", **params}, output=output, http=store, overwrite=True)


def find_centres(dataset: rasterio.DatasetReader) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the coordinates of the pixel centres."""
    columns, rows = np.meshgrid(np.arange(dataset.width) + 0.5, np.arange(dataset.height) + 0.5)
    (dx, dy), corner = dataset.res, dataset.transform
    return corner.c + dx * columns, corner.f - dy * rows


@pytest.mark.long
@pytest.mark.slow
@RELAXED
@given(
    corners=st.lists(
        st.tuples(st.floats(30, 870), st.floats(30, 870)), min_size=3, max_size=9, unique=True
    ),
    buffer=st.sampled_from([None, 3.0]),
    seed=st.integers(0, 99),
)
def test_pixels_with_centre_inside_are_extracted(
    tmp_path: Path, store: Store, corners: list[tuple[float, float]], buffer: float | None, seed
) -> None:
    """Self-crossing, thin and multi-part shapes included."""
    shape = shapely.make_valid(shapely.Polygon([(LEFT + x, TOP - y) for x, y in corners]))
    shape = shapely.union_all([part for part in shapely.get_parts(shape) if part.area])
    if shape.area < 10:
        return
    whole = punch_holes(make_relief("1m", 900, 900), seed, 0.2)
    store.add("hrdem-mosaic-1m", whole[:, :450], LEFT, TOP, item="west")
    store.add("hrdem-mosaic-1m", whole[:, 450:], LEFT + 450, TOP, item="east")
    params = {"aoi": shape.wkt, "aoi_crs": "EPSG:3979", "buffer": buffer}
    try:
        result = extract(store, tmp_path / "a.tif", **params)
    except hrdem.NoDataError:
        result = None
    (tmp_path / "a.tif").unlink(missing_ok=True)
    extract(store, tmp_path / "b.tif", **params, crop=False)
    area = hrdem.plan(**params, product="dtm", http=store).request.aoi.geometry
    with rasterio.open(tmp_path / "b.tif") as dataset:
        x, y = find_centres(dataset)
        error = 0.004 if buffer else 1e-6  # a buffer is projected to EPSG:3979 for this test only
        is_near = shapely.distance(area.boundary, shapely.points(x, y)) < error
        inside = shapely.contains_xy(area, x, y)
        pixels = dataset.read(1)
    expected = np.where(inside, pixels, NODATA)
    if result is None:
        assert is_near[expected != NODATA].all()
    else:
        extract(store, tmp_path / "a.tif", **params)
        with rasterio.open(tmp_path / "a.tif") as dataset:
            found = dataset.read(1)
        np.testing.assert_array_equal(found[~is_near], expected[~is_near])
        np.testing.assert_array_equal(found[found != NODATA], pixels[found != NODATA])
        assert abs(result.statistics.pixels - inside.sum()) <= is_near.sum()
        assert result.statistics.valid == (found != NODATA).sum()
        assert sum(result.pixels_by_source.values()) == result.statistics.valid


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("product", ["dtm", "dtm-slope"])
def test_warped_area_is_masked_on_its_grid(demo: Addresses, tmp_path: Path, product: str) -> None:
    """The mask does not change pixels inside: slopes and kernels read beyond the outline."""
    shape = {
        "type": "Polygon",
        "coordinates": [
            [[-75.72, 45.40], [-75.69, 45.405], [-75.70, 45.42], [-75.72, 45.40]],
            [[-75.706, 45.405], [-75.700, 45.405], [-75.703, 45.41], [-75.706, 45.405]],
        ],
    }
    params: dict[str, Any] = {
        "aoi": shape, "product": product, "crs": "EPSG:2959", "resolution": 4,
        "stac_url": demo.stac,
    }  # fmt: skip
    result = hrdem.extract(**params, output=tmp_path / "a.tif")
    hrdem.extract(**params, crop=False, output=tmp_path / "b.tif")
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as two:
        assert one.transform == two.transform
        dense = shapely.segmentize(shapely.geometry.shape(shape), 1e-5)
        projected = transform_geom("EPSG:4617", "EPSG:2959", shapely.geometry.mapping(dense))
        outside = geometry_mask([projected], one.shape, one.transform)
        np.testing.assert_array_equal(one.read(1), np.where(outside, NODATA, two.read(1)))
    assert result.statistics.pixels == (~outside).sum()
    estimate = hrdem.estimate(result.plan)
    assert estimate.transfer_bytes == result.received_bytes
    assert estimate.coverage_percent == pytest.approx(result.statistics.valid_percent, abs=1)


@pytest.mark.long
@pytest.mark.slow
def test_only_tiles_under_the_area_are_read(demo: Addresses, tmp_path: Path) -> None:
    """A narrow strip crosses the box of 49 tiles and touches 13 of them."""
    corner = 1_700_352, -200_192  # of a TIFF tile
    line = shapely.LineString([corner, (corner[0] + 3_580, corner[1] - 3_580)]).buffer(5)
    params: dict[str, Any] = {"aoi_crs": "EPSG:3979", "product": "dtm", "stac_url": demo.stac}
    done = hrdem.extract(aoi=line, **params, output=tmp_path / "a.tif")
    assert done.received_bytes == hrdem.estimate(done.plan).transfer_bytes
    box = hrdem.estimate(hrdem.plan(aoi=line, crop=False, **params))
    assert done.received_bytes < 0.5 * box.transfer_bytes
    with rasterio.open(tmp_path / "a.tif") as dataset:
        x, y = find_centres(dataset)
        expected = heights(
            dataset.bounds.left, dataset.bounds.top, 1, dataset.width, dataset.height
        )
        inside = shapely.contains_xy(line, x, y)
        np.testing.assert_array_equal(dataset.read(1), np.where(inside, expected, NODATA))


DETAILED = """
import sys
from pathlib import Path
import numpy as np, shapely
import hrdem

corners, stac_url = int(sys.argv[1]), sys.argv[2]
angle = 2 * np.pi * np.arange(corners) / corners
radius = 1_000 * (1 + 0.001 * np.random.default_rng(0).random(corners))
ring = np.column_stack([1_500_000 + radius * np.cos(angle), radius * np.sin(angle)])
area = {"aoi": shapely.Polygon(ring), "aoi_crs": "EPSG:3979", "product": "dtm", "resolution": 5}
plan = hrdem.plan(**area, stac_url=stac_url)
print(len({source.url for source in plan.sources}))
for _ in range(3):
    hrdem.estimate(plan)
hrdem.extract(**area, stac_url=stac_url, output="a.tif", max_memory=300_000_000)
status = Path("/proc/self/status").read_text().split()  # ru_maxrss would include the parent's
print(int(status[status.index("VmHWM:") + 1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc elsewhere")
@pytest.mark.parametrize("corners", [pytest.param(2_000, marks=pytest.mark.long), 300_000])
def test_detailed_outlines_over_four_files(demo: Addresses, tmp_path: Path, corners: int) -> None:
    """Threads that shared a prepared geometry crashed; a buffer of its corners took gigabytes."""
    done = subprocess.run(
        [sys.executable, "-c", DETAILED, str(corners), demo.stac],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files, peak = map(int, done.stdout.split())
    assert files == 4
    assert peak < 300_000_000


@pytest.mark.slow
def test_box_can_be_masked(demo: Addresses, tmp_path: Path) -> None:
    """A box in degrees is rotated in EPSG:3979."""
    bbox = (-75.712, 45.402, -75.708, 45.405)
    params: dict[str, Any] = {"bbox": bbox, "product": "dtm", "stac_url": demo.stac}
    plain = hrdem.extract(**params, output=tmp_path / "a.tif")
    masked = hrdem.extract(**params, crop=True, output=tmp_path / "b.tif")
    assert masked.plan.grid == plain.plan.grid
    with rasterio.open(tmp_path / "b.tif") as dataset:
        x, y = find_centres(dataset)
        back = pyproj.Transformer.from_crs("EPSG:3979", "EPSG:4617", always_xy=True)
        box, lonlat = shapely.box(*bbox), back.transform(x, y)
        inside = shapely.contains_xy(box, *lonlat)
        assert 0.5 < inside.mean() < 0.9
        different = shapely.points(*lonlat)[inside != (dataset.read(1) != NODATA)]
        assert (shapely.distance(box.boundary, different) < 2e-8).all(), "a thousandth of a pixel"


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:3979", Affine(1, 0, 1_700_100, 0, -1, -200_300)),
        ("EPSG:3979", Affine(1, 0, 1_700_100.25, 0, -1, -200_300.5)),
        ("EPSG:3979", Affine(4, 0, 1_700_101, 0, -3, -200_301)),
        ("EPSG:2959", Affine(3, 0, 585_000.5, 0, -2, 4_800_000.5)),
        ("EPSG:4326", Affine(0.00004, 0, -74.2, 0, -0.00003, 44.5)),
    ],
    ids=["same pixels", "half pixels", "oblong", "UTM", "degrees"],
)
def test_output_has_the_grid_of_the_like_raster(
    demo: Addresses, tmp_path: Path, crs: str, transform: Affine
) -> None:
    """The transforms are equal to the last digit, so that the two rasters can be stacked."""
    if crs != "EPSG:3979":  # near the other cases
        (x,), (y,) = rasterio.warp.transform("EPSG:3979", crs, [1_700_500], [-200_500])
        transform = Affine(transform.a, 0, x + transform.a / 3, 0, transform.e, y)
    like = tmp_path / "like.tif"
    with rasterio.open(
        like, "w", "GTiff", width=301, height=203, count=1, dtype="uint8", crs=crs,
        transform=transform,
    ):  # fmt: skip
        pass
    result = hrdem.extract(like=like, product="dtm", stac_url=demo.stac, output=tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset, rasterio.open(like) as template:
        assert dataset.crs.to_string() == crs
        assert (dataset.transform, dataset.shape) == (template.transform, template.shape)
        pixels = dataset.read(1)
    assert result.statistics.valid_percent > 90
    if transform == Affine(1, 0, 1_700_100, 0, -1, -200_300):
        np.testing.assert_array_equal(pixels, heights(1_700_100, -200_300, 1, 301, 203))
        assert not result.plan.resampled


@pytest.mark.parametrize("params", [{"crs": "EPSG:2959"}, {"resolution": 5}])
def test_like_excludes_crs_and_resolution(tmp_path: Path, params: Any) -> None:
    with rasterio.open(
        tmp_path / "like.tif", "w", "GTiff", width=3, height=3, count=1, dtype="uint8",
        crs="EPSG:3979", transform=Affine(1, 0, 1_700_100, 0, -1, -200_300),
    ):  # fmt: skip
        pass
    with pytest.raises(hrdem.RequestError, match="`like` sets the CRS and the pixel size"):
        hrdem.plan(like=tmp_path / "like.tif", product="dtm", **params)


@pytest.mark.slow
@pytest.mark.long
def test_nts_sheet_at_25_m_covers_the_sheet(demo: Addresses, tmp_path: Path) -> None:
    result = hrdem.extract(
        nts="31G/5", product="dtm", crs="EPSG:2959", resolution=25, stac_url=demo.stac,
        output=tmp_path / "a.tif",
    )  # fmt: skip
    item = json.loads((tmp_path / "a.stac.json").read_text())
    assert item["properties"]["hrdem:request"]["aoi"] == "NTS 031G05"
    west, south, east, north = item["bbox"]
    assert west <= -76 + 1e-9
    assert south <= 45.25 + 1e-9
    assert east >= -75.5 - 1e-9
    assert north >= 45.5 - 1e-9
    assert (east - west) * (north - south) < 0.131
    assert {source.level for source in result.plan.sources} == {4}


def test_shape_smaller_than_a_pixel_names_the_way_out(tmp_path: Path, store: Store) -> None:
    store.add("hrdem-mosaic-1m", make_relief("1m", 64, 64), LEFT, TOP)
    shape = shapely.box(LEFT + 10.1, TOP - 10.4, LEFT + 10.4, TOP - 10.1)
    params = {"aoi": shape, "aoi_crs": "EPSG:3979", "product": "dtm", "http": store}
    with pytest.raises(hrdem.NoDataError, match=r"smaller than a pixel.*`buffer`.*`crop=False`"):
        hrdem.extract(**params, output=tmp_path / "a.tif")
    assert hrdem.extract(**params, output=tmp_path / "a.tif", crop=False).statistics.pixels == 1


def test_circle_is_round(demo: Addresses, tmp_path: Path) -> None:
    result = hrdem.extract(
        point=(-75.7, 45.41), radius=300, product="dtm", stac_url=demo.stac,
        output=tmp_path / "a.tif",
    )  # fmt: skip
    with rasterio.open(tmp_path / "a.tif") as dataset:
        rows, columns = np.nonzero(dataset.read(1) != NODATA)
        radii = np.hypot(rows - rows.mean(), columns - columns.mean())
        assert radii.max() == pytest.approx(300 * 1.01, rel=0.012), "the map scale is 1.01"
    assert result.statistics.valid == pytest.approx(np.pi * radii.max() ** 2, rel=0.01)
