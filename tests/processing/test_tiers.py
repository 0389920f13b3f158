"""Holes of a tier filled from the next, compared with GDAL's warp of whole rasters."""

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
from rasterio.enums import Resampling
from rasterio.warp import reproject

import hrdem
from hrdem.geo.grid import Window
from hrdem.planning.feather import Feather
from hrdem.processing.tiers import Layer, measure_distance, measure_seam, overlay
from tests.layers import read_with_layers
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.stores import NODATA, RESOLUTIONS, Store

LONG = (pytest.mark.slow, pytest.mark.long)
RELAXED = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

Array = NDArray[np.float32]


def make_layer(rows: Any, valid: Any, dtype: str = "float32", source_id: int = 1) -> Layer:
    """Return a layer of one source; pixels that are not valid keep the number given for them."""
    inside = np.array(valid, np.bool_)
    return Layer(np.array(rows, dtype), inside, [inside * np.uint8(source_id)])


def test_only_pixels_with_data_in_both_tiers_are_blended() -> None:
    """Nodata of the coarser tier was blended in: -16,333.5 m; whole weights keep every bit."""
    fine = make_layer([[NODATA, 10, 10, 10, 0.1, NODATA]], [[0, 1, 1, 1, 1, 0]])
    coarse = make_layer([[20, 20, 20, NODATA, 2e6, NODATA]], [[1, 1, 1, 0, 1, 0]], source_id=2)
    both = overlay(fine, coarse, Feather(4, 1, 1))
    # metres to the first pixel, 0 to 5; the coarser tier's share is 1 less a quarter for each
    expected = np.array([[20, 17.5, 15, 10, 0.1, NODATA]], np.float32)
    np.testing.assert_array_equal(both.pixels, expected)
    assert both.valid.tolist() == [[True, True, True, True, True, False]]
    assert both.source_ids[0].tolist() == [[2, 1, 1, 1, 1, 0]]


def test_pixels_without_data_are_not_computed_with() -> None:
    """What stands in them is no height: NaN or infinite values would spread."""
    fine = make_layer([[np.nan, 10, np.inf]], [[0, 1, 0]])
    coarse = make_layer([[20, 20, np.nan]], [[1, 1, 0]])
    both = overlay(fine, coarse, Feather(2, 1, 1))
    assert both.pixels[0, :2].tolist() == [20, 15]
    assert both.valid.tolist() == [[True, True, False]]


def test_blended_integers_are_rounded() -> None:
    """By a quarter each from 13 to 10: 12.25, 11.5 and 10.75; -13 to -10 likewise."""
    valid = [[0, 1, 1, 1, 1]]
    for sign in (1, -1):
        fine = make_layer([[0] + [sign * 10] * 4], valid, "int16")
        coarse = make_layer([[sign * 13] * 5], [[1] * 5], "int16")
        both = overlay(fine, coarse, Feather(4, 1, 1))
        assert both.pixels.tolist() == [[sign * each for each in (13, 12, 12, 11, 10)]]
        assert both.pixels.dtype == np.int16


def test_distances_are_between_centres() -> None:
    """Pixels of 3 m by 4 m: 5 m across a corner; nothing is farther than the feather."""
    mask = np.zeros((4, 5), np.bool_)
    mask[0, 0] = True
    rows, columns = np.indices(mask.shape)
    expected = np.minimum(np.hypot(3 * columns, 4 * rows), 9)
    np.testing.assert_allclose(measure_distance(mask, Feather(9, 3, 4)), expected, rtol=1e-6)
    turned = measure_distance(mask[::-1, ::-1], Feather(9, 3, 4))[::-1, ::-1]
    np.testing.assert_allclose(turned, expected, rtol=1e-6)
    assert (measure_distance(~mask & mask, Feather(9, 3, 4)) == 9).all()


