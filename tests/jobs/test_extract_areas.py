"""Outputs of areas of every kind: shapely says which pixels are inside, rasterio where they lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
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
from tests.rasters import horizontal
from tests.relief import LEFT, TOP, make_relief, punch_holes
from tests.stores import NODATA, Store

RELAXED = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def extracted(store: Store, output: Path, **words: Any) -> hrdem.Result:
    return hrdem.extract(**{"product": "dtm", **words}, output=output, http=store, overwrite=True)


def centres(dataset: rasterio.DatasetReader) -> tuple[NDArray[Any], NDArray[Any]]:
    columns, rows = np.meshgrid(np.arange(dataset.width) + 0.5, np.arange(dataset.height) + 0.5)
    (dx, dy), corner = dataset.res, dataset.transform
    return corner.c + dx * columns, corner.f - dy * rows


@pytest.mark.slow
@RELAXED
@given(
    corners=st.lists(
        st.tuples(st.floats(30, 870), st.floats(30, 870)), min_size=3, max_size=9, unique=True
    ),
    buffer=st.sampled_from([None, 3.0]),
    seed=st.integers(0, 99),
)
def test_a_pixel_is_there_if_its_centre_is_inside(
    tmp_path: Path, store: Store, corners: list[tuple[float, float]], buffer: float | None, seed
) -> None:
    """Whatever the shape: crossing itself, thin, or in several parts."""
    shape = shapely.make_valid(shapely.Polygon([(LEFT + x, TOP - y) for x, y in corners]))
    shape = shapely.union_all([part for part in shapely.get_parts(shape) if part.area])
    if shape.area < 10:
        return
    whole = punch_holes(make_relief("1m", 900, 900), seed, 0.2)
    store.add("hrdem-mosaic-1m", whole[:, :450], LEFT, TOP, item="west")
    store.add("hrdem-mosaic-1m", whole[:, 450:], LEFT + 450, TOP, item="east")
    words = {"aoi": shape.wkt, "aoi_crs": "EPSG:3979", "buffer": buffer}
    try:
        result = extracted(store, tmp_path / "a.tif", **words)
    except hrdem.NoDataError:
        result = None
    (tmp_path / "a.tif").unlink(missing_ok=True)
    extracted(store, tmp_path / "b.tif", **words, crop=False)
    area = hrdem.plan(**words, product="dtm", http=store).request.aoi.geometry
    with rasterio.open(tmp_path / "b.tif") as dataset:
        x, y = centres(dataset)
        if (shapely.distance(area.boundary, shapely.points(x, y)) < 1e-6).any():
            return  # on the outline: either is right, and versions of GEOS differ
        inside = shapely.contains_xy(area, x, y)
        pixels = dataset.read(1)
    expected = np.where(inside, pixels, NODATA)
    assert (result is None) == (expected == NODATA).all()
    if result is not None:
        extracted(store, tmp_path / "a.tif", **words)
        with rasterio.open(tmp_path / "a.tif") as dataset:
            np.testing.assert_array_equal(dataset.read(1), expected)
        assert result.statistics.pixels == inside.sum()
        assert result.statistics.valid == (expected != NODATA).sum()
        assert sum(result.pixels_by_source.values()) == result.statistics.valid


@pytest.mark.parametrize("product", ["dtm", pytest.param("dtm-slope", marks=pytest.mark.slow)])
def test_a_shape_on_another_grid_is_cut_there(
    demo: Addresses, tmp_path: Path, product: str
) -> None:
    """Its edge takes nothing from the pixels inside: slopes and kernels look beyond it."""
    shape = {
        "type": "Polygon",
        "coordinates": [
            [[-75.72, 45.40], [-75.69, 45.405], [-75.70, 45.42], [-75.72, 45.40]],
            [[-75.706, 45.405], [-75.700, 45.405], [-75.703, 45.41], [-75.706, 45.405]],
        ],
    }
    words: dict[str, Any] = {
        "aoi": shape, "product": product, "crs": "EPSG:2959", "resolution": 4,
        "stac_url": demo.stac,
    }  # fmt: skip
    result = hrdem.extract(**words, output=tmp_path / "a.tif")
    hrdem.extract(**words, crop=False, output=tmp_path / "b.tif")
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as two:
        assert one.transform == two.transform
        dense = shapely.segmentize(shapely.geometry.shape(shape), 1e-5)
        there = transform_geom("EPSG:4617", "EPSG:2959", shapely.geometry.mapping(dense))
        outside = geometry_mask([there], one.shape, one.transform)
        np.testing.assert_array_equal(one.read(1), np.where(outside, NODATA, two.read(1)))
    assert result.statistics.pixels == (~outside).sum()
    told = hrdem.estimate(result.plan)
    assert told.transfer_bytes == result.received_bytes
    assert told.coverage_percent == pytest.approx(result.statistics.valid_percent, abs=1)


@pytest.mark.slow
def test_only_what_lies_under_a_shape_is_read(demo: Addresses, tmp_path: Path) -> None:
    """A river runs across 49 tiles and lies in 13 of them."""
    corner = 1_700_352, -200_192  # of a tile
    line = shapely.LineString([corner, (corner[0] + 3_580, corner[1] - 3_580)]).buffer(5)
    words: dict[str, Any] = {"aoi_crs": "EPSG:3979", "product": "dtm", "stac_url": demo.stac}
    done = hrdem.extract(aoi=line, **words, output=tmp_path / "a.tif")
    assert done.received_bytes == hrdem.estimate(done.plan).transfer_bytes
    box = hrdem.estimate(hrdem.plan(aoi=line, crop=False, **words))
    assert done.received_bytes < 0.5 * box.transfer_bytes
    with rasterio.open(tmp_path / "a.tif") as dataset:
        x, y = centres(dataset)
        expected = heights(
            dataset.bounds.left, dataset.bounds.top, 1, dataset.width, dataset.height
        )
        inside = shapely.contains_xy(line, x, y)
        np.testing.assert_array_equal(dataset.read(1), np.where(inside, expected, NODATA))


def test_a_box_can_be_cut_too(demo: Addresses, tmp_path: Path) -> None:
    """A box in degrees lies askew in EPSG:3979."""
    bbox = (-75.712, 45.402, -75.700, 45.410)
    words: dict[str, Any] = {"bbox": bbox, "product": "dtm", "stac_url": demo.stac}
    plain = hrdem.extract(**words, output=tmp_path / "a.tif")
    cut = hrdem.extract(**words, crop=True, output=tmp_path / "b.tif")
    assert cut.plan.grid == plain.plan.grid
    with rasterio.open(tmp_path / "b.tif") as dataset:
        x, y = centres(dataset)
        inside = shapely.contains_xy(cut.plan.request.aoi.geometry, x, y)
        assert 0.5 < inside.mean() < 0.9
        np.testing.assert_array_equal(dataset.read(1) != NODATA, inside)


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
def test_an_output_can_be_like_another_raster(
    demo: Addresses, tmp_path: Path, crs: str, transform: Affine
) -> None:
    """To the last number of its transform, so that the two can be stacked."""
    if crs != "EPSG:3979":  # near the others
        (x,), (y,) = rasterio.warp.transform("EPSG:3979", crs, [1_700_500], [-200_500])
        transform = Affine(transform.a, 0, x + transform.a / 3, 0, transform.e, y)
    like = tmp_path / "like.tif"
    with rasterio.open(
        like, "w", "GTiff", width=301, height=203, count=1, dtype="uint8", crs=crs,
        transform=transform,
    ):  # fmt: skip
        pass
    result = hrdem.extract(like=like, product="dtm", stac_url=demo.stac, output=tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset, rasterio.open(like) as wanted:
        assert horizontal(dataset.crs) == crs
        assert (dataset.transform, dataset.shape) == (wanted.transform, wanted.shape)
        pixels = dataset.read(1)
    assert result.statistics.valid_percent > 90
    if transform == Affine(1, 0, 1_700_100, 0, -1, -200_300):
        np.testing.assert_array_equal(pixels, heights(1_700_100, -200_300, 1, 301, 203))
        assert not result.plan.resampled


@pytest.mark.parametrize("words", [{"crs": "EPSG:2959"}, {"resolution": 5}])
def test_like_leaves_nothing_more_to_say_of_the_grid(tmp_path: Path, words: Any) -> None:
    with rasterio.open(
        tmp_path / "like.tif", "w", "GTiff", width=3, height=3, count=1, dtype="uint8",
        crs="EPSG:3979", transform=Affine(1, 0, 1_700_100, 0, -1, -200_300),
    ):  # fmt: skip
        pass
    with pytest.raises(hrdem.RequestError, match="`like` sets the CRS and the pixel size"):
        hrdem.plan(like=tmp_path / "like.tif", product="dtm", **words)


@pytest.mark.slow
def test_a_sheet_at_25_m_is_the_sheet(demo: Addresses, tmp_path: Path) -> None:
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


def test_a_circle_is_round(demo: Addresses, tmp_path: Path) -> None:
    result = hrdem.extract(
        point=(-75.7, 45.41), radius=300, product="dtm", stac_url=demo.stac,
        output=tmp_path / "a.tif",
    )  # fmt: skip
    with rasterio.open(tmp_path / "a.tif") as dataset:
        rows, columns = np.nonzero(dataset.read(1) != NODATA)
        apart = np.hypot(rows - rows.mean(), columns - columns.mean())
        assert apart.max() == pytest.approx(300 * 1.01, rel=0.012), "the map's metres are shorter"
    assert result.statistics.valid == pytest.approx(np.pi * apart.max() ** 2, rel=0.01)