@pytest.mark.parametrize(
    ("feather", "pixels"),
    [((0, 1, 1), 0), ((9, 3, 4), 3), ((9, 4, 3), 3), ((10, 3, 4), 4), ((10, 4, 3), 4)],
)
def test_feather_counts_the_smaller_side_of_a_pixel(
    feather: tuple[float, float, float], pixels: int
) -> None:
    assert Feather(*feather).pixels == pixels


def test_step_is_measured_at_visible_edges_with_data_in_both_tiers() -> None:
    """By hand: a hole in the middle of 5 by 5 has four neighbours, one of them in one tier only."""
    valid = np.ones((5, 5), np.bool_)
    valid[2, 2] = False
    fine = make_layer(np.arange(25).reshape(5, 5), valid)
    below = np.ones((5, 5), np.bool_)
    below[1, 2] = False
    coarse = make_layer(np.full((5, 5), 20), below)
    within, dst_window = Window(1, 1, 3, 3), Window(70, 30, 3, 3)
    visible = np.ones((3, 3), np.bool_)
    seam = measure_seam(fine, coarse, visible, within, dst_window)
    # 11 and 13 beside the hole, 17 below it; 7, above it, has no pixel of the coarser tier
    assert (seam.pixels, seam.total, seam.max_step) == (3, 9 + 7 + 3, 9)
    assert seam.max_step_pixel == (70, 31)
    visible[1, 0] = False
    seam = measure_seam(fine, coarse, visible, within, dst_window)
    assert (seam.pixels, seam.total, seam.max_step) == (2, 7 + 3, 7)
    assert seam.max_step_pixel == (72, 31)
    assert measure_seam(fine, coarse, ~visible & visible, within, dst_window).pixels == 0


def reproject_tier(pixels: Array, tier: str, dataset: rasterio.DatasetReader) -> Array:
    """Return a whole tier on the grid of an output, by one call of GDAL."""
    size = RESOLUTIONS[TIERS[tier]]
    pixels_on_grid = np.full(dataset.shape, NODATA, np.float32)
    if dataset.res == (size, size):
        row, column = (
            round((TOP - dataset.bounds.top) / size),
            round((dataset.bounds.left - LEFT) / size),
        )
        return pixels[row : row + dataset.height, column : column + dataset.width]
    reproject(
        pixels,
        pixels_on_grid,
        src_transform=Affine(size, 0, LEFT, 0, -size, TOP),
        src_crs="EPSG:3979",
        src_nodata=NODATA,
        dst_transform=dataset.transform,
        dst_crs=dataset.crs.to_string(),
        dst_nodata=NODATA,
        resampling=Resampling.bilinear,
        tolerance=0.0,
    )
    return pixels_on_grid


def extract(store: Store, output: Path, **params: Any) -> hrdem.Result:
    """Extract heights of a default box; `params` override it."""
    box = {"bbox": (LEFT + 60, TOP - 840, LEFT + 840, TOP - 60), "bbox_crs": "EPSG:3979"}
    return hrdem.extract(
        **{"product": "dtm", **box, **params}, output=output, http=store, overwrite=True
    )


@RELAXED
@given(
    seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)),
    shares=st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    resolution=st.sampled_from([None, 3]),
)
def test_each_pixel_is_from_the_finest_tier_with_data(
    tmp_path: Path, store: Store, seeds: tuple[int, int], shares: tuple[float, float], resolution
) -> None:
    """Both on the grid of the source and on a coarser one."""
    rasters = {
        "1m": punch_holes(make_relief("1m", 900, 900), seeds[0], shares[0]),
        "2m": punch_holes(make_relief("2m", 900, 900, step=5), seeds[1], shares[1]),
        "30m": make_relief("30m", 900, 900, step=40),
    }
    for tier, pixels in rasters.items():
        store.add(TIERS[tier], pixels, LEFT, TOP)
    output = tmp_path / "a.tif"
    result = extract(store, output, fill="2m,30m", source_band=True, resolution=resolution)
    pixels, ids = read_with_layers(output, "source")
    with rasterio.open(output) as dataset:
        layers = {tier: reproject_tier(rasters[tier], tier, dataset) for tier in rasters}
        assert dataset.descriptions == ("dtm, height above CGVD2013",)
    expected, source = layers["30m"].copy(), np.full(pixels.shape, 3)
    for number, tier in ((2, "2m"), (1, "1m")):
        valid = layers[tier] != NODATA
        expected[valid], source[valid] = layers[tier][valid], number
    np.testing.assert_array_equal(ids, source)
    if resolution is None:
        own = source == 1
        np.testing.assert_array_equal(pixels[own], expected[own])
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-4)
    counts = [int((source == number).sum()) for number in (1, 2, 3)]
    assert list(result.pixels_by_source.values()) == counts
    assert list(result.percent_by_tier.values()) == [100 * n / pixels.size for n in counts]
    assert result.statistics.valid_percent == 100


def test_layer_of_sources_refers_to_listed_sources(tmp_path: Path, store: Store) -> None:
    """Numbers in the layer match the tags and the STAC item, across two sub-tiles of one tier."""
    store.add(TIERS["1m"], punch_holes(make_relief("1m", 450, 900), 3, 0.3), LEFT, TOP, item="west")
    store.add(
        TIERS["1m"], punch_holes(make_relief("1m", 450, 900), 4, 0.3), LEFT + 450, TOP, item="east"
    )
    store.add(TIERS["30m"], make_relief("30m", 900, 900), LEFT, TOP)
    result = extract(
        store, tmp_path / "a.tif", fill=["30m"], source_band=True, crs="EPSG:2959", resolution=1.5
    )
    _, ids = read_with_layers(tmp_path / "a.tif", "source")
    tags = []
    for name in ("a.tif", "a.source.tif"):
        with rasterio.open(tmp_path / name) as dataset:
            tags.append(json.loads(dataset.tags()["HRDEM_SOURCES"]))
    item = json.loads((tmp_path / "a.stac.json").read_text())
    sources = item["properties"]["hrdem:sources"]
    assert tags == [sources] * 2
    names = {source["source_id"]: source["name"] for source in sources}
    counts = {names[number]: int((ids == number).sum()) for number in names}
    assert counts == result.pixels_by_source
    assert min(counts.values()) > 0
    assert item["properties"]["hrdem:percent_by_tier"] == pytest.approx(result.percent_by_tier)
    (band,) = item["assets"]["source"]["bands"]
    classes = {each["value"]: each["title"] for each in band["classification:classes"]}
    assert classes == names


def distance_to_mask(mask: NDArray[np.bool_], max_distance: int) -> Array:
    """Return the distance to the nearest mask pixel, at most `max_distance`, in pixels."""
    padded = np.pad(
        np.full(mask.shape, float(max_distance), np.float32),
        max_distance,
        constant_values=max_distance,
    )
    down, right = np.indices((2 * max_distance + 1, 2 * max_distance + 1)) - max_distance
    around = np.hypot(down, right).astype(np.float32)
    for row, column in zip(*np.nonzero(mask), strict=True):
        part = padded[row : row + 2 * max_distance + 1, column : column + 2 * max_distance + 1]
        np.minimum(part, around, out=part)
    return padded[max_distance:-max_distance, max_distance:-max_distance]


@pytest.mark.parametrize("resolution", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_feathering_blends_by_distance_to_the_next_tier(
    tmp_path: Path, store: Store, resolution: float | None
) -> None:
    """Blending crosses block borders and ends at the feather distance."""
    fine = make_relief("1m", 900, 900)
    fine[300:340, 500:700] = NODATA
    fine[700:, :400] = NODATA
    lake = 450, 560
    fine[lake[0] : lake[1], :200] = NODATA
    coarse = make_relief("2m", 900, 900, step=8)
    coarse[lake[0] // 2 - 5 : lake[1] // 2 + 5, :105] = NODATA  # empty in both tiers
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], coarse, LEFT, TOP)
    params = {"fill": "2m", "resolution": resolution}
    extract(store, tmp_path / "hard.tif", **params)
    extract(store, tmp_path / "soft.tif", **params, feather=25, source_band=True)
    with rasterio.open(tmp_path / "hard.tif") as dataset:
        hard = dataset.read(1)
        above, below = reproject_tier(fine, "1m", dataset), reproject_tier(coarse, "2m", dataset)
    soft, ids = read_with_layers(tmp_path / "soft.tif", "source")
    has_next = (above == NODATA) & (below != NODATA)
    weight = np.minimum(1, distance_to_mask(has_next, 26) * (resolution or 1) / 25)
    expected = hard.copy()
    both = (above != NODATA) & (below != NODATA)
    expected[both] = (below + weight * (above - below))[both]
    np.testing.assert_allclose(soft, expected, rtol=0, atol=2e-4)
    far = weight == 1
    np.testing.assert_array_equal(soft[far], hard[far])
    assert far.mean() > 0.4
    assert (soft != hard).mean() > 0.02
    np.testing.assert_array_equal(ids == 1, above != NODATA)
    across = np.abs(np.diff(soft, axis=0))[both[1:] & both[:-1]]
    assert across.max() < np.abs(np.diff(hard, axis=0))[has_next[1:] != has_next[:-1]].max() / 3


def test_step_at_a_tier_edge_is_reported(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    fine, coarse = make_relief("1m", 900, 900), make_relief("30m", 900, 900)
    fine[:, 480:] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["30m"], coarse + np.float32(7), LEFT, TOP)
    result = extract(store, tmp_path / "a.tif", fill="30m")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        below = reproject_tier(coarse + np.float32(7), "30m", dataset)
        above = reproject_tier(fine, "1m", dataset)
        column = 480 - 60 - 1
        steps = np.abs(above[:, column].astype(float) - below[:, column])
        row = int(steps.argmax())
        point = dataset.xy(row, column)
    (seam,) = result.seams
    assert seam.pixels == dataset.height
    assert seam.mean_step == pytest.approx(steps.mean(), abs=1e-4)
    assert seam.max_step == pytest.approx(steps.max(), abs=1e-4)
    assert result.plan.grid.centre(*seam.max_step_pixel) == pytest.approx(point)
    (reported,) = result.as_dict()["tier_seams"]
    assert (reported["tier"], reported["pixels"]) == ("1m", dataset.height)


@pytest.mark.slow
def test_tier_without_the_product_is_skipped(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the north, where the 2 m tier has no DTM."""
    fine = make_relief("1m", 900, 900)
    fine[:500] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 900, 900), LEFT, TOP, asset="dsm")
    store.add(TIERS["30m"], make_relief("30m", 900, 900), LEFT, TOP)
    result = extract(store, tmp_path / "a.tif", fill="2m,30m")
    assert result.statistics.valid_percent == 100
    assert list(result.percent_by_tier) == ["1m", "30m"]
    assert "tile-hrdem-mosaic-2m has no dtm" in caplog.text
    assert list(result.as_dict()["tiers_without_data"]) == ["2m"]


def test_grid_is_the_first_tiers_even_without_data(tmp_path: Path, store: Store) -> None:
    store.add(TIERS["2m"], make_relief("2m", 900, 900), LEFT, TOP)
    result = extract(store, tmp_path / "a.tif", fill="2m")
    assert result.plan.grid.resolution == (1, 1)
    assert result.percent_by_tier == {"2m": 100}


def test_error_without_data_explains_each_tier(tmp_path: Path, store: Store) -> None:
    store.add_item(TIERS["2m"], "tile")
    with pytest.raises(hrdem.NoDataError, match=r"hrdem-mosaic-1m has no item.*has no dtm"):
        extract(store, tmp_path / "a.tif", fill="2m")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_next_tier_is_read_only_around_holes(tmp_path: Path, store: Store) -> None:
    whole = make_relief("1m", 2_000, 2_000)
    store.add(TIERS["1m"], whole, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 2_000, 2_000), LEFT, TOP)
    params = {"bbox": (LEFT + 9, TOP - 1_991, LEFT + 1_991, TOP - 9), "fill": "2m"}
    extract(store, tmp_path / "a.tif", **params)
    assert store.received["tile-hrdem-mosaic-2m-dtm.tif"] == 0
    whole[1_500, 1_500] = NODATA
    store.add(TIERS["1m"], whole, LEFT, TOP)
    result = extract(store, tmp_path / "a.tif", **params)
    assert result.statistics.valid_percent == 100
    part = store.received["tile-hrdem-mosaic-2m-dtm.tif"]
    extract(store, tmp_path / "b.tif", bbox=params["bbox"], collection="2m")
    assert 0 < part < 0.5 * (store.received["tile-hrdem-mosaic-2m-dtm.tif"] - part)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"fill": "3m"}, "There is no collection '3m'"),
        ({"feather": 5}, "Give `fill`"),
        ({"fill": "2m", "feather": -1}, "`feather` is -1"),
        ({"fill": "2m", "feather": float("nan")}, "a number of metres that is not negative"),
        ({"fill": "2m", "feather": 500}, "Give up to 128"),
        ({"fill": "2m", "align": "blocks"}, "`fill` merges collections"),
        (
            {"fill": "2m", "via": "wcs", "wcs_url": "http://x.invalid/"},
            "The WCS does not serve the collection 2m",
        ),
    ],
)
def test_invalid_fill_and_feather_are_errors(
    tmp_path: Path, store: Store, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(hrdem.RequestError, match=message):
        extract(store, tmp_path / "a.tif", **params)


@pytest.mark.slow
def test_feather_distance_is_equal_in_all_directions(tmp_path: Path, store: Store) -> None:
    """The pixels are twice as high as wide."""
    fine, size = make_relief("1m", 900, 900), 3
    fine[430:470, 430:470] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 900, 900, step=9), LEFT, TOP)
    like = tmp_path / "like.tif"
    with rasterio.open(
        like, "w", "GTiff", width=500, height=250, count=1, dtype="uint8", crs="EPSG:3979",
        transform=Affine(1.5, 0, LEFT + 75, 0, -size, TOP - 75),
    ):  # fmt: skip
        pass
    area = {"bbox": None, "bbox_crs": None, "like": like, "fill": "2m"}
    extract(store, tmp_path / "hard.tif", **area)
    extract(store, tmp_path / "soft.tif", **area, feather=60)
    with rasterio.open(tmp_path / "hard.tif") as one, rasterio.open(tmp_path / "soft.tif") as two:
        rows, columns = np.nonzero(one.read(1) != two.read(1))
    down, right = size * np.ptp(rows), 1.5 * np.ptp(columns)
    assert down == pytest.approx(160, abs=9)
    assert right == pytest.approx(160, abs=9)


@pytest.mark.parametrize("dtype", ["uint16", pytest.param("int16", marks=LONG)])
def test_integers_blend_without_overflow(tmp_path: Path, store: Store, dtype: str) -> None:
    fine, coarse = np.full((900, 900), 100, dtype), np.full((450, 450), 140, dtype)
    fine[:, 450:] = 255
    store.add(TIERS["1m"], fine, LEFT, TOP, nodata=255)
    store.add(TIERS["2m"], coarse, LEFT, TOP, nodata=255)
    result = extract(store, tmp_path / "a.tif", fill="2m", feather=40)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        row = dataset.read(1)[200].astype(int)
    assert row[0] == 100
    assert row[-1] == 140
    assert (np.diff(row) >= 0).all()
    assert len(np.unique(row)) == 41
    assert (result.seams[0].mean_step, result.seams[0].max_step) == (40, 40)


@pytest.mark.parametrize("crop", [False, True])
def test_only_visible_tier_edges_are_counted(tmp_path: Path, store: Store, crop: bool) -> None:
    """Edges outside the area or under a finer tier are not counted."""
    fine, middle = make_relief("1m", 900, 900), make_relief("2m", 900, 900, step=5)
    fine[450, 450] = NODATA
    middle[225, 225] = NODATA  # below a hole of the finer tier
    middle[100, 100] = NODATA  # below valid pixels of the finer tier
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], middle, LEFT, TOP)
    store.add(TIERS["30m"], make_relief("30m", 900, 900, step=40), LEFT, TOP)
    corners = [(LEFT + 200, TOP - 200), (LEFT + 700, TOP - 200), (LEFT + 450, TOP - 700)]
    area = shapely.Polygon(corners)
    params = {"bbox": None, "bbox_crs": None, "aoi": area, "aoi_crs": "EPSG:3979", "crop": crop}
    result = extract(store, tmp_path / "a.tif", fill="2m,30m", **params)
    first, second = result.seams
    assert first.pixels == 4
    assert second.pixels == 0


@pytest.mark.parametrize("tier", ["1m", "2m", pytest.param("30m", marks=LONG)])
@pytest.mark.parametrize("feather", [pytest.param(0, marks=pytest.mark.slow), 60])
@pytest.mark.parametrize(
    "grid",
    [
        {},
        pytest.param({"resolution": 3}, marks=LONG),
        pytest.param({"resolution": 5, "crs": "EPSG:2959"}, marks=pytest.mark.slow),
        pytest.param({"source_band": True}, marks=LONG),
        pytest.param({"format": "cog"}, marks=LONG),
    ],
    ids=["native", "3m", "utm", "source-band", "cog"],
)
def test_single_tier_is_the_same_with_and_without_fill(
    tmp_path: Path, store: Store, tier: str, feather: int, grid: dict[str, Any]
) -> None:
    """The margin that blending reads around an area never shifts the pixels."""
    pixels = punch_holes(make_relief(tier, 900, 900), seed=7, share=0.3)
    store.add(TIERS[tier], pixels, LEFT, TOP)
    others = ",".join(name for name in TIERS if name != "1m")
    extract(store, tmp_path / "filled.tif", collection="1m", fill=others, feather=feather, **grid)
    plain = grid if tier == "1m" else {"resolution": 1, **grid}
    extract(store, tmp_path / "plain.tif", collection=tier, **plain)
    with (
        rasterio.open(tmp_path / "filled.tif") as filled,
        rasterio.open(tmp_path / "plain.tif") as alone,
    ):
        assert filled.transform == alone.transform
        np.testing.assert_array_equal(filled.read(), alone.read())
        if tier == "1m" and "resolution" not in grid:
            np.testing.assert_array_equal(filled.read(1), reproject_tier(pixels, tier, filled))


@pytest.mark.parametrize("feather", [pytest.param(0, marks=pytest.mark.slow), 60])
def test_slope_of_a_single_tier_is_not_shifted(tmp_path: Path, store: Store, feather: int) -> None:
    store.add(TIERS["1m"], make_relief("1m", 900, 900), LEFT, TOP)
    extract(store, tmp_path / "filled.tif", product="dtm-slope", fill="2m", feather=feather)
    extract(store, tmp_path / "plain.tif", product="dtm-slope")
    with (
        rasterio.open(tmp_path / "filled.tif") as filled,
        rasterio.open(tmp_path / "plain.tif") as alone,
    ):
        np.testing.assert_array_equal(filled.read(), alone.read())


@pytest.mark.parametrize("chunks", [None, pytest.param(256, marks=pytest.mark.slow)])
def test_array_of_a_single_tier_is_not_shifted(store: Store, chunks: int | None) -> None:
    pixels = make_relief("1m", 900, 900)
    store.add(TIERS["1m"], pixels, LEFT, TOP)
    box = {"bbox": (LEFT + 60, TOP - 840, LEFT + 840, TOP - 60), "bbox_crs": "EPSG:3979"}
    array = hrdem.load(**box, product="dtm", fill="2m", feather=60, chunks=chunks, http=store)
    np.testing.assert_array_equal(array.values, pixels[60:840, 60:840])
